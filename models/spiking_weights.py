"""What the spiking memory's weights are worth: beside those of rates, and with some deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from spikeconsol.consolidation import HopfieldNetwork
from spikeconsol.consolidation.rules import CurvatureGate
from spikeconsol.lab import Condition, columns
from spikeconsol.models.sequential_memory import Protocol, draw
from spikeconsol.models.spiking_capacity import (
    DEMO,
    GATE,
    Trial,
    Weights,
    covariance_form,
    experiment,
    listed,
    measured,
    network,
)


def lesion(protocol: Protocol) -> Sequence[Condition]:
    """Delete a fraction of the synapses: of highest or lowest curvature or weight, or any."""
    trials = {"none": ("intact", Trial(GATE))}
    for percent in (5, 10, 20, 40):
        for name, text in (
            ("curvature", "highest curvature"),
            ("flat", "lowest curvature"),
            ("weight", "largest weight"),
            ("random", "at random"),
        ):
            trials[f"{name}-{percent:02d}"] = (
                f"{percent}% of synapses, {text}",
                Trial(GATE, lesion=_Lesion(name, percent / 100)),
            )
    return listed(trials)


@dataclass(frozen=True)
class _Lesion:
    """Symmetric deletion of a fraction of all pairs, ranked by a quantity; ties at random."""

    by: str
    fraction: float

    def __call__(
        self, weights: Weights, curvature: Weights, rng: np.random.Generator
    ) -> NDArray[np.bool_]:
        upper = np.triu_indices(len(weights), 1)
        rank = {"curvature": curvature, "flat": -curvature, "weight": weights}.get(self.by)
        noise = rng.random(len(upper[0]))
        order = np.lexsort((noise, noise if rank is None else rank[upper]))
        lost = order[len(order) - round(self.fraction * len(order)) :]
        deleted = np.zeros(weights.shape, bool)
        deleted[upper[0][lost], upper[1][lost]] = True
        return deleted | deleted.T


def spike_vs_rate_conditions(protocol: Protocol) -> Sequence[Condition]:
    """Both ways of learning, each read by both ways of recall."""
    return [
        Condition(f"{learning}-{reading}", "", f"weights from {learning}, recall by {reading}",
                  (learning, reading))
        for learning in ("spikes", "rates")
        for reading in ("spikes", "rates")
    ]  # fmt: skip


@columns(
    *("kept", "p90", "weight_correlation", "covariance_correlation"),
    *("trace_correlation", "gate_agreement"),
)
def spike_vs_rate(protocol: Protocol, condition: Condition, seeds: tuple[int, ...]) -> xr.Dataset:
    """Learn by spikes or by the same rule on binary rates, read by spikes or by k winners."""
    (seed,) = seeds
    learning, reading = condition.setup
    patterns, cues = draw(protocol, seed)
    tested = patterns[-protocol.tested :]
    spiking = network(protocol, Trial(GATE), {}, seed)
    spiking.store(patterns)
    rates = HopfieldNetwork(
        protocol.units, rule=GATE, seed=seed, saturation_size=spiking.saturation_size
    )
    rates.store(patterns)
    signed = HopfieldNetwork(
        protocol.units,
        rule=CurvatureGate.for_capacity(GATE.protection_time, coding_level=protocol.coding_level),
        seed=seed,
    )
    signed.store(patterns)
    weights = spiking.weights if learning == "spikes" else rates.weights
    if reading == "spikes":
        reader = network(protocol, Trial(GATE), {}, seed)
        reader.weights = weights
        recalled = reader.recall(cues)
    else:
        winners = HopfieldNetwork(protocol.units, rule=CurvatureGate(), seed=seed)
        winners.weights = covariance_form(weights, protocol.coding_level)
        recalled = winners.recall(cues, active=int(tested[0].sum()))
    upper = np.triu_indices(protocol.units, 1)
    spike_weights, rate_weights = spiking.weights[upper], rates.weights[upper]
    spike_trace, rate_trace = spiking.trace[upper], rates.state["trace"][upper]
    threshold = GATE.trace_threshold
    dataset = measured(protocol, seed, recalled, recalled, tested, 0.0)
    one = {"units": "1"}
    for name, value, text in (
        ("weight_correlation", np.corrcoef(spike_weights, rate_weights)[0, 1], "r of weights"),
        (
            "covariance_correlation",
            np.corrcoef(spike_weights, signed.weights[upper])[0, 1],
            "r with the signed covariance gate",
        ),
        ("trace_correlation", np.corrcoef(spike_trace, rate_trace)[0, 1], "r of traces"),
        (
            "gate_agreement",
            np.mean((spike_trace > threshold) == (rate_trace > threshold)),
            "gates that agree",
        ),
    ):
        dataset[name] = ("seed", [value], {"long_name": text, **one})
    dataset["spike_weight"] = ("pair", spike_weights, one)
    dataset["rate_weight"] = ("pair", rate_weights, one)
    return dataset.drop_vars(["kept_by_rates", "silent_rate"])


EXPERIMENTS = (
    experiment(
        "lesion",
        "synapses deleted by curvature, by weight and at random",
        lesion,
        demo=DEMO,
        figures=("spiking_lesion",),
    ),
    experiment(
        "spike-vs-rate",
        "weights, traces and recall of spikes beside rates: where patterns are lost",
        spike_vs_rate_conditions,
        run=spike_vs_rate,
        demo=DEMO,
        figures=("spike_against_rate",),
    ),
)
