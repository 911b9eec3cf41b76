"""An always-on memory in an ordinary cortical network: no phases, no pattern clock, no clamp."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol import checks, display, sealed
from spikeconsol.brian import backend
from spikeconsol.brian.recording import Recording
from spikeconsol.consolidation import cortical_wiring
from spikeconsol.consolidation.cortical_parameters import (
    CorticalParameters,
    ExcitatoryCells,
    InhibitoryCells,
)
from spikeconsol.consolidation.memory import RecordedMemory
from spikeconsol.consolidation.rules.base import Rule
from spikeconsol.consolidation.rules.events import EventDriven
from spikeconsol.data.patterns import active_units, check_patterns, warn_activity
from spikeconsol.parameters import ParameterError
from spikeconsol.plain import described, remade, remade_as_saved
from spikeconsol.progress_bar import steps_of

if TYPE_CHECKING:
    from scipy import sparse

__all__ = ["CorticalMemory"]

State = dict[str, NDArray]

#: A plastic synapse sends to both receptors.
TRANSMIT = """
ampa_post += gain*w
nmda_post += nmda_gain*w
"""
#: Patterns in one run of the program; more would only make its tables larger.
ROWS = 16


class CorticalMemory(RecordedMemory):
    """Excitatory and inhibitory cells with irregular background firing and plasticity always on.

    Parameters
    ----------
    excitatory : int
        Number of excitatory cells N_E; a quarter as many are inhibitory.
    rule : Rule or EventDriven
        A rule, see `spikeconsol.consolidation.rules`; one as spikes drive it, for example
        ``CurvatureGate.for_lifetime("20 s")``, brings its own times.
    seed : int
        Seed of all noise; that of the connections is a parameter. The same seeds and the same calls
        give the same spikes.
    parameters : CorticalParameters, optional
        All other constants.
    target : str, optional
        As for `SpikingMemory`.

    Attributes
    ----------
    recording, stored
        As for `SpikingMemory`.
    gains : Gains
        Strength of each kind of synapse, see `spikeconsol.consolidation.cortical_wiring.gains`.

    Notes
    -----
    A pattern is shown by giving its cells Poisson input; a cue likewise, and for a shorter time.
    Nothing else tells storing from recall: dynamics and plasticity are the same in both. Every call
    goes on from the state that the last one has left, apart from the spikes under way (1 ms of
    them). `recall` shows its cues on branches of that state, which are given up afterwards: asking
    a memory what it knows changes neither its weights nor what it does next.

    Values of parameters go in at run time; only `wiring.probability`,
    `wiring.inhibitory_probability`, `excitatory.model`, delays, the time step, the form of the rule
    and whether inhibition is plastic (`balance.rate` above 0) are compiled.
    """

    def __init__(
        self,
        excitatory: int,
        *,
        rule: Rule | EventDriven,
        seed: int,
        parameters: CorticalParameters | None = None,
        target: str | None = None,
    ) -> None:
        self.n = checks.whole("excitatory", excitatory, at_least=8)
        self.seed = checks.whole("seed", seed, at_least=0)
        self.parameters = CorticalParameters() if parameters is None else parameters
        checks.instance("parameters", self.parameters, CorticalParameters, "CorticalParameters")
        if target is not None:
            backend.checked_target(target)
        self.active = active_units(self.n, self.parameters.coding_level)
        self.rule = rule if isinstance(rule, EventDriven) else EventDriven(rule)
        self.target = target
        wiring = self.parameters.wiring
        self.gains = cortical_wiring.gains(
            self.n,
            self.active,
            wiring.probability,
            inhibitory_probability=wiring.inhibitory_probability,
            strengths=self.parameters.strengths,
        )
        self._wiring = cortical_wiring.connect(self.n, wiring)
        # Probing draws from seeds of its own: what happens next does not depend on it.
        self._seeds, self._probe_seeds, start = np.random.SeedSequence(self.seed).spawn(3)
        self._state = self._at_rest(np.random.default_rng(start))

    @property
    def inhibitory(self) -> int:
        """Number of inhibitory cells."""
        return self.n // 4

    # ------------------------------------------------------------------------------- state

    def _at_rest(self, rng: np.random.Generator) -> State:
        """State before anything has happened: potentials anywhere, all weights zero."""
        state: State = {}
        cells: dict[str, ExcitatoryCells | InhibitoryCells]
        cells = {"excitatory": self.parameters.excitatory, "inhibitory": self.parameters.inhibitory}
        for group, constants in cells.items():
            n = self.n if group == "excitatory" else self.inhibitory
            state[f"{group}.v"] = rng.uniform(
                constants.reset_potential, constants.firing_threshold, n
            )
            state[f"{group}.last"] = np.full(n, -1.0)
            for name in self._conductances(group):
                state[f"{group}.{name}"] = np.zeros(n)
        start, pairs = self.rule.rule.state((1, 1)), len(self._wiring["pairs"][0])
        for name in self._variables:
            value = float(start[name].flat[0]) if name in start else 0.0
            state[f"pairs.{name}"] = np.full(pairs, value, np.float32)
        if self._balanced:
            state["inhibiting.w"] = np.ones(len(self._wiring["inhibiting"][0]))
        return state

    @property
    def _balanced(self) -> bool:
        return self.parameters.balance.rate > 0

    def _conductances(self, group: str) -> tuple[str, ...]:
        recent = ("recent",) * self._balanced
        if group == "inhibitory":
            return ("ampa", "gaba", *recent)
        adaptation = {"lif": "potassium", "adex": "adaptation"}[self.parameters.excitatory.model]
        return ("ampa", "nmda", "gaba", adaptation, *recent)

    def _after(self, result: Mapping[str, NDArray], end: float) -> State:
        """State at the end of a run, with time counted from there."""
        state = {name: result[name] for name in self._state}
        for group in ("excitatory", "inhibitory"):
            state[f"{group}.last"] -= end
        # What decays is brought up to date by spikes only.
        pairs = {name: result[f"pairs.{name}"] for name in (*self._variables, "updated")}
        for name, values in self.rule.state(SimpleNamespace(**pairs), end).items():
            state[f"pairs.{name}"] = values.astype(np.float32)
        return state

    @property
    def weights(self) -> sparse.csr_array:
        """Weights in [0, 1] from i (rows) to j (columns); zero weights are kept as entries."""
        return self._matrix("w")

    @property
    def inhibitory_weights(self) -> sparse.csr_array:
        """Weights from inhibitory (rows) to excitatory cells (columns): 1 unless `balance` acts."""
        from scipy import sparse

        ends = self._wiring["inhibiting"]
        weights = self._state.get("inhibiting.w", np.ones(len(ends[0])))
        return sparse.csr_array((weights, ends), shape=(self.inhibitory, self.n))

    def trace(self, name: str) -> sparse.csr_array:
        """One of the variables that the rule keeps in every synapse, like `weights`.

        Raises
        ------
        ValueError
            If the rule keeps none of this name.
        """
        if name not in self._variables:
            raise ValueError(f"name: got {name!r}; allowed: {', '.join(self._variables)}")
        return self._matrix(name)

    def _matrix(self, name: str) -> sparse.csr_array:
        from scipy import sparse  # slow to import, needed here only

        return sparse.csr_array(
            (self._state[f"pairs.{name}"], self._wiring["pairs"]), shape=(self.n, self.n)
        )

    # ---------------------------------------------------------------------- display and files

    def _about(self) -> dict[str, str]:
        return {
            "cells": f"{self.n} excitatory, {self.inhibitory} inhibitory",
            "rule": display.settings(self.rule.rule),
        }

    def _saved(self) -> tuple[dict[str, Any], State]:
        about = {
            "excitatory": self.n,
            "seed": self.seed,
            "parameters": described(self.parameters),
            "rule": described(self.rule),
            "calls": self._seeds.n_children_spawned,
            "probes": self._probe_seeds.n_children_spawned,
        }
        return about, self._state

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        rule: Rule | EventDriven | None = None,
        target: str | None = None,
    ) -> Self:
        """Read what `save` has written.

        Parameters
        ----------
        path : str or Path
            The file.
        rule : Rule or EventDriven, optional
            A rule of one's own, and that of a file of version 0.1; what is given must be what was
            saved.
        target : str, optional
            Where Brian2 runs; on the same target the memory goes on to the last bit.

        Raises
        ------
        ResultError, ParameterError
            As with `SpikingMemory.load`.
        """
        given = EventDriven(rule) if isinstance(rule, Rule) else rule
        if sealed.is_zip(path):
            about, state = _of_earlier_versions(path, given)
        else:
            about, state = sealed.load_object(path, cls.__name__)
        memory = cls(
            about["excitatory"],
            rule=remade_as_saved(about["rule"], "rule", given),
            seed=about["seed"],
            parameters=remade(about["parameters"], "parameters"),
            target=target,
        )
        memory._state = state
        memory.stored = about["stored"]
        memory._seeds.spawn(about["calls"])
        memory._probe_seeds.spawn(about["probes"])
        return memory

    # ----------------------------------------------------------------------------- protocol

    def store(self, patterns: ArrayLike) -> None:
        """Show patterns one after another, each once.

        Parameters
        ----------
        patterns : array_like of bool, shape (P, N_E)
            Patterns in the order of presentation.
        """
        patterns = check_patterns(patterns, n=self.n)
        warn_activity(patterns, self.parameters.coding_level)
        parts = [patterns[start : start + ROWS] for start in range(0, len(patterns), ROWS)]
        stimuli = self.parameters.stimuli
        self._advance(steps_of(parts, "storing", len(parts)), stimuli.present, stimuli.pause)
        self.stored += len(patterns)

    def run(self, duration: float) -> None:
        """Let the network go on without any stimulus.

        Parameters
        ----------
        duration : float
            Time [s], a multiple of the protocol's bin.

        Raises
        ------
        ValueError
            If it is not.
        """
        bins = duration / self.parameters.stimuli.bin
        if not bins >= 1 or abs(bins - round(bins)) > 1e-6:
            raise ValueError(
                f"duration: got {duration!r}; allowed: multiples of the bin, "
                f"{self.parameters.stimuli.bin:g} second"
            )
        self._advance([np.zeros((1, self.n), bool)], 0.0, duration)

    def recall(self, cues: ArrayLike, *, lasting: bool = False) -> NDArray[np.bool_]:
        """Show cues on branches of the state, and say who is active after each.

        Parameters
        ----------
        cues : array_like of bool, shape (P, N_E)
            Cues; each gives its cells input for a short time, then the network is on its own.
        lasting : bool
            Give no branch up: the memory goes on from the state that its cues have left, so that
            asking changes what it knows.

        Returns
        -------
        ndarray of bool, shape (P, N_E)
            Cells with enough spikes in the read-out window after the cue.
        """
        cues = check_patterns(cues, n=self.n, name="cues")
        checks.instance("lasting", lasting, bool)
        stimuli = self.parameters.stimuli
        recordings = []
        starts = range(0, len(cues), stimuli.branch)
        for start in steps_of(starts, "recalling", len(starts)):
            branch = cues[start : start + stimuli.branch]
            seed = (self._seeds if lasting else self._probe_seeds).spawn(1)[0]
            self._state, recording = self._run(
                branch, stimuli.cue, stimuli.rest, seed, keep=lasting
            )
            recordings.append(recording)
        self.recording = Recording.joined(recordings)
        spikes, _ = self.recording.counts(
            stimuli.cue + stimuli.read_start, stimuli.cue + stimuli.read_stop
        )
        return spikes >= stimuli.read_spikes

    def _advance(self, parts: Iterable[NDArray[np.bool_]], shown: float, pause: float) -> None:
        recordings = []
        for part in parts:
            seed = self._seeds.spawn(1)[0]
            self._state, recording = self._run(part, shown, pause, seed, keep=True)
            recordings.append(recording)
        self.recording = Recording.joined(recordings)

    # ------------------------------------------------------------------------------ program

    def program(self) -> backend.Program:
        """Return the program that runs this memory: the same for all values of its parameters."""
        p = self.parameters
        text = self._text()
        structure = {
            "excitatory": self.n,
            "inhibitory": self.inhibitory,
            "cells": p.excitatory.model,
            "synapses": cortical_wiring.synapse_counts(self.n, p.wiring),
            "dt": p.time_step,
            "delay": p.strengths.delay,
            "short_delay": p.strengths.short_delay,
            "bin": p.stimuli.bin,
            "rows": ROWS + 1,
            "rule": text,
            "single": self._variables,
            "balanced": self._balanced,
        }
        ends = [f"{name}._synaptic_{end}" for name in self._wiring for end in ("pre", "post")]
        spikes = ("spikes.i", "spikes.t", "inhibitory_spikes.i", "inhibitory_spikes.t")
        return backend.Program(
            name="cortical-memory",
            builder="spikeconsol.consolidation.equations.cortical:build",
            structure=structure,
            inputs=(*self._constants(), *self._state, *ends, "table"),
            outputs=(*self._state, "pairs.updated", *spikes),
        )

    @property
    def _variables(self) -> list[str]:
        """Variables of every plastic synapse, the weight first."""
        return _declared(self._text()["model"], "")

    def _text(self) -> dict[str, str]:
        """Model, on_pre and on_post of the plastic synapses; constants are run-time values."""
        text = self.rule.synapses(on_pre=TRANSMIT, constants="shared")
        for stream, name in ((4, "on_pre"), (5, "on_post")):
            draw = f"uniform(noise_seed_pre, {stream}, t_in_timesteps, i*{self.n} + j)"
            text[name] = text[name].replace("rand()", draw)
        return text

    def _constants(
        self, *, noise_seed: int = 0, shown: float = 0.0, slot: float = 1.0
    ) -> dict[str, float]:
        """All scalar run-time values, by input name."""
        p, s, gains = self.parameters, self.parameters.strengths, self.gains
        shared = {
            "ampa_time": s.ampa_time,
            "gaba_time": s.gaba_time,
            "excitation": s.excitation,
            "inhibition": s.inhibition,
            "noise_seed": noise_seed,
        }
        excitatory = (
            p.excitatory.flat()
            | shared
            | {
                "nmda_time": s.nmda_time,
                "input_rate": p.stimuli.input_rate,
                "input_jump": p.stimuli.input_jump,
                "shown_time": shown,
                "slot": slot,
            }
        )
        del excitatory["model"]
        balance = {}
        if self._balanced:
            balance = {
                "excitatory.balance_time": p.balance.time,
                "inhibitory.balance_time": p.balance.time,
                "inhibiting.balance_rate": p.balance.rate,
                "inhibiting.balance_share": 2 * p.balance.target_rate * p.balance.time,
            }
        declared = _declared(self._text()["model"], " (shared, constant)")
        return {
            **{f"excitatory.{name}": value for name, value in excitatory.items()},
            **{f"inhibitory.{name}": v for name, v in (p.inhibitory.flat() | shared).items()},
            **{f"pairs.{name}": self.rule.constants[name] for name in declared},
            "pairs.gain": gains.recurrent,
            "pairs.nmda_gain": gains.recurrent * s.nmda_ratio,
            "recruiting.gain": gains.recruiting,
            "inhibiting.gain": gains.inhibiting,
            "disinhibiting.gain": gains.disinhibiting,
            **balance,
        }

    def _run(
        self,
        patterns: NDArray[np.bool_],
        shown: float,
        pause: float,
        seed: np.random.SeedSequence,
        *,
        keep: bool,
    ) -> tuple[State, Recording]:
        """Show each pattern for some time and nothing for some time; return the state after it."""
        slot = shown + pause
        table = np.zeros((ROWS + 1, self.n))
        table[: len(patterns)] = patterns
        noise_seed = int(seed.generate_state(1)[0] >> 1)
        values: dict[str, Any] = dict(
            self._constants(noise_seed=noise_seed, shown=shown, slot=slot), table=table
        )
        values |= self._state
        for name, ends in self._wiring.items():
            values |= dict(
                zip((f"{name}._synaptic_pre", f"{name}._synaptic_post"), ends, strict=True)
            )
        end = len(patterns) * slot
        result = backend.run(
            self.program(),
            values,
            steps=round(end / self.parameters.time_step),
            outputs=[
                *((*self._state, "pairs.updated") if keep else ()),
                "spikes.i",
                "spikes.t",
                "inhibitory_spikes.i",
                "inhibitory_spikes.t",
            ],
            target=self.target,
        )
        recording = self._recorded(result, slot * np.arange(len(patterns), dtype=float), end)
        return self._after(result, end) if keep else self._state, recording


def _declared(model: str, flags: str) -> list[str]:
    """Names of a model's dimensionless variables with these flags."""
    return [line.split()[0] for line in model.splitlines() if line.endswith(f" : 1{flags}")]


def _of_earlier_versions(
    path: str | Path, rule: EventDriven | None
) -> tuple[dict[str, Any], State]:
    """Read a NumPy archive of `save`, which knew its rule by its fingerprint only."""
    with np.load(path, allow_pickle=False) as file:
        if "about" not in file:
            raise sealed.ResultError(
                f"{path}: holds arrays; allowed: a file of CorticalMemory.save"
            )
        about = json.loads(str(file["about"]))
        state = {name: file[name] for name in file.files if name != "about"}
    if rule is None or rule.fingerprint() != about["rule"]:
        given = "nothing" if rule is None else repr(rule)
        raise ParameterError(f"rule: got {given}; allowed: rule as saved")
    parameters = CorticalParameters().with_settings(about["parameters"])
    about |= {"rule": described(rule), "parameters": described(parameters)}
    return {"stored": 0} | about, state
