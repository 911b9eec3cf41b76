"""Sparse Hopfield network of binary units, the reference for the spiking memory."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol import checks, display, progress_bar, sealed
from spikeconsol.consolidation.memory import AssociativeMemory
from spikeconsol.consolidation.rules.base import Rule, State
from spikeconsol.consolidation.rules.definition import checked_rule
from spikeconsol.data.patterns import active_units, check_patterns, warn_activity
from spikeconsol.plain import described, remade_as_saved

__all__ = ["HopfieldNetwork"]

#: Synapses changed at a time, few enough for all their variables to stay in the cache.
CACHED = 40_000


class HopfieldNetwork(AssociativeMemory):
    """Associative memory that stores patterns in order, each presented once.

    Parameters
    ----------
    n : int
        Number of units N.
    rule : Rule
        Plasticity rule, see `spikeconsol.consolidation.rules`.
    seed : int or sequence of int
        Seed of the tie-breaking noise in recall. A sequence makes that many independent networks
        side by side: patterns, cues and weights then carry a leading axis S.
    homeostasis : float, optional
        Share c of the field that a unit receives on average, c f sum_j w_ij, which is taken off
        in recall: units with much total weight are harder to excite. It evens out how often units
        have been used; with c = 1 every presynaptic activity counts as its excess over the mean.
    self_coupling : float, optional
        Weight w_ii = mean + c SD of every unit onto itself in recall, with mean and standard
        deviation over the other weights: a memory of the unit's own state, and so of the cue.
        With c = 0 the diagonal is neutral, as if all weights were taken relative to their mean.
        By default w_ii = 0, which is hidden self-excitation where weights are mostly negative.
    saturation_size : float, optional
        Size k* of patterns above which weights saturate earlier, at sqrt(k*/k) in a pattern of
        k active units, for rules with weights in [0, 1]; by default all saturate at 1.

    Attributes
    ----------
    state : dict of ndarray, shape ([S,] N, N)
        Weights ``"w"`` and the other variables of the rule; of cells, shape ([S,] N).
    stored : int
        Number of patterns stored so far.

    Examples
    --------
    >>> from spikeconsol.consolidation import HopfieldNetwork
    >>> from spikeconsol.consolidation.rules import CurvatureGate
    >>> from spikeconsol.data import corrupt, sparse_patterns
    >>> from spikeconsol.statistics import dice
    >>> patterns = sparse_patterns(60, 200, coding_level=0.05, seed=1)
    >>> network = HopfieldNetwork(200, rule=CurvatureGate.for_capacity(127), seed=1)
    >>> network.store(patterns)
    >>> cues = corrupt(patterns, deleted=0.2, added=0.2, seed=2)
    >>> bool((dice(network.recall(cues), patterns) >= 0.9).mean() > 0.95)
    True
    """

    def __init__(
        self,
        n: int,
        *,
        rule: Rule,
        seed: int | Sequence[int],
        homeostasis: float = 0.0,
        self_coupling: float | None = None,
        saturation_size: float | None = None,
    ) -> None:
        n = checks.whole("n", n, at_least=2)
        rule = checked_rule(rule)
        checks.number("homeostasis", homeostasis, at_least=0)
        if self_coupling is not None:
            checks.number("self_coupling", self_coupling, at_least=0)
        if saturation_size is not None:
            checks.number("saturation_size", saturation_size, above=0)
        if not isinstance(seed, list | tuple | np.ndarray):
            checks.seed("seed", seed)
        elif not len(np.atleast_1d(checks.array("seed", seed))):
            raise checks.wrong("seed", seed, "at least one seed")
        else:
            for one in np.asarray(seed).ravel():
                checks.whole("seed", one, at_least=0)
        checks.memory(f"n: {n} units", 8.0 * n * n * np.size(seed) * (1 + len(rule.traces)))
        self.n = n
        self.rule = rule
        self.homeostasis = homeostasis
        self.self_coupling = self_coupling
        self.saturation_size = saturation_size
        self._batch = () if np.isscalar(seed) else (len(np.asarray(seed)),)
        self._rngs = [np.random.default_rng(s) for s in np.atleast_1d(np.asarray(seed))]
        # Rules that draw have numbers of their own: recall does not depend on them.
        self._draws = [np.random.default_rng([s, 1]) for s in np.atleast_1d(np.asarray(seed))]
        self.state = rule.state((*self._batch, n, n))

    @property
    def weights(self) -> NDArray[np.floating]:
        """Weights, shape ([S,] N, N); assign to replace them.

        Stored ones have a zero diagonal; assigned ones act as they are given.
        """
        return self.state["w"]

    @weights.setter
    def weights(self, weights: ArrayLike) -> None:
        weights = checks.array("weights", weights).astype(float)
        if weights.shape != self.state["w"].shape:
            raise ValueError(
                f"weights: got shape {weights.shape}; allowed: {self.state['w'].shape}"
            )
        self.state["w"] = weights

    @property
    def curvature(self) -> NDArray[np.floating]:
        """Fisher information F = p (1 - p) of every pair, from the rule's coincidence trace.

        Raises
        ------
        ValueError
            If the rule keeps no trace.
        """
        if "trace" not in self.state:
            raise ValueError(
                f"curvature: got a {type(self.rule).__name__} rule; allowed: one with a trace"
            )
        return self.state["trace"] * (1 - self.state["trace"])

    def store(self, patterns: ArrayLike) -> None:
        """Present patterns one after another, each once.

        Parameters
        ----------
        patterns : array_like of bool, shape ([S,] P, N)
            Patterns in the order of presentation.
        """
        patterns = self._checked(patterns, "patterns")
        warn_activity(patterns, getattr(self.rule, "coding_level", None))
        # One network after the other: its matrices stay in the processor's cache.
        for index, rng in zip(np.ndindex(*self._batch), self._draws, strict=True):
            self._draw = rng
            state = {name: array[index] for name, array in self.state.items()}
            shown = patterns[index].astype(float)
            for s in progress_bar.steps_of(shown, "store", len(shown)):
                self._present(state, s)
        self.stored += patterns.shape[-2]

    def _present(self, state: State, s: NDArray[np.float64]) -> None:
        """Present one pattern to one network, in place."""
        seen: dict[str, Any] = {}
        if self.saturation_size is not None:
            seen["ceiling"] = min(1.0, float(np.sqrt(self.saturation_size / s.sum())))
        if self.rule.elementwise:
            # Only the rows of active units see a coincidence or a mismatch; columns mirror them.
            active = np.flatnonzero(s)
            rows = {name: array[active] for name, array in state.items()}
            self.rule.step(rows, s[None], 1 - s[None], rng=self._draw, **seen)
            if self.rule.stochastic:  # both directions of a pair draw the same number
                for array in rows.values():
                    block = array[:, active]
                    array[:, active] = np.triu(block) + np.triu(block, 1).T
            height = max(1, CACHED // (self.n * len(state)))
            for top in range(0, self.n, height):
                self.rule.rest({name: array[top : top + height] for name, array in state.items()})
            for name, array in state.items():
                array[active] = rows[name]
                array[:, active] = rows[name].T
        else:
            A = s[:, None] * s
            self.rule.step(state, A, s[:, None] + s - 2 * A, S=s, rng=self._draw, **seen)
        for name in ("w", *self.rule.traces):
            np.fill_diagonal(state[name], 0.0)

    def recall(
        self,
        cues: ArrayLike,
        *,
        active: ArrayLike | None = None,
        threshold: float | None = None,
        steps: int = 10,
    ) -> NDArray[np.bool_]:
        """Let the network settle from each cue, synchronously.

        Parameters
        ----------
        cues : array_like of bool, shape ([S,] P, N)
            Initial states.
        active : int or array_like of int, shape ([S,] P), optional
            Number k of units that win each step, one for all patterns or one for each; by default
            round(f N) of the rule's coding level.
        threshold : float, optional
            Instead of k winners, every unit whose field exceeds this value becomes active.
        steps : int, optional
            Largest number of updates; recall ends earlier at a fixed point.

        Returns
        -------
        ndarray of bool, shape ([S,] P, N)
            Final states.

        Raises
        ------
        ValueError
            If cues are not binary or of another size, or `active` or `steps` is impossible.
        """
        states = self._checked(cues, "cues")
        if active is None and threshold is None:
            active = active_units(self.n, getattr(self.rule, "coding_level", 0.05))
        steps = checks.whole("steps", steps, at_least=0)
        if threshold is not None:
            threshold = checks.number("threshold", threshold)
        if active is not None:
            active = checks.array("active", active)
            for k in {0: (active[()],)}.get(active.ndim, active.ravel()):
                checks.whole("active", k, at_least=1, at_most=self.n)
            if active.ndim and active.shape != states.shape[:-1]:
                raise ValueError(
                    f"active: got shape {active.shape}; allowed: one number or {states.shape[:-1]}"
                )
            active = active.astype(int)
        if not any(np.any(w) for w in self.weights):
            warnings.warn("recall before anything is stored: all weights are 0", stacklevel=2)
        k = np.broadcast_to(0 if active is None else active, states.shape[:-1])
        networks: Iterable[Any] = zip(np.ndindex(*self._batch), self._rngs, strict=True)
        if self._batch:
            networks = progress_bar.steps_of(networks, "recall", len(self._rngs))
        final = [
            self._settle(states[index], self.weights[index], rng, k[index], threshold, steps)
            for index, rng in networks
        ]
        return np.reshape(final, states.shape)

    def _settle(
        self,
        states: NDArray[np.bool_],
        weights: NDArray[np.floating],
        rng: np.random.Generator,
        active: NDArray[np.integer],
        threshold: float | None,
        steps: int,
    ) -> NDArray[np.bool_]:
        """Let one network settle from each of the states, shape (P, N)."""
        states = states.copy()
        w = weights.astype(np.float32)  # twice as quick; far finer than the noise
        # Equal fields are ordered at random, in an order that stays while a pattern is recalled.
        noise = rng.random(states.shape) * (1e-4 * np.abs(w).max())
        moving = np.arange(len(states))
        own = 0.0
        if self.self_coupling is not None:
            others = weights[~np.eye(self.n, dtype=bool)]
            own = float(others.mean() + self.self_coupling * others.std())
        one_size = self.n - int(active[0]) if len(active) and np.ptp(active) == 0 else None
        for _ in progress_bar.steps_of(range(steps), "recall", steps):
            before = states[moving]
            drive = before - self.homeostasis * before.mean(axis=1, keepdims=True)
            fields = drive.astype(np.float32) @ w
            if own:
                fields += np.float32(own) * before
            if threshold is not None:
                after = fields > threshold
            else:
                fields = fields + noise[moving]
                if one_size is not None:  # twice as quick as a sort
                    least = np.partition(fields, one_size, axis=1)[:, one_size]
                else:
                    least = np.sort(fields, axis=1)[np.arange(len(moving)), -active[moving]]
                after = fields >= least[:, None]
            states[moving] = after
            moving = moving[(after != before).any(axis=1)]
            if not len(moving):
                break
        return states

    def _checked(self, patterns: ArrayLike, name: str) -> NDArray[np.bool_]:
        array = checks.array(name, patterns, finite=False)
        if not self._batch:
            return check_patterns(array, n=self.n, name=name)
        if array.ndim != 3 or array.shape[0] != self._batch[0]:
            raise ValueError(
                f"{name}: got shape {array.shape}; allowed: "
                f"({self._batch[0]} networks, patterns, {self.n} units)"
            )
        return np.stack([check_patterns(part, n=self.n, name=name) for part in array])

    # ---------------------------------------------------------------------- display and files

    def _about(self) -> dict[str, str]:
        return {
            "units": str(self.n) if not self._batch else f"{self.n}, {self._batch[0]} networks",
            "rule": display.settings(self.rule),
        }

    def _saved(self) -> tuple[dict[str, Any], State]:
        about = {
            "n": self.n,
            "rule": described(self.rule),
            "networks": list(self._batch),
            "homeostasis": self.homeostasis,
            "self_coupling": self.self_coupling,
            "saturation_size": self.saturation_size,
            "recall": [rng.bit_generator.state for rng in self._rngs],
            "draws": [rng.bit_generator.state for rng in self._draws],
        }
        return about, self.state

    @classmethod
    def load(cls, path: str | Path, *, rule: Rule | None = None) -> Self:
        """Read what `save` has written.

        Parameters
        ----------
        path : str or Path
            The file.
        rule : Rule, optional
            The rule of the saved network, needed where its class is of one's own.

        Raises
        ------
        ResultError
            If the file is missing, damaged, or holds something else.
        ParameterError
            If the rule is needed, or is another one.
        """
        about, state = sealed.load_object(path, cls.__name__)
        constants = ("homeostasis", "self_coupling", "saturation_size")
        network = cls(
            about["n"],
            rule=remade_as_saved(about["rule"], "rule", rule),
            seed=list(range(*about["networks"])) if about["networks"] else 0,
            **{name: about[name] for name in constants},
        )
        network.state = state
        network.stored = about["stored"]
        for rngs, states in (("_rngs", about["recall"]), ("_draws", about["draws"])):
            for rng, before in zip(getattr(network, rngs), states, strict=True):
                rng.bit_generator.state = before
        return network
