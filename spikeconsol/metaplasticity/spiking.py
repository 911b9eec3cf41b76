"""A trained plastic network on spikes, without any retraining.

Weights, plasticity coefficients, biases and readout are those of a rate network; traces are
formed by the spikes of each pair of neurons.

What is Poisson: the spikes of inputs, always; those of cells with escape noise, given their summed
input, which a spike does not change. Leaky cells integrate, are reset and refractory.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikeconsol import checks
from spikeconsol.brian import backend
from spikeconsol.metaplasticity.network import Outcome
from spikeconsol.metaplasticity.parameters import SpikingParameters
from spikeconsol.metaplasticity.rate import FeedForward
from spikeconsol.metaplasticity.recurrent import Recurrent
from spikeconsol.metaplasticity.result import Trained
from spikeconsol.metaplasticity.task import Episodes

__all__ = ["SpikingNetwork"]


class SpikingNetwork:
    """One trained run as a network of spiking neurons, with its rule and its decay.

    Parameters
    ----------
    trained : Training or Trained
        Of one plastic layer with inputs in [-1, 1], or of a recurrent network; with decaying
        Hebbian traces.
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
    rest_rate : float or None
        Spikes per second of a pair of cells at rest: in the later half of the gaps of the last
        call, if there are any.
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
        if trained.plasticity.lstm is not None:
            raise ValueError(f"lstm: got {trained.plasticity.lstm}; allowed: none, on spikes")
        network = trained.network
        kinds = FeedForward | Recurrent
        if not isinstance(network, kinds) or len(trained.task.cells) != 1 or trained.task.clamped:
            raise ValueError(
                f"task: got {trained.task}; allowed: one plastic layer, or a recurrent network "
                "without clamped inputs, on spikes"
            )
        if trained.plasticity.rule != "hebb":
            raise ValueError(f"rule: got {trained.plasticity.rule!r}; allowed: hebb, on spikes")
        run = checks.whole("run", run, at_least=0, at_most=trained.runs - 1)
        if settings is not None:
            checks.instance("settings", settings, SpikingParameters)
        if target is not None:
            backend.checked_target(target)
        self.task = trained.task
        self.parameters = {name: value[run] for name, value in trained.parameters.items()}
        self.settings = SpikingParameters() if settings is None else settings
        self._rate = network
        self._recurrent = isinstance(network, Recurrent)
        if isinstance(network, Recurrent):
            gamma = network.gamma(self.parameters)
            if self.settings.readout != "counts":
                raise ValueError(
                    f"readout: got {self.settings.readout!r}; allowed: counts, in a recurrent "
                    "network, whose cells are its outputs"
                )
        else:
            gamma = network.layers(self.parameters)[0].gamma
        #: Decay of every trace, shape (Y, K): as given, or as learned.
        self.gamma = np.broadcast_to(gamma, network.shapes["w"])
        self.target = target
        self.rest_rate: float | None = None
        self.activity: NDArray | None = None
        self.trace: NDArray | None = None
        given = checks.seed("seed", seed)
        self._seeds = np.random.SeedSequence(given) if isinstance(given, int) else given

    def program(self) -> backend.Program:
        """Return the program that runs this network: the same for all values of its parameters."""
        s = self.settings
        structure = {
            "inputs": 0 if self._recurrent else self.task.inputs,
            "cells": self.task.cells[0],
            "outputs": self._outputs,
            "neurons": s.neurons,
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
                *(
                    f"{group}_{event}.{part}"
                    for group in ("cells", "outputs")[: 1 + bool(self._outputs)]
                    for event in ("spikes", "opposite")
                    for part in "it"
                ),
                "synapses.H",
                "synapses.last",
            ),
        )

    @property
    def _outputs(self) -> int:
        """Populations that answer; none where cells are the outputs or counts are read."""
        in_spikes = self.settings.readout == "spikes" and "V" in self.parameters
        return self.task.outputs if in_spikes else 0

    @property
    def _readout_scale(self) -> float:
        """What an output is divided by, so that it stays between -2 and 2."""
        V, c = np.abs(self.parameters["V"]), np.abs(self.parameters["c"])
        return float((V.sum(axis=1) + c).max()) / 2

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
        if np.abs(episodes.x).max() > 1 and not self._recurrent:
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
        self.activity, answers, rest = (np.concatenate(part) for part in zip(*parts, strict=True))
        self.rest_rate = float(rest.mean()) if self.settings.gap > 0 else None
        if isinstance(self._rate, Recurrent):
            return self._rate.outcome(self.activity[..., : self.task.outputs], episodes)
        if not self._outputs:
            return self._rate.outcome(self._rate.readout(self.parameters, self.activity), episodes)
        # Equal counts are decided by chance.
        chance = np.random.default_rng(self._seeds.spawn(1)[0]).random(answers.shape)
        return self._rate.outcome(self._readout_scale * (answers + 1e-9 * chance), episodes)

    def _values(self, noise_seed: int) -> dict[str, float | NDArray]:
        """Return all values of the network, by input name."""
        s, p = self.settings, self.parameters
        cell = np.repeat(np.arange(self.task.cells[0]), s.pairs)
        pre = cell if self._recurrent else np.repeat(np.arange(self.task.inputs), s.pairs)
        every = _all_to_all(cell, pre)
        # Spikes of one presentation add 1 - gamma to a trace; where inputs come after a gap,
        # nothing is added while the summed input and the filtered spikes build up.
        build_up = 0.0 if self._recurrent else s.membrane_time + s.filter_time
        values: dict[str, float | NDArray] = {
            "cells.bias": p["b"][cell] if "b" in p else np.zeros(len(cell)),
            "synapses.w": p["w"][every],
            "synapses.alpha": p["alpha"][every],
            # A weight of 1 from a population at its highest rate holds the summed input at 1.
            "synapses.gain": self._jump(s.membrane_time) / s.pairs,
            # A trace keeps gamma of itself from one presentation to the next.
            "synapses.trace_time": self._trace_time()[every],
            "synapses.trace_jump": (1 - self.gamma[every]) / (s.max_rate * (s.present - build_up)),
        }
        groups = ["cells"]
        if self._outputs:
            groups.append("outputs")
            output = np.repeat(np.arange(self._outputs), s.pairs)
            values |= {
                "outputs.bias": p["c"][output] / self._readout_scale,
                "readout.w": p["V"][_all_to_all(output, cell)] / self._readout_scale,
                "readout.gain": self._jump(s.membrane_time) / s.pairs,
            }
        for group in groups:
            values |= {
                f"{group}.noise_seed": noise_seed,
                f"{group}.membrane_time": s.membrane_time,
                f"{group}.filter_time": s.filter_time,
                f"{group}.filter_jump": self._jump(s.filter_time),
            }
            if s.neurons == "escape":
                values[f"{group}.max_rate"] = s.max_rate
            else:
                for name in ("rest", "slope", "noise", "leak_time", "refractory_time"):
                    values[f"{group}.{name}"] = getattr(s, name)
        if not self._recurrent:
            values |= {"inputs.max_rate": s.max_rate, "inputs.noise_seed": noise_seed}
        return values

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

    def _run_part(self, x: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Run episodes, (E, T, K), in one go: activity, (E, T, Y), answers, (E, T, Z), and rest."""
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
        self._keep_trace(result, end=used * s.bin)
        shape = E, T, self.task.cells[0]
        activity, rest = self._counted(result, "cells", shape)
        answers = (
            self._counted(result, "outputs", (E, T, self._outputs))[0]
            if self._outputs
            else activity
        )
        return activity, answers, rest

    def _counted(
        self, result: dict[str, NDArray], group: str, shape: tuple[int, int, int]
    ) -> tuple[NDArray, NDArray]:
        """Return activity, (E, T, units), and the rate of a pair at rest [1/s], (E,)."""
        s = self.settings
        E, T, units = shape
        period = s.present + s.gap
        difference, resting = np.zeros(E * T * units), np.zeros(E)
        for event, sign in (("spikes", 1), ("opposite", -1)):
            unit = result[f"{group}_{event}.i"] // s.pairs
            # Spike times are multiples of the time step: half a step settles the rounding.
            time = result[f"{group}_{event}.t"] + s.time_step / 2
            step = np.floor(time / period).astype(int)
            phase = time - step * period
            counted = (phase > s.settle) & (phase < s.present)
            index = (step * units + unit)[counted]
            difference += sign * np.bincount(index, minlength=E * T * units)
            resting += np.bincount(step[phase > s.present + s.gap / 2] // T, minlength=E)
        full = s.pairs * s.max_rate * (s.present - s.settle)
        at_rest = units * s.pairs * T * max(s.gap / 2, s.time_step)
        return difference.reshape(shape) / full, resting / at_rest

    def _keep_trace(self, result: dict[str, NDArray], end: float) -> None:
        """Average the traces over the synapses between two units."""
        Y, pairs = self.task.cells[0], self.settings.pairs
        K = Y if self._recurrent else self.task.inputs
        by_pair = (K, pairs, Y, pairs)
        H, since = result["synapses.H"].reshape(by_pair), end - result["synapses.last"]
        time = self._trace_time().T[:, None, :, None]
        self.trace = (H * np.exp(-since.reshape(by_pair) / time)).mean(axis=(1, 3)).T


def _all_to_all(post: NDArray, pre: NDArray) -> tuple[NDArray, NDArray]:
    """Return the units at both ends of every synapse, by presynaptic pair."""
    return np.tile(post, len(pre)), np.repeat(pre, len(post))
