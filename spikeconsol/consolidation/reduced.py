"""A reduced model of a sparsely wired memory: seconds in place of hours of spikes.

Binary cells, the same random wiring, one presentation of the rule for each assembly, and a recall
in which the best supported cells win, as many as the assembly has. It knows no rates, no
background and no instability: it says what a perfect read-out of the same synapses would keep.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeconsol import checks
from spikeconsol.consolidation.rules import BoundedCurvatureGate, Rule, spiking_form
from spikeconsol.consolidation.rules.controls import Shuffled
from spikeconsol.parameters import ParameterError
from spikeconsol.statistics import dice

__all__ = ["Prediction", "predict"]


@dataclass(frozen=True)
class Prediction:
    """What the reduced model keeps.

    Attributes
    ----------
    overlap : ndarray of float, shape (ages,)
        Dice coefficient of the recalled assembly; the newest comes first.
    """

    overlap: NDArray[np.float64]

    def kept(self, threshold: float = 0.8) -> int:
        """Return the number of assemblies recalled with at least this Dice coefficient."""
        return int((self.overlap >= threshold).sum())


def predict(
    n: int,
    active: int,
    probability: float,
    lifetime: float,
    rule: Rule | None = None,
    *,
    tested: int | None = None,
    stored: int | None = None,
    seed: int = 0,
) -> Prediction:
    """Predict what a sparsely wired memory keeps in its steady state.

    Parameters
    ----------
    n : int
        Number of excitatory cells.
    active : int
        Cells of an assembly, k.
    probability : float
        Probability of a connection, p. As a rule of thumb completion needs k p of 20 and more.
    lifetime : float
        Protection time in assemblies: the gate's lifetime over the time from one to the next.
    rule : Rule, optional
        Rule whose ``protection_time`` is set to the lifetime, where it has one; by default the
        curvature gate that closes completely.
    tested : int, optional
        Newest assemblies that are recalled; by default twice the lifetime.
    stored : int, optional
        Assemblies shown, at least those tested; by default three lifetimes more. That is the steady
        state of a gate, but not of a rule that remembers for longer than the lifetime.
    seed : int, optional
        Seed of wiring, assemblies and cues.

    Returns
    -------
    Prediction
        Dice coefficients by age.

    Raises
    ------
    ParameterError
        If a number is impossible, or the rule reads more than its own synapse.
    """
    n = checks.whole("n", n, at_least=2)
    active = checks.whole("active", active, at_least=1, at_most=n - 1)
    probability = checks.number("probability", probability, above=0, at_most=1)
    lifetime = checks.number("lifetime", lifetime, above=0)
    seed = checks.whole("seed", seed, at_least=0)
    tested = round(2 * lifetime) if tested is None else checks.whole("tested", tested, at_least=1)
    if rule is None:
        # Constants of `CurvatureGate.for_lifetime`, in assemblies instead of seconds.
        rule = BoundedCurvatureGate(
            potentiation=1.0, trace_decay=float(np.log(5)), residual_plasticity=0.0
        )
    shown = round(3 * lifetime) + tested
    if stored is not None:
        shown = checks.whole("stored", stored, at_least=tested)
    rule = spiking_form(rule)
    if isinstance(rule, Shuffled) or rule.cell_traces:
        raise ParameterError(
            f"rule: got {type(rule).__name__}; allowed: one that reads its own synapse only"
        )
    if "protection_time" in rule.flat():
        rule = rule.replace(protection_time=float(lifetime))
    rng = np.random.default_rng(seed)
    connected = rng.random((n, n)) < probability
    np.fill_diagonal(connected, False)
    i, j = np.nonzero(connected)
    state = rule.state((len(i),))
    assemblies = np.zeros((shown, n), bool)
    for assembly in assemblies:
        assembly[rng.choice(n, active, replace=False)] = True
    for s in assemblies.astype(float):
        A = s[i] * s[j]
        rule.step(state, A, s[i] + s[j] - 2 * A, rng=rng)
    weights = np.zeros((n, n), np.float32)
    weights[i, j] = state["w"]
    newest = assemblies[::-1][:tested]
    recalled = np.array([_complete(weights, connected, s, rng) for s in newest])
    return Prediction(dice(recalled, newest))


def _complete(
    weights: NDArray, connected: NDArray, assembly: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Complete an assembly from 60% of its cells and a tenth of k spurious ones."""
    k = int(assembly.sum())
    state = np.zeros(len(assembly), bool)
    state[rng.permutation(np.flatnonzero(assembly))[: round(0.6 * k)]] = True
    state[rng.permutation(np.flatnonzero(~assembly))[: round(0.1 * k)]] = True
    for _ in range(10):
        # Support for each connection that the active cells make: an ideal normalisation.
        field = state.astype(np.float32) @ weights
        field /= np.maximum(state.astype(np.float32) @ connected, 1)
        winners = np.argpartition(-field, k)[:k]
        after = np.zeros_like(state)
        after[winners] = True
        if (after == state).all():
            break
        state = after
    return state
