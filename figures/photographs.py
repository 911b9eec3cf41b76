"""Sequences of small natural images, binarised in two ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spikeconsol.figures.style import COLORS, TWO_COLUMNS, figure, panel_label, points, state_n
from spikeconsol.lab import Figure

NEED = "curvature-capacity/photographs"
RULES = (
    ("perceptron", "batch perceptron", "control"),
    ("instant", "batch covariance", "instant"),
    ("curvature-gate", "curvature gate", "gate"),
    ("hard-bounds", "hard bounds", "bounds"),
    ("leaky", "leaky", "leaky"),
    ("frozen-mask", "mask, top 5%", "shuffled"),
)
CODES = (("half", "half of the largest"), ("tenth", "brightest tenth"))


def draw(results: Mapping[str, Mapping[str, Any]]) -> Any:
    """Examples and P90 of every rule, for both ways to binarise."""
    found = results[NEED]
    drawing, axes = figure(TWO_COLUMNS, 2.6, columns=4, width_ratios=[0.5, 1, 0.5, 1])
    for (code, title), (left, right), letters in zip(
        CODES, (axes[:2], axes[2:]), ("ab", "cd"), strict=True
    ):
        images = found[f"rate-{code}-instant"].example.values.astype(float)
        side = round(images.shape[1] ** 0.5)
        sheet = np.full((4 * (side + 1) - 1, 2 * (side + 1) - 1), 0.6)
        for k, image in enumerate(images):
            row, column = (side + 1) * (k // 2), (side + 1) * (k % 2)
            sheet[row : row + side, column : column + side] = image.reshape(side, side)
        left.imshow(sheet, cmap="gray", interpolation="nearest")
        left.set_axis_off()
        for place, (rule, _, color) in enumerate(RULES):
            case = found[f"rate-{code}-{rule}"]
            for measure, fill, side_step in (("blank", "white", -0.12), ("steady", None, 0.12)):
                values = case[f"p90_{measure}"].values
                if np.isfinite(values).all():
                    shape = {"mfc": fill or COLORS[color], "ms": 4, "ls": "none"}
                    points(right, [place + side_step], [values], color=color, **shape)
        right.set_xticks(
            range(len(RULES)), [label for _, label, _ in RULES], rotation=40, ha="right", fontsize=6
        )
        right.set(title=title, ylim=(0, 42))
        panel_label(left, letters[0])
        panel_label(right, letters[1])
        right.set_ylabel("P90 (images)")
        state_n(right, case.sizes["seed"], corner="upper right")
    for fill, label in (("white", "blank"), (COLORS["control"], "steady state")):
        right.plot([], [], "o", ms=4, mfc=fill, color=COLORS["control"], label=label)
    right.legend(loc="upper right", bbox_to_anchor=(1, 0.9))
    return drawing


FIGURES = (
    Figure(
        name="photographs",
        needs=(NEED,),
        caption=(
            "Sequences of 10 x 10 pieces of photographs, each stored once. (a, c) Examples: pixels "
            "of at least half of the largest grey value, as in the source paper's program; the "
            "brightest tenth. (b, d) Images of which 90% are recalled from damaged cues, from a "
            "blank start (open) and in the steady state (filled). Mean and 95% CI over {n} seeds."
        ),
        draw=draw,
    ),
)
