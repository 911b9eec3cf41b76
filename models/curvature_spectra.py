"""Spectra of the Fisher information matrix against the number of stored patterns.

A rule sees the diagonal, one number per synapse. Held in its P patterns, a network has a matrix
that is a covariance over P states: its rank is P - 1 at most, and its eigenvalues are those of a
P x P matrix, whatever the number of synapses. Small networks, free to visit all their states, are
summed over them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from spikeconsol.consolidation import batch, curvature
from spikeconsol.data import sparse_patterns
from spikeconsol.lab import Condition, family
from spikeconsol.parameters import Parameters, parameter

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Spectra(Parameters):
    """Networks held in their patterns, and small ones that are free."""

    units: int = parameter(200, at_least=20, doc="number of units N")
    coding_level: float = parameter(0.05, above=0, at_most=0.5, doc="fraction f of active units")
    loads: tuple[int, ...] = parameter(
        (5, 10, 20, 50, 100, 200), at_least=2, doc="numbers of stored patterns"
    )
    small: int = parameter(12, at_least=4, at_most=14, doc="units of the enumerated networks")
    small_active: int = parameter(3, at_least=1, doc="active units of their patterns")
    small_loads: tuple[int, ...] = parameter((2, 4, 8), at_least=2, doc="patterns stored in them")
    temperature: float = parameter(0.1, above=0, doc="theirs; a pattern drives its units by 1")


def conditions(p: Spectra) -> list[Condition]:
    """Every load, held in the patterns and free."""
    held = [
        Condition(f"held-{load:03d}", "rate", f"held in {load} patterns", (load, True))
        for load in p.loads
    ]
    return held + [
        Condition(
            f"free-{load:03d}", "rate", f"free, {p.small} units, {load} patterns", (load, False)
        )
        for load in p.small_loads
    ]


def held(p: Spectra, load: int, seed: int) -> tuple[Values, Values]:
    """Diagonal and eigenvalues of the information, the network in each pattern equally often."""
    patterns = sparse_patterns(load, p.units, coding_level=p.coding_level, seed=seed)
    both = patterns.astype(float) @ patterns.T
    # Coincidences of two patterns: pairs within the units that they share; then centred.
    shared = both * (both - 1) / 2
    centre = np.eye(load) - 1 / load
    eigenvalues = np.linalg.eigvalsh(centre @ shared @ centre / load)
    return curvature.clamped(patterns)[np.triu_indices(p.units, 1)], eigenvalues


def free(p: Spectra, load: int, seed: int) -> tuple[Values, Values]:
    """Diagonal and eigenvalues of the information, from all states of a small network."""
    f = p.small_active / p.small
    patterns = sparse_patterns(load, p.small, coding_level=f, seed=seed)
    weights = batch.covariance(patterns) / (p.small_active * (1 - f))
    fisher = curvature.exact(weights, thresholds=0.5, temperature=p.temperature, full=True)
    fisher *= p.temperature**2  # covariances, as when held
    return np.diag(fisher).copy(), np.linalg.eigvalsh(fisher)


def effective(values: Values) -> float:
    """Participation ratio: how many of them carry the sum."""
    return float(values.sum() ** 2 / (values**2).sum())


def run(p: Spectra, condition: Condition, seeds: tuple[int, ...]) -> xr.Dataset:
    """Take the spectra of every seed."""
    load, is_held = condition.setup
    rows = [(held if is_held else free)(p, load, seed) for seed in seeds]
    diagonal = np.sort([row[0] for row in rows])[:, ::-1]
    eigenvalues = np.sort([row[1] for row in rows])[:, ::-1].clip(0)
    measures = {
        "informative": ("synapses with information (%)", 100 * (diagonal > 1e-9).mean(axis=1)),
        "synapses": ("effective synapses", [effective(row) for row in diagonal]),
        "rank": ("eigenvalues above 0", (eigenvalues > 1e-9).sum(axis=1).astype(float)),
        "directions": ("effective directions", [effective(row) for row in eigenvalues]),
    }
    result = xr.Dataset(coords={"seed": list(seeds)})
    for name, (label, values) in measures.items():
        result[name] = ("seed", values, {"long_name": label, "units": "1"})
    result["diagonal"] = (("seed", "synapse"), diagonal.astype(np.float32))
    result["eigenvalue"] = (("seed", "mode"), eigenvalues)
    return result


EXPERIMENTS = (
    family("curvature-capacity/", demo={"seeds": 2})(
        "spectra",
        "diagonal and eigenvalues of the Fisher information matrix against load",
        conditions,
        run=run,
        columns=("informative", "synapses", "rank", "directions"),
        batched=True,
        seeds=10,
        figures=("information_spectra",),
    ),
)
