"""What curvature is, where it predicts the weights, and what protecting or losing it does.

Fisher information against weights for sparse, dense and -1/+1 codes; slices through the energy
landscape; lesions of the stiffest, the loosest and random synapses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from spikeconsol.consolidation import HopfieldNetwork, batch, curvature
from spikeconsol.consolidation.parameters import Stored
from spikeconsol.consolidation.rules import CurvatureGate
from spikeconsol.data import corrupt, sparse_patterns
from spikeconsol.lab import Condition, Seeds, columns
from spikeconsol.models.curvature_protocols import experiment
from spikeconsol.parameters import Parameters, parameter
from spikeconsol.statistics import dice

# Fisher information against weight ---------------------------------------------------------------


@dataclass(frozen=True)
class FisherWeights(Parameters):
    """Small networks for the sum over all states, large ones for averages over patterns."""

    small: int = parameter(12, at_least=4, at_most=14, doc="units of the enumerated networks")
    small_patterns: int = parameter(5, at_least=1, doc="patterns in the enumerated networks")
    small_temperature: float = parameter(0.3, above=0, doc="temperature, energy of a pattern is ~1")
    units: int = parameter(200, at_least=20, doc="units of the clamped networks")
    patterns: int = parameter(100, at_least=2, doc="patterns in the clamped networks")
    sampled_units: int = parameter(100, at_least=20, doc="units of the sampled networks")
    sampled_patterns: int = parameter(10, at_least=2, doc="patterns in the sampled networks")
    shifts: int = parameter(81, at_least=3, doc="points of each slice through the landscape")


def fisher_conditions(p: FisherWeights) -> list[Condition]:
    """Sparse to dense {0, 1} codes and -1/+1 units, by each route to the information."""
    return [
        *(
            Condition(f"exact-{code}-f={f:g}", "rate", f"all states, {code}, f = {f:g}", (f, code))
            for f, code in ((0.17, "binary"), (0.25, "binary"), (0.5, "binary"), (0.5, "spin"))
        ),
        *(
            Condition(f"clamped-f={f:g}", "rate", f"clamped to patterns, f = {f:g}", (f, "clamped"))
            for f in (0.02, 0.05, 0.1, 0.2, 0.5)
        ),
        *(
            Condition(f"sampled-f={f:g}", "rate", f"Gibbs sampling, f = {f:g}", (f, "sampled"))
            for f in (0.05, 0.1)
        ),
    ]


@columns("pearson_weight", "pearson_size", "centred_weight", "centred_size", "agreement")
def run_fisher_weights(p: FisherWeights, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Correlate Fisher information with weights; keep the first seed's pairs and slices."""
    f, system = condition.setup
    rows, example = [], xr.Dataset()
    for seed in seeds:
        if system == "clamped":
            found, case = clamped_case(p, f, seed)
        elif system == "sampled":
            found, case = sampled_case(p, f, seed)
        else:
            found, case = exact_case(p, f, system, seed)
        rows.append(found)
        example = example or case
    names = {
        "pearson_weight": "Pearson(F, W)",
        "pearson_size": "Pearson(F, |W|)",
        "centred_weight": "Pearson(centred F, W)",
        "centred_size": "Pearson(centred F, |W|)",
        "agreement": "Pearson(F, clamped F)",
    }
    result = xr.Dataset(coords={"seed": list(seeds)})
    for name, label in names.items():
        values = [row.get(name, np.nan) for row in rows]
        result[name] = ("seed", values, {"long_name": label, "units": "1"})
    return result.merge(example)


def clamped_case(p: FisherWeights, f: float, seed: int) -> tuple[dict[str, float], xr.Dataset]:
    """Statistics of the stored patterns themselves: the sparse limit at work."""
    stored = sparse_patterns(p.patterns, p.units, coding_level=f, seed=seed)
    weights = batch.covariance(stored) / p.patterns
    fisher = curvature.clamped(stored)
    centred = curvature.clamped(stored, code=curvature.centred(f))
    case = _pairs(weights, fisher, centred)
    for name, code in (("", curvature.BINARY), ("_centred", curvature.centred(f))):
        closed = curvature.from_weights(case["weight"].values, coding_level=f, code=code)
        case[f"closed_form{name}"] = ("pair", closed)
    return _correlations(weights, fisher, centred), case


def sampled_case(p: FisherWeights, f: float, seed: int) -> tuple[dict[str, float], xr.Dataset]:
    """States the network visits on its own, started in its patterns."""
    stored = sparse_patterns(p.sampled_patterns, p.sampled_units, coding_level=f, seed=seed)
    # Scaled so that a stored pattern gives its own units a field near 1.
    weights = batch.covariance(stored) / (p.sampled_units * f * (1 - f))
    fisher = curvature.sampled(
        weights, thresholds=0.5, temperature=0.06, start=stored, chains=300, seed=seed
    )
    clamped = curvature.clamped(stored)
    found = _correlations(weights, fisher, fisher)
    found["agreement"] = _pearson(fisher, clamped)
    return found, _pairs(weights, fisher, clamped)


def exact_case(
    p: FisherWeights, f: float, code_name: str, seed: int
) -> tuple[dict[str, float], xr.Dataset]:
    """The network's own distribution over all states, at mean activity f, and slices through it."""
    stored = sparse_patterns(p.small_patterns, p.small, coding_level=f, seed=seed)
    f = stored.mean()
    code = curvature.SPIN if code_name == "spin" else curvature.centred(f)
    values = np.where(stored, code[1], code[0])
    weights = values.T @ values / (p.small * values.var())
    np.fill_diagonal(weights, 0)
    model: dict[str, Any] = {"temperature": p.small_temperature, "code": code}
    model["thresholds"] = 0.0 if f == 0.5 else _threshold_for(f, weights, model)
    fisher = curvature.exact(weights, **model)
    case = _pairs(weights, fisher, fisher)
    first, second = np.triu_indices(p.small, 1)
    order = np.argsort(fisher[first, second])
    shifts = np.linspace(-0.3, 0.3, p.shifts)
    for name, pair in (("loose", order[0]), ("stiff", order[-1])):
        units = (int(first[pair]), int(second[pair]))
        case[f"slice_{name}"] = (
            "shift",
            curvature.divergence(weights, units, shifts, **model),
            {"long_name": "divergence", "units": "nat"},
        )
        case[f"fisher_{name}"] = fisher[units]
    case["shift"] = ("shift", shifts, {"long_name": "change of the weight", "units": "1"})
    return _correlations(weights, fisher, fisher), case


def _threshold_for(f: float, weights: NDArray, model: dict[str, Any]) -> float:
    """Threshold at which a small network is active at the coding level."""
    from scipy.optimize import brentq

    states = (np.arange(2 ** len(weights))[:, None] >> np.arange(len(weights))) % 2 == 1

    def excess(threshold: float) -> float:
        energy = curvature.pattern_energy(states, weights, thresholds=threshold, code=model["code"])
        weight = np.exp(-(energy - np.min(energy)) / model["temperature"])
        return weight @ states.mean(axis=1) / weight.sum() - f

    return brentq(excess, -5, 5)


def _correlations(weights: NDArray, fisher: NDArray, centred: NDArray) -> dict[str, float]:
    return {
        "pearson_weight": _pearson(fisher, weights),
        "pearson_size": _pearson(fisher, np.abs(weights)),
        "centred_weight": _pearson(centred, weights),
        "centred_size": _pearson(centred, np.abs(weights)),
    }


def _pearson(a: NDArray, b: NDArray) -> float:
    pairs = np.triu_indices(len(a), 1)
    return float(np.corrcoef(a[pairs], b[pairs])[0, 1])


def _pairs(weights: NDArray, fisher: NDArray, centred: NDArray) -> xr.Dataset:
    pairs = np.triu_indices(len(weights), 1)
    kinds = {"weight": weights, "fisher": fisher, "fisher_centred": centred}
    return xr.Dataset({name: ("pair", matrix[pairs]) for name, matrix in kinds.items()})


# Lesions -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lesion(Stored):
    """A loaded memory that loses, or has disturbed, part of its synapses."""

    stored: int = parameter(100, at_least=2, doc="number of patterns stored")
    protection_time: float = parameter(127.0, above=0, doc="protection time of the rule")
    fractions: tuple[float, ...] = parameter(
        (0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 0.9),
        at_least=0,
        at_most=1,
        doc="fractions of synapses lesioned",
    )
    shift: float = parameter(0.5, above=0, doc="size of a disturbance, in units of the largest |w|")


def lesion_conditions(p: Lesion) -> list[Condition]:
    """Which synapses go first, and whether they are deleted or disturbed."""
    orders = {
        "fisher-top": "highest Fisher information",
        "fisher-bottom": "lowest Fisher information",
        "weight-top": "largest weights",
        "weight-bottom": "smallest weights",
        "size-bottom": "smallest |weights|",
        "random": "random",
    }
    return [
        Condition(f"{kind}-{order}", "rate", f"{kind} {label}", (kind, order))
        for kind in ("delete", "disturb")
        for order, label in orders.items()
    ]


@columns("recalled_at_10", "energy_at_10")
def run_lesion(p: Lesion, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Lesion growing fractions and measure recall and the energy of the stored patterns."""
    kind, order = condition.setup
    recalled, energy, fractions = [], [], np.array(p.fractions)
    for seed in seeds:
        streams = np.random.SeedSequence(seed).spawn(3)
        stored = sparse_patterns(p.stored, p.units, coding_level=p.coding_level, seed=streams[0])
        cues = corrupt(stored, deleted=0.2, added=0.2, seed=streams[1])
        rng = np.random.default_rng(streams[2])
        rule = CurvatureGate.for_capacity(p.protection_time, coding_level=p.coding_level)
        network = HopfieldNetwork(p.units, rule=rule, seed=seed)
        network.store(stored)
        intact = network.weights.copy()
        first, second = np.triu_indices(p.units, 1)
        tie = rng.random(len(first)) * 1e-9
        ranks = {
            "fisher": curvature.clamped(stored)[first, second],
            "weight": intact[first, second],
            "size": np.abs(intact[first, second]),
            "random": np.zeros(len(first)),
        }[order.split("-")[0]]
        ranked = np.argsort(ranks + tie)
        if order.endswith("top"):
            ranked = ranked[::-1]
        signs = rng.choice([-1.0, 1.0], len(first))
        rest = curvature.pattern_energy(stored, intact).mean()
        for fraction in fractions:
            hit = ranked[: round(fraction * len(ranked))]
            i, j = first[hit], second[hit]
            weights = intact.copy()
            shifted = intact[i, j] + signs[hit] * p.shift * np.abs(intact).max()
            weights[i, j] = weights[j, i] = 0.0 if kind == "delete" else shifted
            network.weights = weights
            recalled.append((dice(network.recall(cues), stored) >= 0.9).mean())
            energy.append(curvature.pattern_energy(stored, weights).mean() / rest)
    shape = (len(seeds), len(fractions))
    result = xr.Dataset(coords={"seed": list(seeds), "fraction": fractions})
    result.fraction.attrs = {"long_name": "fraction of synapses", "units": "1"}
    for name, label, values in (
        ("recalled", "recalled fraction", recalled),
        ("energy", "energy of the stored patterns against intact", energy),
    ):
        result[name] = (("seed", "fraction"), np.reshape(values, shape))
        result[name].attrs = {"long_name": label, "units": "1"}
        at = result[name].interp(fraction=0.1).drop_vars("fraction")
        result[f"{name}_at_10"] = at.assign_attrs(long_name=f"{label}, 10 % lesioned", units="1")
    return result


EXPERIMENTS = (
    experiment(
        "fisher-weights",
        "Fisher information against weight in sparse, dense and -1/+1 codes",
        fisher_conditions,
        run=run_fisher_weights,
        batched=True,
        figures=("fisher_weight", "landscape"),
    ),
    experiment(
        "lesion",
        "deletion and disturbance of stiff, loose and random synapses",
        lesion_conditions,
        run=run_lesion,
        figures=("lesion",),
    ),
)
