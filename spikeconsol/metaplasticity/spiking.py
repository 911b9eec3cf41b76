"""A trained plastic network on spikes, without any retraining.

Weights, plasticity coefficients, biases and readout are those of a rate network; traces are
formed by the spikes of each pair of neurons.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikeconsol import checks
from spikeconsol.brian import backend
from spikeconsol.metaplasticity.network import Outcome
from spikeconsol.metaplasticity.parameters import SpikingParameters
from spikeconsol.metaplasticity.rate import FeedForward
from spikeconsol.metaplasticity.result import Trained
from spikeconsol.metaplasticity.task import Episodes

__all__ = ["SpikingNetwork"]


class SpikingNetwork:
    """One trained run as a network of spiking neurons, with its rule and its decay.

    Parameters
    ----------
    trained : Training or Trained
        Of one plastic layer with decaying Hebbian traces and inputs in [-1, 1].
    run : int, optional
        Which of its runs.
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
        trained: Trained,
        run: int = 0,
        *,
        seed: int,
        settings: SpikingParameters | None = None,
        target: str | None = None,
    ) -> None:
        if not isinstance(trained, Trained):
            raise TypeError(
                f"trained: got {type(trained).__name__}; allowed: a Training, or Trained(task, "
                "plasticity, parameters)"
            )
        if not isinstance(trained.network, FeedForward) or len(trained.task.cells) != 1:
            raise ValueError(f"task: got {trained.task}; allowed: one plastic layer, on spikes")
        if trained.plasticity.rule != "hebb":
            raise ValueError(f"rule: got {trained.plasticity.rule!r}; allowed: hebb, on spikes")
        run = checks.whole("run", run, at_least=0, at_most=trained.runs - 1)
        if settings is not None:
            checks.instance("settings", settings, SpikingParameters)
        if target is not None:
            backend.checked_target(target)
        self.task = trained.task
        self.parameters = {name: value[run] for name, value in trained.parameters.items()}
        self._rate = trained.network
        (layer,) = self._rate.layers(self.parameters)
        #: Decay of every trace, shape (Y, K): as given, or as learned.
        self.gamma = np.broadcast_to(layer.gamma, self._rate.shapes["w"])
        self.settings = SpikingParameters() if settings is None else settings
        self.target = target
        self.activity: NDArray | None = None
        self.trace: NDArray | None = None
        given = checks.seed("seed", seed)
        self._seeds = np.random.SeedSequence(given) if isinstance(given, int) else given

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
            builder="spikeconsol.metaplasticity.equations:build",
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
        checks.instance("episodes", episodes, Episodes)
        if episodes.x.ndim != 3 or episodes.x.shape[-1] != self.task.inputs:
            raise ValueError(
                f"x: got shape {episodes.x.shape}; allowed: (E, T, {self.task.inputs})"
            )
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
            "synapses.trace_time": self._trace_time()[every],
            # ... and the spikes of one presentation add 1 - gamma to it; for as long as the
            # potential and its filtered spikes take to build up, nothing is added.
            "synapses.trace_jump": (1 - self.gamma[every])
            / (s.max_rate * (s.present - s.membrane_time - s.filter_time)),
        }

    def _trace_time(self) -> NDArray:
        """Return the time constant of every trace, shape (Y, K)."""
        return -(self.settings.present + self.settings.gap) / np.log(self.gamma)

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
        K, Y, pairs = self.task.inputs, self.task.cells[0], self.settings.pairs
        by_pair = (K, pairs, Y, pairs)
        H, since = result["synapses.H"].reshape(by_pair), end - result["synapses.last"]
        time = self._trace_time().T[:, None, :, None]
        self.trace = (H * np.exp(-since.reshape(by_pair) / time)).mean(axis=(1, 3)).T
