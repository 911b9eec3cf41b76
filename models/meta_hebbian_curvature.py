"""Whether the learned plasticity of a synapse has to do with curvature.

A synapse's plasticity budget is |alpha|. Curvature is the second derivative of the task's loss
along its fixed weight; the Fisher information is the consolidation wing's, p(1 - p) of the
coincidence of its two units. Inputs fall into classes (labels, pattern elements), and within a
class the published tasks treat all elements alike, so that nothing but chance can tell the synapses
of one cell apart. So correlations are taken within a cell over pattern inputs, against permutations
within cells, beside their reliability; one task has elements of graded noise; and synapses of high
and low values are lesioned to see what they are for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.random import Generator
from numpy.typing import NDArray

from spikeconsol.lab import Condition
from spikeconsol.metaplasticity import Plasticity, Training, evaluate, tasks, train
from spikeconsol.models.meta_hebbian import SCORES, Case, Tested, experiment, learn, listed, named
from spikeconsol.parameters import parameter

MEASURES = ("alpha", "curvature", "fisher")
#: Networks that have not learned their task say nothing about it.
LEARNED_ABOVE = 0.85


@dataclass(frozen=True)
class CurvatureProtocol(Tested, tested=200):  # type: ignore[call-arg]
    """Training, measurement of curvature, and lesions."""

    sampled: int = parameter(100, at_least=2, doc="episodes for the curvature")
    shuffles: int = parameter(200, at_least=1, doc="permutations within cells")
    again: int = parameter(2000, at_least=2, doc="further episodes of training, for reliability")
    lesioned: int = parameter(2, at_least=1, doc="pattern synapses of each cell in a lesion")
    moved: float = parameter(0.1, above=0, doc="standard deviation by which fixed weights move")


def conditions(protocol: CurvatureProtocol) -> Sequence[Condition]:
    """Tasks whose pattern elements are alike, and one in which they are not."""
    negative = Plasticity(alpha_sign="negative")
    return listed(
        {
            "one-shot": ("one-shot, elements alike", Case(tasks.OneShot())),
            "reversal": ("reversal, elements alike", Case(tasks.Reversal(), negative)),
            "graded": (
                "one-shot, noise from 0 to 0.3",
                Case(tasks.OneShot(size=12, noise=0.15, graded=True)),
            ),
        }
    )


def measure(
    training: Training, protocol: CurvatureProtocol, part: int
) -> dict[str, NDArray[np.float64]]:
    """Return curvature and Fisher information, each (R, Y, K), from episodes of their own."""
    from spikeconsol.consolidation.curvature import clamped
    from spikeconsol.metaplasticity.analysis import task_curvature

    task, network = training.task, training.network
    drawn = [
        task.draw(np.random.default_rng([seed, 2, part]), protocol.sampled)
        for seed in training.seeds
    ]
    episodes = tasks.stack(drawn)
    y = network.run(training.parameters, episodes).activity.y  # type: ignore[union-attr]
    fisher = np.empty_like(training.parameters["alpha"])
    for n in range(training.runs):
        units = np.concatenate([episodes.x[:, n], y[:, n]], axis=-1) > 0
        fisher[n] = clamped(units.reshape(-1, units.shape[-1]))[task.inputs :, : task.inputs]
    curvature = task_curvature(network, training.parameters, episodes)
    return {"curvature": curvature, "fisher": fisher}


def within_cells(a: NDArray, b: NDArray) -> NDArray[np.float64]:
    """Return the rank correlation over the inputs of each cell, mean over cells: (R,)."""
    from scipy.stats import rankdata

    ranks = [rankdata(values, axis=-1) for values in (a, b)]
    centred = [rank - rank.mean(axis=-1, keepdims=True) for rank in ranks]
    norms = [np.sqrt((rank**2).sum(axis=-1)) for rank in centred]
    products = (centred[0] * centred[1]).sum(axis=-1)
    return (products / np.maximum(norms[0] * norms[1], 1e-12)).mean(axis=-1)


def chosen(values: NDArray, count: int, highest: bool) -> NDArray[np.bool_]:
    """Mark the `count` highest or lowest synapses of every cell, (R, Y, K)."""
    rank = values.argsort(axis=-1).argsort(axis=-1)
    return rank >= values.shape[-1] - count if highest else rank < count


def lesion(
    training: Training,
    marked: NDArray[np.bool_],
    kind: str,
    protocol: CurvatureProtocol,
    rng: Generator,
) -> NDArray[np.float64]:
    """Return the loss of accuracy, (R,), from a lesion of the marked pattern synapses.

    ``"freeze"`` takes their plasticity away, ``"perturb"`` moves their fixed weights at random.
    """
    labels = training.task.label_inputs
    alpha, w = training.parameters["alpha"].copy(), training.parameters["w"].copy()
    if kind == "freeze":
        alpha[..., labels:][marked] = 0
    else:
        w[..., labels:][marked] += protocol.moved * rng.normal(size=int(marked.sum()))
    after = evaluate(
        training.with_parameters(alpha=alpha, w=w), seeds=training.seeds, episodes=protocol.tested
    )
    before = evaluate(training, episodes=protocol.tested)
    return (before.accuracy - after.accuracy).mean(axis=0)


def run(protocol: CurvatureProtocol, condition: Condition, seeds: tuple[int, ...]) -> xr.Dataset:
    """Measure, correlate within cells, and lesion."""
    training = learn(protocol, condition.setup, seeds)
    labels = training.task.label_inputs
    learned = training.test_accuracy > LEARNED_ABOVE
    # A demonstration may have none that learned: then all are shown for what they are.
    analysed = learned if learned.any() else ~learned
    rng = np.random.default_rng([seeds[0], 3])
    halves = [measure(training, protocol, part) for part in (0, 1)]
    values = {"alpha": np.abs(training.parameters["alpha"])}
    values |= {name: (halves[0][name] + halves[1][name]) / 2 for name in halves[0]}
    later = train(
        training.task, seeds=seeds, episodes=protocol.again, frozen=1, start=training,
        backend=protocol.backend, progress=False,
    )  # fmt: skip
    other = {"alpha": np.abs(later.parameters["alpha"])[..., labels:]}
    first = {"alpha": values["alpha"][..., labels:]}
    for name in halves[0]:
        first[name], other[name] = (half[name][..., labels:] for half in halves)
    patterns = {name: value[..., labels:] for name, value in values.items()}
    dataset = training.to_dataset()

    def put(name: str, found: NDArray, text: str) -> None:
        dataset[name] = named("seed", found, text)

    dataset["learned"] = named("seed", learned.astype(float), "networks that are analysed")
    for name in MEASURES:
        by_class = [part.mean(axis=(-2, -1)) for part in np.split(values[name], [labels], axis=-1)]
        put(f"{name}_labels", by_class[0], f"mean {name} of label connections")
        put(f"{name}_patterns", by_class[1], f"mean {name} of pattern connections")
        spread = patterns[name].std(axis=-1) / np.maximum(patterns[name].mean(axis=-1), 1e-12)
        put(f"{name}_spread", spread.mean(axis=-1), f"variation of {name} within cells")
        reliability = within_cells(first[name], other[name])
        put(f"{name}_reliability", reliability, f"rank correlation of {name} with itself")
        if name != "alpha":
            put(
                f"{name}_within",
                within_cells(patterns["alpha"], patterns[name]),
                f"rank correlation of |α| and {name} within cells",
            )
            shuffled = [
                within_cells(patterns["alpha"], rng.permuted(patterns[name], axis=-1))
                for _ in range(protocol.shuffles)
            ]
            # Extreme means over networks, against those of permuted synapses.
            means = np.mean(np.array(shuffled)[:, analysed], axis=1)
            seen = dataset[f"{name}_within"].values[analysed].mean()
            dataset.attrs[f"{name}_within_p"] = float(
                (1 + (np.abs(means) >= abs(seen)).sum()) / (1 + len(means))
            )
        put(
            f"{name}_by_place",
            within_cells(
                patterns[name],
                np.broadcast_to(np.arange(patterns[name].shape[-1]), patterns[name].shape),
            ),
            f"rank correlation of {name} with the element's number",
        )
        for kind in ("freeze", "perturb"):
            for end in ("highest", "lowest"):
                marked = chosen(patterns[name], protocol.lesioned, end == "highest")
                put(
                    f"{kind}_{end}_{name}",
                    lesion(training, marked, kind, protocol, rng),
                    f"accuracy lost: {kind} the {end} {name}",
                )
    anywhere = chosen(rng.random(patterns["alpha"].shape), protocol.lesioned, True)
    for kind in ("freeze", "perturb"):
        lost = lesion(training, anywhere, kind, protocol, rng)
        put(f"{kind}_random", lost, f"accuracy lost: {kind} random synapses")
    dataset["element_noise"] = named("element", training.task.flipped, "noise of each element")  # type: ignore[attr-defined]
    return dataset


COLUMNS: tuple[Any, ...] = (
    *SCORES,
    "learned",
    "curvature_within",
    "fisher_within",
    "alpha_reliability",
    "curvature_reliability",
)
EXPERIMENTS = (
    experiment(
        "plasticity-and-curvature",
        "is the learned plasticity of a synapse related to curvature?",
        conditions,
        run=run,
        columns=COLUMNS,
        demo={"sampled": 20, "shuffles": 20, "again": 200, "tested": 20},
        figures=("meta_curvature",),
    ),
)
