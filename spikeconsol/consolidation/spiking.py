"""Spiking associative memory: cells that fire, with a curvature-gated rule."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol import checks, display, sealed
from spikeconsol.brian import backend
from spikeconsol.brian.layout import TILE
from spikeconsol.brian.recording import Recording
from spikeconsol.consolidation.cells import LIF, AdEx, CellModel, Izhikevich, Spread
from spikeconsol.consolidation.limits import (
    agreed_coding_level,
    refuse_unheard,
    warn_of_cycles,
)
from spikeconsol.consolidation.memory import RecordedMemory
from spikeconsol.consolidation.pairs import Pairs
from spikeconsol.consolidation.parameters import SpikingParameters
from spikeconsol.consolidation.programs import Programs
from spikeconsol.consolidation.rules import BoundedCurvatureGate, Rule, Shuffled, spiking_form
from spikeconsol.consolidation.wiring import AllToAll, Wiring
from spikeconsol.data.patterns import check_patterns, warn_activity
from spikeconsol.parameters import ParameterError
from spikeconsol.plain import described, remade_as_saved

__all__ = ["SpikingMemory"]

#: Memory that storing takes for each ordered pair of cells, of this process and the program's.
BYTES_OF_A_PAIR = 32.0


class SpikingMemory(RecordedMemory):
    """Associative memory of spiking cells with the surface of `HopfieldNetwork`.

    Parameters
    ----------
    n : int
        Number of excitatory cells N.
    rule : Rule
        A rule with weights in [0, 1], see `spikeconsol.consolidation.bounded`; of a rate rule its
        `bounded` form is taken.
    seed : int
        Seed of all noise, of a random wiring and of spread constants. The same seed and the same
        calls give the same spikes.
    cells : CellModel, optional
        Model of the excitatory cells: `LIF` (default), `AdEx`, `Izhikevich`, or a `Cell` by text.
    wiring : Wiring, optional
        Which cells are joined: `AllToAll` (default), `Sparse` or `Joined`.
    spread : Spread, optional
        Constants of the cells that differ from cell to cell.
    parameters : SpikingParameters, optional
        All other constants. The coding level is said once: by the rule or here.
    target : {"standalone", "cython", "numpy"}, optional
        Where Brian2 runs; see `spikeconsol.brian.backend`.

    Attributes
    ----------
    recording : Recording or None
        Spikes of the last call.
    stored : int
        Number of patterns stored so far.

    Notes
    -----
    Every call starts from rest with empty pair counters; weights and traces are carried over.
    Recall follows the idea of a descending threshold: inhibition fires after about k spikes and
    silences everybody, then decays, and the best supported cells cross first and call it again.

    The input to a cell is divided by the share of all cells from which it gets synapses, so that
    sparse wiring leaves the mean input as it is.
    """

    def __init__(
        self,
        n: int,
        *,
        rule: Rule,
        seed: int,
        cells: CellModel | None = None,
        wiring: Wiring | None = None,
        spread: Spread | None = None,
        parameters: SpikingParameters | None = None,
        target: str | None = None,
    ) -> None:
        n = checks.whole("n", n, at_least=2)
        form = spiking_form(rule)
        seed = checks.whole("seed", seed, at_least=0)
        for name, value, kind in (
            ("cells", cells, CellModel),
            ("wiring", wiring, Wiring),
            ("spread", spread, Spread),
            ("parameters", parameters, SpikingParameters),
        ):
            if value is not None:
                checks.instance(name, value, kind)
        if target is not None:
            backend.checked_target(target)
        checks.memory(f"n: {n} cells", BYTES_OF_A_PAIR * n * (n - 1.0))
        self.n = n
        self.parameters = SpikingParameters() if parameters is None else parameters
        self.coding_level = agreed_coding_level(rule, self.parameters)
        self.rule = form
        self.cells = LIF() if cells is None else cells
        self.target = target
        self.seed = seed
        wiring = AllToAll() if wiring is None else wiring
        self._settings = {
            "rule": rule,  # as given: its form for spikes need not know the coding level
            "cells": self.cells,
            "wiring": wiring,
            "spread": spread,
            "parameters": self.parameters,
        }
        self._seeds = np.random.SeedSequence(seed)
        self._check_rule()
        for_wiring, for_spread = np.random.SeedSequence(seed, spawn_key=(2**31,)).spawn(2)
        self._pairs = Pairs(
            n,
            wiring,
            np.random.default_rng(for_wiring),
            half=self.parameters.symmetric,
            # Where silent pairs are left alone rows are visited, otherwise rows and columns.
            tile=TILE if self._continuous or form.silence is None else 1,
        )
        start = {name: float(self.rule.state((1,))[name][0]) for name in ("w", *self.rule.traces)}
        if self._continuous:
            start = {"w": start["w"], "trace": start["trace"], "fast": start["trace"]}
        self._pairs.state = {
            name: self._pairs.filled(value, self._dtype) for name, value in start.items()
        }
        self._programs = Programs(
            self.parameters,
            self.coding_level,
            self.rule,
            self.cells,
            self._pairs,
            spread,
            np.random.default_rng(for_spread),
        )
        if type(self.cells) not in (LIF, AdEx, Izhikevich):
            programs = self._programs
            for storing in (True, False):
                values = programs.constants(storing=storing, noise_seed=0)
                values |= programs.state(storing=storing)
                backend.check(self.program(storing=storing), values)

    # ------------------------------------------------------------------------------- state

    @property
    def _dtype(self) -> type[np.floating]:
        return np.float32 if self.parameters.precision == "single" else np.float64

    @property
    def _continuous(self) -> bool:
        return self.parameters.trace == "continuous"

    @property
    def saturation_size(self) -> float:
        """Size of patterns above which weights saturate earlier, as `HopfieldNetwork` takes it."""
        return self.parameters.evidence.ceiling * self.coding_level * self.n

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weights, shape (N, N), in [0, 1] if they were stored; assign to replace them."""
        return self._matrix("w", "weights")

    @weights.setter
    def weights(self, weights: ArrayLike) -> None:
        self._pairs.assign("w", weights, "weights")

    @property
    def trace(self) -> NDArray[np.float64]:
        """Coincidence trace of every pair, shape (N, N); assign to replace it."""
        return self._matrix("trace", "trace")

    @trace.setter
    def trace(self, trace: ArrayLike) -> None:
        self._matrix("trace", "trace")
        self._pairs.assign("trace", trace, "trace")

    def _matrix(self, variable: str, name: str) -> NDArray[np.float64]:
        if variable not in self._pairs.state:
            raise ValueError(f"{name}: got a {type(self.rule).__name__} rule, which keeps none")
        return self._pairs.matrix(self._pairs.state[variable])

    @property
    def curvature(self) -> NDArray[np.float64]:
        """Fisher information p (1 - p) of every pair, with p = q decay / T from the trace q."""
        rule = self.rule.rule if isinstance(self.rule, Shuffled) else self.rule
        if not isinstance(rule, BoundedCurvatureGate):
            raise ValueError(
                f"curvature: got a {type(rule).__name__} rule; allowed: one with a trace"
            )
        p = self.trace * rule.trace_decay / rule.protection_time
        return p * (1 - p)

    # ------------------------------------------------------------------------------- phases

    def store(self, patterns: ArrayLike, *, durations: ArrayLike | None = None) -> None:
        """Present patterns one after another, each once.

        Parameters
        ----------
        patterns : array_like of bool, shape (P, N)
            Patterns in the order of presentation.
        durations : array_like of float, shape (P,), optional
            Time for which each pattern is shown [s]; by default the same for all. Other durations
            need the continuous trace, since the latched one has a clock.

        Raises
        ------
        ValueError
            If patterns are not binary or of another size, weights lie outside [0, 1], durations
            are not multiples of the bin, or cells would fire too little to be stored.
        """
        patterns = check_patterns(patterns, n=self.n)
        weights = self._pairs.state["w"]
        if weights.min(initial=0) < 0 or weights.max(initial=0) > 1:
            # Bounds would be put in force where cells fire, and nowhere else.
            outside = weights[(weights < 0) | (weights > 1)][0]
            raise ValueError(f"weights: got {outside:g}; allowed: 0 to 1, to store more")
        warn_activity(patterns, self.coding_level)
        phases = self.parameters.phases
        shown = np.full(len(patterns), self._bins(phases.present))
        if durations is not None:
            shown = self._checked_durations(durations, len(patterns))
        refuse_unheard(self.cells, self.parameters, shown.min() * phases.bin)
        total = shown + self._bins(phases.gap)
        recordings = []
        for part in self._parts(total):
            seed = self._noise_seed()
            result = self._run(
                patterns[part], shown[part], shown[part], total[part], seed, storing=True
            )
            for name in self._pairs.state:
                self._pairs.state[name] = result[f"pairs.{name}"]
            for name in self._programs.cell_state:
                self._programs.cell_state[name] = result[f"cells.{name}"]
            recordings.append(self._recorded(result, *self._slots(total[part])))
            self.stored += len(shown[part])
        self.recording = Recording.joined(recordings)

    def recall(self, cues: ArrayLike, *, threads: int | None = None) -> NDArray[np.bool_]:
        """Let the network complete each cue; weights do not change.

        Parameters
        ----------
        cues : array_like of bool, shape (P, N)
            Cues; each drives its cells for a short time, then the network is on its own.
        threads : int, optional
            Runs of the compiled program that go on side by side, where there are more cues than
            one run has room for (1024, and 2**20 / N above N = 1024); each needs a copy of the
            weights. By default as many as ``OMP_NUM_THREADS`` says, which is 1 in experiments, or
            as there are cores. What is recalled does not depend on it.

        Returns
        -------
        ndarray of bool, shape (P, N)
            Cells that fired with (nearly) every inhibitory volley of the read-out window.
        """
        cues = check_patterns(cues, n=self.n, name="cues")
        phases = self.parameters.phases
        if not self._pairs.state["w"].any():
            warnings.warn("recall before anything is stored: all weights are 0", stacklevel=2)
        shown, window, pause = (
            np.full(len(cues), self._bins(duration))
            for duration in (phases.cue, phases.recall, phases.pause)
        )
        total = window + pause

        def run(part_and_seed: tuple[slice, int]) -> Recording:
            part, seed = part_and_seed
            result = self._run(
                cues[part], shown[part], window[part], total[part], seed, storing=False
            )
            return self._recorded(result, *self._slots(total[part]))

        recordings = backend.side_by_side(
            self.program(storing=False),
            run,
            [(part, self._noise_seed()) for part in self._parts(total)],
            threads=threads,
            target=self.target,
        )
        self.recording = Recording.joined(recordings)
        spikes, volleys = self.recording.counts(phases.recall - phases.read_out, phases.recall)
        cycles = volleys / self.parameters.inhibition.cells
        warn_of_cycles(cycles, self.parameters)
        recalled = spikes >= np.maximum(phases.read_out_fraction * cycles, 1)[:, None]
        return recalled & (cycles >= phases.volleys)[:, None]

    def _bins(self, duration: float) -> int:
        return round(duration / self.parameters.phases.bin)

    def _checked_durations(self, durations: ArrayLike, count: int) -> NDArray[np.int64]:
        """Durations in bins, or what is wrong with them."""
        durations = checks.array("durations", durations)
        step = self.parameters.phases.bin
        if not self._continuous:
            raise ValueError("durations: given; allowed: with parameters of trace='continuous'")
        if durations.shape != (count,):
            raise ValueError(f"durations: got shape {durations.shape}; allowed: {(count,)}")
        bins = np.rint(durations / step).astype(int)
        wrong = durations[(np.abs(durations / step - bins) > 1e-6) | (bins < 1)]
        if wrong.size:
            raise ValueError(
                f"durations: got {wrong[0]:g} second; allowed: multiples of the bin, "
                f"{step:g} second"
            )
        return bins

    def _parts(self, total: NDArray[np.int64]) -> Iterator[slice]:
        """Cut a stream, of so many bins for each pattern, into what the program can hold."""
        start = 0
        while start < len(total):
            fitting = np.searchsorted(np.cumsum(total[start:]), self._programs.bins)
            stop = start + max(1, min(self._programs.rows - 1, int(fitting)))
            yield slice(start, stop)
            start = stop

    # ---------------------------------------------------------------------- display and files

    def _about(self) -> dict[str, str]:
        return {
            "cells": f"{self.n} {type(self.cells).__name__}",
            "rule": display.settings(self.rule),
            "coding level": f"{self.coding_level:g}",
            "wiring": display.settings(self._settings["wiring"]),
        }

    def _saved(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        about = {name: described(value) for name, value in self._settings.items()}
        about |= {
            "n": self.n,
            "seed": self.seed,
            "calls": self._seeds.n_children_spawned,
            "joined": self._joined_digest(),
        }
        arrays = {f"pairs.{name}": array for name, array in self._pairs.state.items()}
        arrays |= {f"cells.{name}": array for name, array in self._programs.cell_state.items()}
        return about, arrays

    @classmethod
    def load(cls, path: str | Path, *, target: str | None = None, **objects: Any) -> Self:
        """Read what `save` has written.

        Parameters
        ----------
        path : str or Path
            The file.
        target : str, optional
            Where Brian2 runs; on the same target the memory goes on to the last bit.
        **objects
            Settings of classes of one's own, and cells by text: `rule`, `cells`, `wiring`. A file
            brings no code; what is given must be what was saved.

        Raises
        ------
        ResultError
            If the file is missing, damaged, or holds something else.
        ParameterError
            If an object is needed, or is another one than was saved.
        """
        about, arrays = sealed.load_object(path, cls.__name__)
        settings = {
            name: remade_as_saved(about[name], name, objects.pop(name, None))
            for name in ("rule", "cells", "wiring", "spread", "parameters")
        }
        if objects:
            raise TypeError(f"{next(iter(objects))}: unknown; allowed: {', '.join(settings)}")
        memory = cls(about["n"], seed=about["seed"], target=target, **settings)
        if memory._joined_digest() != about["joined"]:
            raise ParameterError("wiring: joins other cells; allowed: the wiring that was saved")
        for state, kind in ((memory._pairs.state, "pairs"), (memory._programs.cell_state, "cells")):
            for name in state:
                state[name] = arrays[f"{kind}.{name}"]
        memory._seeds.spawn(about["calls"])
        memory.stored = about["stored"]
        return memory

    def _joined_digest(self) -> str:
        """Fingerprint of which cells are joined, in the order of the state's arrays."""
        ends = np.r_[self._pairs.i, self._pairs.j].astype(np.int64)
        return hashlib.sha256(ends.tobytes()).hexdigest()[:16]

    # ------------------------------------------------------------------------------ program

    def program(self, *, storing: bool = True) -> backend.Program:
        """Return the program that stores, or the one that recalls.

        It is the same for all values of the parameters.
        """
        return self._programs.program(storing=storing)

    def _run(
        self,
        patterns: NDArray[np.bool_],
        shown: NDArray[np.int64],
        window: NDArray[np.int64],
        total: NDArray[np.int64],
        noise_seed: int,
        *,
        storing: bool,
    ) -> dict[str, NDArray]:
        """Run one piece of the protocol.

        Every pattern drives its cells for the first `shown` of its `total` bins; learning or
        recall is on for the first `window`.
        """
        slot = np.repeat(np.arange(len(patterns)), total)
        phase = np.arange(len(slot)) - np.repeat(np.cumsum(total) - total, total)
        rows, windows = np.zeros((2, self._programs.bins))
        rows[: len(slot)] = np.where(phase < shown[slot], slot + 1, 0)
        windows[: len(slot)] = phase < window[slot]
        table = np.zeros((self._programs.rows, self.n))
        table[1 : len(patterns) + 1] = patterns
        values = self._programs.constants(storing=storing, noise_seed=noise_seed)
        values |= self._programs.state(storing=storing)
        values |= {"row": rows, "window": windows, "table": table}
        if storing:
            outputs = list(self._programs.state(storing=True))
            unread = ("pairs.partner", "pairs.source_cell", "pairs.target_cell")
            outputs = [name for name in outputs if name not in unread]
        else:
            outputs = ["inhibitory_spikes.i", "inhibitory_spikes.t"]
        # The last pattern is latched at the very end of the protocol, one step more; and another,
        # because Brian2 takes clocks that differ by rounding (1e-14 s) one after the other.
        steps = round(len(slot) * self.parameters.phases.bin / self.parameters.time_step) + 2
        return backend.run(
            self.program(storing=storing),
            values,
            steps=steps,
            outputs=[*outputs, "spikes.i", "spikes.t"],
            target=self.target,
        )

    def _slots(self, total: NDArray[np.int64]) -> tuple[NDArray[np.float64], float]:
        """Onset of every slot and end of the last [s], of slots of so many bins."""
        edges = np.r_[0, np.cumsum(total)] * self.parameters.phases.bin
        return edges[:-1], float(edges[-1])

    def _noise_seed(self) -> int:
        return int(self._seeds.spawn(1)[0].generate_state(1)[0] >> 1)

    def _check_rule(self) -> None:
        """Refuse combinations that the network cannot run."""
        if self._continuous and type(self.rule) is not BoundedCurvatureGate:
            raise ParameterError(
                f"rule: got {type(self.rule).__name__}; allowed: CurvatureGate, "
                "the only rule with a continuous trace"
            )
