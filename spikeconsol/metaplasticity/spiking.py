"""A trained plastic network on spikes, without any retraining.

Weights, plasticity coefficients, biases and readout are those of a rate network; traces are
formed by the spikes of each pair of neurons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeconsol.brian import backend
from spikeconsol.metaplasticity.network import FeedForward, Outcome, Plasticity
from spikeconsol.metaplasticity.tasks import Episodes, Task
from spikeconsol.parameters import ParameterError, Parameters, parameter

__all__ = ["SpikingNetwork", "SpikingParameters"]


@dataclass(frozen=True)
class SpikingParameters(Parameters):
    """Constants of the spiking network and of its time."""

    pairs: int = parameter(40, at_least=1, doc="pairs of neurons of opposite polarity per unit")
    max_rate: float = parameter("100 Hz", unit="hertz", above=0, doc="highest firing rate")
    membrane_time: float = parameter("5 ms", unit="second", above=0, doc="membrane time constant")
    filter_time: float = parameter(
        "10 ms", unit="second", above=0, doc="filter of own spikes for the trace"
    )
    present: float = parameter("200 ms", unit="second", above=0, doc="time for which input is on")
    gap: float = parameter("20 ms", unit="second", at_least=0, doc="silence after it")
    settle: float = parameter("20 ms", unit="second", at_least=0, doc="time before counting starts")
    time_step: float = parameter("1 ms", unit="second", above=0, doc="integration time step")
    bin: float = parameter("10 ms", unit="second", above=0, doc="time resolution of the protocol")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, lost in (
            ("settle", self.settle),
            ("filter_time", self.filter_time + self.membrane_time),
        ):
            if lost >= self.present:
                raise ParameterError(
                    f"{name}: got {getattr(self, name):g} second; allowed: < present, "
                    f"{self.present:g} second (with the membrane time for filter_time)"
                )
        if self.max_rate * self.time_step > 0.5:
            raise ParameterError(
                f"time_step: got {self.time_step:g} second; allowed: <= "
                f"{0.5 / self.max_rate:g} second, half an interval at max_rate"
            )
        for name, unit in (("present", "bin"), ("gap", "bin"), ("bin", "time_step")):
            ratio = getattr(self, name) / getattr(self, unit)
            if abs(ratio - round(ratio)) > 1e-6:
                raise ParameterError(
                    f"{name}: got {getattr(self, name):g} second; allowed: multiples of {unit}, "
                    f"{getattr(self, unit):g} second"
                )


class SpikingNetwork:
    """One trained run as a network of spiking neurons.

    Parameters
    ----------
    task : Task
        Task of one plastic layer with decaying Hebbian traces and inputs in [-1, 1].
    parameters : mapping of ndarray
        Parameters of one run by name, without a leading axis.
    seed : int
        Seed of all noise; the same seed and the same calls give the same spikes.
    settings : SpikingParameters, optional
        All constants.
    target : {"standalone", "cython", "numpy"}, optional
        Where Brian2 runs; see `spikeconsol.brian.backend`.

    Attributes
    ----------
    activity : ndarray, shape (E, T, Y), or None
        Difference between the rates of the two populations of each cell, relative to the highest
        rate, in the last call of `run`: what tanh is in the rate network.
    trace : ndarray, shape (Y, K), or None
        Traces at the end of the last call, averaged over the pairs of neurons.
    """

    #: Bins that one compiled protocol can hold.
    _BINS = 6000

    def __init__(
        self,
        task: Task,
        parameters: Mapping[str, NDArray],
        *,
        seed: int,
        settings: SpikingParameters | None = None,
        target: str | None = None,
    ) -> None:
        self._rate = FeedForward(task, Plasticity())
        if len(task.cells) != 1:
            raise ValueError(f"task: got {len(task.cells)} layers; allowed: 1")
        for name, shape in self._rate.shapes.items():
            if name not in parameters or np.shape(parameters[name]) != shape:
                got = np.shape(parameters[name]) if name in parameters else "none"
                raise ValueError(f"parameters: got {name} of shape {got}; allowed: {shape}")
        self.task = task
        self.parameters = {name: np.asarray(parameters[name]) for name in self._rate.shapes}
        self.settings = settings or SpikingParameters()
        self.target = target
        self.activity: NDArray | None = None
        self.trace: NDArray | None = None
        self._seeds = np.random.SeedSequence(seed)

    def program(self) -> backend.Program:
        """Return the program that runs this network: the same for all values of its parameters."""
        s = self.settings
        structure = {
            "inputs": self.task.inputs,
            "cells": self.task.cells[0],
            "pairs": s.pairs,
            "dt": s.time_step,
            "bin": s.bin,
            "bins": self._BINS,
        }
        return backend.Program(
            name="meta-hebbian",
            builder="spikeconsol.metaplasticity.spiking_network:build",
            structure=structure,
            inputs=(*self._values(0), "shown_table", "start_table"),
            outputs=(
                "spikes.i",
                "spikes.t",
                "opposite_spikes.i",
                "opposite_spikes.t",
                "synapses.H",
                "synapses.last",
            ),
        )

    def run(self, episodes: Episodes) -> Outcome:
        """Run episodes and read the answers from spike counts.

        Parameters
        ----------
        episodes : Episodes
            Arrays of shape (E, T, ...), as drawn by the task.

        Returns
        -------
        Outcome
            With arrays of shape (E,) and (E, T).
        """
        if np.abs(episodes.x).max() > 1:
            raise ValueError(f"x: got {np.abs(episodes.x).max():g}; allowed: from -1 to 1")
        bins = self._episode_bins(episodes.x.shape[1])
        size = self._BINS // bins
        if size < 1:
            raise ValueError(
                f"present: got {self.settings.present:g} second; allowed: episodes of at most "
                f"{self._BINS * self.settings.bin:g} second"
            )
        parts = [
            self._run_part(episodes.x[start : start + size])
            for start in range(0, len(episodes.x), size)
        ]
        self.activity = np.concatenate(parts)
        return self._rate.outcome(self._rate.readout(self.parameters, self.activity), episodes)

    def _values(self, noise_seed: int) -> dict[str, float | NDArray]:
        """Return all values of the network, by input name."""
        s, p = self.settings, self.parameters
        unit = np.repeat(np.arange(self.task.inputs), s.pairs)
        cell = np.repeat(np.arange(self.task.cells[0]), s.pairs)
        # All to all, by presynaptic pair.
        every = (np.tile(cell, self.task.inputs * s.pairs), np.repeat(unit, len(cell)))
        return {
            "inputs.max_rate": s.max_rate,
            "inputs.noise_seed": noise_seed,
            "cells.max_rate": s.max_rate,
            "cells.noise_seed": noise_seed,
            "cells.membrane_time": s.membrane_time,
            "cells.filter_time": s.filter_time,
            "cells.bias": p["b"][cell],
            "synapses.w": p["w"][every],
            "synapses.alpha": p["alpha"][every],
            "cells.filter_jump": self._jump(s.filter_time),
            # A weight of 1 from a population at its highest rate holds the potential at 1.
            "synapses.gain": self._jump(s.membrane_time) / s.pairs,
            # A trace keeps gamma of itself from one presentation to the next ...
            "synapses.trace_time": -(s.present + s.gap) / np.log(self.task.gamma),
            # ... and the spikes of one presentation add 1 - gamma to it; for as long as the
            # potential and its filtered spikes take to build up, nothing is added.
            "synapses.trace_jump": (1 - self.task.gamma)
            / (s.max_rate * (s.present - s.membrane_time - s.filter_time)),
        }

    def _jump(self, time_constant: float) -> float:
        """Return the jump per spike that makes a decaying sum 1 on average at the highest rate."""
        dt = self.settings.time_step
        return float(np.expm1(dt / time_constant)) / (self.settings.max_rate * dt)

    def _episode_bins(self, steps: int) -> int:
        s = self.settings
        return steps * round((s.present + s.gap) / s.bin)

    def _run_part(self, x: NDArray) -> NDArray:
        """Run episodes, (E, T, K), in one go; return the activity, (E, T, Y)."""
        s = self.settings
        E, T, K = x.shape
        on, period = round(s.present / s.bin), round((s.present + s.gap) / s.bin)
        used = E * T * period
        shown = np.zeros((self._BINS, K))
        shown[:used].reshape(E * T, period, K)[:, :on] = x.reshape(E * T, 1, K)
        start = np.zeros(self._BINS)
        start[:used] = np.repeat(np.arange(E) * T * period * s.bin, T * period)
        noise_seed = int(self._seeds.spawn(1)[0].generate_state(1)[0] >> 1)
        result = backend.run(
            self.program(),
            {**self._values(noise_seed), "shown_table": shown, "start_table": start},
            steps=round(used * s.bin / s.time_step),
            target=self.target,
        )
        Y = self.task.cells[0]
        difference = np.zeros(E * T * Y)
        for events, sign in (("spikes", 1), ("opposite_spikes", -1)):
            cell = result[f"{events}.i"] // s.pairs
            # Spike times are multiples of the time step: half a step settles the rounding.
            time = result[f"{events}.t"] + s.time_step / 2
            step = np.floor(time / (period * s.bin)).astype(int)
            phase = time - step * period * s.bin
            counted = (phase > s.settle) & (phase < s.present)
            index = (step * Y + cell)[counted]
            difference += sign * np.bincount(index, minlength=E * T * Y)
        full = s.pairs * s.max_rate * (s.present - s.settle)
        self._keep_trace(result, end=used * s.bin)
        return difference.reshape(E, T, Y) / full

    def _keep_trace(self, result: dict[str, NDArray], end: float) -> None:
        """Average the traces over the synapses between two units."""
        s = self.settings
        trace_time = -(s.present + s.gap) / np.log(self.task.gamma)
        H = result["synapses.H"] * np.exp(-(end - result["synapses.last"]) / trace_time)
        K, Y = self.task.inputs, self.task.cells[0]
        self.trace = H.reshape(K, s.pairs, Y, s.pairs).mean(axis=(1, 3)).T
