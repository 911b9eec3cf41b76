"""Memories as cells and synapses of a spiking network: what each brings along.

A form is plain text and numbers, so that it travels into the process that compiles the network,
where `spikeconsol.bottleneck.equations.parts` makes Brian2 objects of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spikeconsol import checks
from spikeconsol.bottleneck.equations.memories import (
    CLASS_MEANS,
    MEANS_EQUATIONS,
    MEMORY,
    MEMORY_HUB,
    PAIRS,
    PROTOTYPES,
    TAKE_SLOT,
    WINDOW,
    WINDOW_EQUATIONS,
    WRITE,
)
from spikeconsol.bottleneck.equations.reservoirs import CHOOSE, GATED, HELD, RELAYS, SLOTS
from spikeconsol.bottleneck.hsic import label_similarity
from spikeconsol.parameters import parameter

if TYPE_CHECKING:
    from spikeconsol.bottleneck.memory.base import Place

__all__ = [
    "CLASS_MEANS",
    "PROTOTYPES",
    "Cells",
    "SpikingForm",
    "Wires",
    "class_cells",
    "echo_readout",
    "held_parameter",
    "numbered",
    "readout_weights",
    "window_cells",
]

Text = Mapping[str, str]

#: Samples whose activity a control keeps, and after which a constant state stays.
KEPT, FROZEN = 400, 200


@dataclass(frozen=True)
class Cells:
    """A population; a number is appended to its name, that of the layer it serves.

    Attributes
    ----------
    name : str
    size : int
    equations : str
        Brian2 equations.
    at_end : mapping
        Statements that run at the end of a sample, by moment: see
        `spikeconsol.bottleneck.equations.schedule.ORDER`.
    links : mapping
        Linked variables, and the population of this memory or ``"teacher"`` that has them.
    threshold, reset, method : str
        For cells that spike.
    tables : mapping
        Names of tables with a row per class and a column per cell, which the statements call as
        ``name((class + 0.5)*sample_time, i)``.
    recorded : tuple of str
        Variables recorded at the ends of samples, with the spikes, when all is recorded.
    """

    name: str
    size: int
    equations: str
    at_end: Text = field(default_factory=dict)
    links: Text = field(default_factory=dict)
    threshold: str = ""
    reset: str = ""
    method: str = ""
    tables: tuple[str, ...] = ()
    recorded: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        checks.whole("size", self.size, at_least=1)
        _check(self, str, "name", "equations", "threshold", "reset", "method")
        _check(self, Mapping, "at_end", "links")
        _check(self, Collection, "tables", "recorded")


@dataclass(frozen=True)
class Wires:
    """Synapses from all cells of one population to all of another.

    Attributes
    ----------
    name, source, target : str
        Populations of this memory, ``"inputs"`` (intensities are ``level``), or ``"cells"``, the
        layer: code ``z``, spikes; the modulatory signal is added to its ``signal``.
    equations, on_pre : str
    at_end : mapping
        As for `Cells`; statements of synapses cannot read linked variables.
    per_class : bool
        One synapse for each class instead of one, with the class as ``class_gate``.
    one_to_one : bool
        Connect only cells of the same index.
    """

    name: str
    source: str
    target: str
    equations: str = ""
    on_pre: str = ""
    at_end: Text = field(default_factory=dict)
    per_class: bool = False
    one_to_one: bool = False

    def __post_init__(self) -> None:
        _check(self, str, "name", "source", "target", "equations", "on_pre")
        _check(self, Mapping, "at_end")
        _check(self, bool, "per_class", "one_to_one")


@dataclass(frozen=True)
class SpikingForm:
    """A memory in a spiking network.

    Attributes
    ----------
    parts : tuple of Cells and Wires
    state, fixed : dict of ndarray
        What changes while the network runs, and what does not, as ``"part.variable"``; tables by
        their name.
    constants : dict of float
        Shared constants, as ``"part.variable"``.
    """

    parts: tuple[Cells | Wires, ...]
    state: dict[str, NDArray] = field(default_factory=dict)
    fixed: dict[str, NDArray] = field(default_factory=dict)
    constants: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(self, tuple, "parts")
        for part in self.parts:
            checks.instance("parts", part, Cells | Wires, "Cells and Wires")  # type: ignore[arg-type]
        _check(self, Mapping, "state", "fixed", "constants")

    def structure(self) -> list[dict[str, Any]]:
        """Return the parts as plain data."""
        return [{"kind": type(part).__name__, **asdict(part)} for part in self.parts]


def _check(part: Any, kind: type, *names: str) -> None:
    for name in names:
        checks.instance(name, getattr(part, name), kind)


def numbered(name: str, number: int) -> str:
    """Name of a variable of a part, or of a table, in the program: of one layer of several."""
    owner, dot, variable = name.partition(".")
    return f"{owner}{number}{dot}{variable}"


def class_cells(statements: Text, rate: float, place: Place) -> SpikingForm:
    """One cell per class, which keeps a mean code; statements for its kernel and coefficient."""
    n = place.classes
    return SpikingForm(
        _code_cells(
            n,
            MEANS_EQUATIONS,
            {"code": "distance = 0", "normalise": WRITE, **statements},
            {"learn": "m += write_post*(z_pre - m)"},
        ),
        state={"memory.known": np.zeros(n), "trace.m": np.zeros(place.units * n)},
        constants=_objective(place) | {"memory.memory_rate": rate},
    )


def window_cells(length: int, place: Place) -> SpikingForm:
    """One cell per remembered sample."""
    n = length
    parts = _code_cells(
        n,
        WINDOW_EQUATIONS,
        {"code": "distance = 0\ninput_distance = 0\n" + TAKE_SLOT, **WINDOW},
        {"remember": "m += newest_post*(z_pre - m)"},
        ("column_sum",),
    )
    image = Wires(
        "image",
        "inputs",
        "memory",
        "x : 1",
        at_end={
            "remember": "x += newest_post*(level_pre - x)",
            "compare": "input_distance_post += (level_pre - x)**2/N_pre",
        },
    )
    pairs = Wires("pairs", "memory", "memory", "A : 1", at_end={"write pairs": PAIRS})
    objective = place.objective
    return SpikingForm(
        (*parts, image, pairs),
        state={
            "memory.known": np.zeros(n),
            "memory.slot_label": np.zeros(n, np.int32),
            "memory.cursor": np.zeros(n, np.int32),
            "trace.m": np.zeros(place.units * n),
            "image.x": np.zeros(place.inputs * n),
            "pairs.A": np.zeros(n * n),
        },
        constants=_objective(place)
        | {
            "memory.input_weight": objective.input_weight,
            "memory.input_width": objective.widths[0],
            "memory.other_class": label_similarity(place.classes, objective.widths[1]),
        },
    )


def _code_cells(
    n: int, equations: str, at_end: Text, written: Text, sums: tuple[str, ...] = ()
) -> tuple[Cells | Wires, ...]:
    """Cells that hold codes in synapses `trace`, and a hub that sums over them."""
    gathered = "cells_known_post += known_pre\na_sum_post += a_pre"
    gathered += "".join(f"\n{name}_post += {name.removesuffix('_sum')}_pre" for name in sums)
    hub = dict.fromkeys(("cells_known", "held", "a_sum", *sums), "memory_hub")
    return (
        Cells(
            "memory_hub",
            1,
            MEMORY_HUB,
            {"begin": "cells_known = 0\na_sum = 0\ncolumn_sum = 0"},
        ),
        Cells(
            "memory",
            n,
            MEMORY + equations,
            at_end,
            {"memory_label": "teacher", "taught": "teacher", **hub},
        ),
        Wires(
            "trace",
            "cells",
            "memory",
            "m : 1",
            at_end={
                **written,
                "compare": "distance_post += (z_pre - m)**2/N_pre",
                "signal": "signal_pre += coefficient_post*(z_pre - m)/N_pre",
            },
        ),
        Wires("gather", "memory", "memory_hub", at_end={"sum kernel": gathered}),
    )


def _objective(place: Place) -> dict[str, float]:
    return {
        "memory.gamma": place.objective.gamma,
        "memory.code_weight": place.objective.code_weight,
        "memory.code_width": place.objective.widths[2],
    }


def held_parameter() -> Any:
    """What the readout of a reservoir sees: its state, or what a control puts in its place."""
    return parameter(
        "present",
        choices=("present", *CHOOSE),
        doc="control: activity that the trained readout sees, of the present, its mean over the "
        f"first {FROZEN} samples, of a random one of the last {KEPT}, or of the sample before",
    )


def echo_readout(
    population: str, activity: str, units: int, cells: int, held: str
) -> tuple[tuple[Cells | Wires, ...], dict[str, NDArray]]:
    """Readout of a population's activity, or of what a control puts in its place; their state."""
    if held == "present":
        return _readout(population, activity, units), {}
    slots = KEPT if held == "shuffled" else 1
    parts = (
        Cells(
            "held",
            cells,
            HELD,
            {"begin": "seen = 0", "code": "class_now = memory_label"},
            {"memory_label": "teacher"},
        ),
        Cells(
            "slots",
            slots,
            SLOTS,
            {"code": CHOOSE[held].format(frozen=FROZEN), "learn": "shown += int(taught)"},
            {"taught": "teacher"},
        ),
        Wires(
            "take",
            population,
            "held",
            at_end={"normalise": f"present_post = {activity}_pre"},
            one_to_one=True,
        ),
        Wires(
            "keep",
            "slots",
            "held",
            "m : 1",
            at_end={
                "compare": "seen_post += chosen_pre*m",
                "learn": "m += write_pre*(present_post - m)",
            },
        ),
        *_readout("held", "seen", units),
    )
    return parts, {"slots.shown": np.zeros(slots, np.int32), "keep.m": np.zeros(slots * cells)}


def _readout(population: str, activity: str, units: int) -> tuple[Cells | Wires, ...]:
    """Class-gated readout of a population's activity, and of the sample itself, into the signal."""
    open_now = "int(class_gate == class_now_pre)"
    return (
        Cells(
            "relays",
            units + 1,
            RELAYS,
            {"code": "class_now = memory_label\nrate = 1"},
            {"memory_label": "teacher"},
        ),
        Wires("relay", "cells", "relays", at_end={"compare": "rate_post = z_pre"}, one_to_one=True),
        Wires(
            "read",
            population,
            "cells",
            GATED,
            at_end={"signal": f"signal_post += w*{activity}_pre*{open_now}"},
            per_class=True,
        ),
        Wires(
            "direct",
            "relays",
            "cells",
            GATED,
            at_end={"signal": f"signal_post += w*rate_pre*{open_now}"},
            per_class=True,
        ),
    )


def readout_weights(echo: NDArray, direct: NDArray) -> dict[str, NDArray]:
    """Synapses of a readout of shapes (classes, units, cells) and (classes, units, units + 1)."""
    return {
        "read.w": echo.transpose(2, 1, 0).ravel(),
        "direct.w": direct.transpose(2, 1, 0).ravel(),
    }
