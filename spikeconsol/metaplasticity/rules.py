r"""How the traces of a plastic connection follow activity.

A rule is one small class with a `step`, the equation itself; the derivatives that training needs
follow from it. An own rule is registered by decoration and is then a name like any other::

    @trace_rule("presynaptic")
    class Presynaptic(TraceRule):
        '''Follows the input alone.'''

        def step(self, state, x, y, gamma):
            (H,) = state
            return (gamma * H + (1 - gamma) * x + 0 * y,)

    train(tasks.OneShot(), seeds=range(20), plasticity=Plasticity(rule="presynaptic"))

References
----------
Miconi, T. (2016). Learning to learn with backpropagation of Hebbian plasticity. arXiv:1609.02228.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from spikeconsol import checks

__all__ = [
    "BCM",
    "RULES",
    "Covariance",
    "Hebb",
    "Instar",
    "Oja",
    "Outstar",
    "TraceRule",
    "find_rule",
    "trace_rule",
]

#: Real in use; complex in the complex-step checks; a traced array under JAX.
Array = Any
State = tuple[Array, ...]

_REGISTERED: dict[str, TraceRule] = {}
#: All rules by name, the registered ones of users among them.
RULES: Mapping[str, TraceRule] = MappingProxyType(_REGISTERED)


class TraceRule:
    """How the traces of a layer follow activity; a subclass writes `step`.

    All arguments arrive ready to be combined element by element: `x` is (..., 1, K), `y` is
    (..., Y, 1), `gamma` a number or an array that broadcasts to (..., Y, K), and the state is a
    tuple of (..., Y, K) arrays, zero at the start of an episode, of which the first is the trace
    itself. `step` may use arithmetic operators only (absolute values by `magnitude`), so that the
    same text serves NumPy, complex numbers and JAX.

    The derivatives come from complex steps through `step`, exact to rounding. A subclass may write
    them out where speed matters.
    """

    #: Number of arrays in the state.
    size: ClassVar[int] = 1

    def step(self, state: State, x: Array, y: Array, gamma: Array) -> State:
        """Return the state after one step of activity."""
        raise NotImplementedError

    def pullback(
        self, state: State, x: Array, y: Array, gamma: Array, adjoint: State
    ) -> tuple[State, Array, Array]:
        """Return the adjoints of `state`, `x` and `y`, given that of the next state.

        The last two are left per synapse, (..., Y, K); the caller sums what is shared.
        """
        arguments = (*state, x, y, gamma)
        *to_state, to_x, to_y = (
            self._partial(arguments, place, adjoint) for place in range(self.size + 2)
        )
        return tuple(to_state), to_x, to_y

    def decay_pullback(
        self, state: State, x: Array, y: Array, gamma: Array, adjoint: State
    ) -> Array:
        """Return the adjoint of `gamma`, per synapse."""
        return self._partial((*state, x, y, gamma), self.size + 2, adjoint)

    def _partial(self, arguments: tuple[Array, ...], place: int, adjoint: State) -> Array:
        """Return the adjoint of one argument, by a complex step."""
        h = 1e-100
        moved = [a + 1j * h if n == place else a for n, a in enumerate(arguments)]
        *state, x, y, gamma = moved
        after = self.step(tuple(state), x, y, gamma)
        return sum(Q * (np.imag(part) / h) for Q, part in zip(adjoint, after, strict=True))


def magnitude(values: Array) -> Array:
    """Return absolute values in a form that complex steps and JAX can differentiate."""
    return (values * values + 1e-300) ** 0.5


def trace_rule(name: str) -> Callable[[type[TraceRule]], type[TraceRule]]:
    """Register a rule under a name, after trying it out.

    Parameters
    ----------
    name : str
        What `Plasticity(rule=...)` calls it.

    Raises
    ------
    ValueError
        If the name is taken, or the rule returns something else than its state, depends on the
        number of synapses, or is not differentiable as written.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise checks.wrong("name", name, "a word, as in @trace_rule('mine')")

    def register(kind: type[TraceRule]) -> type[TraceRule]:
        if not (isinstance(kind, type) and issubclass(kind, TraceRule)):
            raise TypeError(f"{name}: got {kind!r}; allowed: a subclass of TraceRule")
        taken = _REGISTERED.get(name)
        # The same class again is a cell of a notebook run twice.
        if taken is not None and _place(type(taken)) != _place(kind):
            raise ValueError(
                f"name: got {name!r}, which is {_place(type(taken))}; allowed: another name"
            )
        rule = kind()
        _try_out(name, rule)
        _REGISTERED[name] = rule
        return kind

    return register


def find_rule(name: str) -> TraceRule:
    """Return the rule of a name."""
    if isinstance(name, str) and name in _REGISTERED:
        return _REGISTERED[name]
    near = difflib.get_close_matches(str(name), _REGISTERED, n=1)
    hint = f"; nearest: {near[0]}" if near else ""
    raise checks.wrong("rule", name, f"one of {', '.join(_REGISTERED)}{hint}")


def _place(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _try_out(name: str, rule: TraceRule) -> None:
    """Run a rule on random states; compare its derivatives with finite differences."""
    rng = np.random.default_rng(0)
    state = tuple(rng.uniform(-1, 1, (3, 4)) for _ in range(rule.size))
    x, y, gamma = rng.uniform(-1, 1, (1, 4)), rng.uniform(-1, 1, (3, 1)), 0.9
    adjoint = tuple(rng.normal(size=(3, 4)) for _ in range(rule.size))

    def total(arguments: Sequence[Array]) -> Array:
        *s, x, y, gamma = arguments
        after = rule.step(tuple(s), x, y, gamma)
        return sum(Q * part for Q, part in zip(adjoint, after, strict=True))

    try:
        after = rule.step(state, x, y, gamma)
    except Exception as error:
        raise ValueError(f"{name}: step fails with {type(error).__name__}: {error}") from error
    shapes = [np.shape(part) for part in after] if isinstance(after, tuple) else type(after)
    if shapes != [(3, 4)] * rule.size:
        raise ValueError(
            f"{name}: step returned {shapes}; allowed: a tuple of {rule.size} arrays (size) "
            "of the trace's shape"
        )
    part = rule.step(tuple(s[:1, :2] for s in state), x[:, :2], y[:1], gamma)[0]
    if not np.allclose(part, after[0][:1, :2], rtol=1e-12, atol=1e-12):
        raise ValueError(f"{name}: a trace depends on other synapses; allowed: element by element")
    to_state, to_x, to_y = rule.pullback(state, x, y, gamma, adjoint)
    found = (*to_state, to_x, to_y, rule.decay_pullback(state, x, y, gamma, adjoint))
    arguments: list[Array] = [*state, x, y, gamma]
    for place, value in enumerate(found):
        h = 1e-6
        up, down = (
            total(tuple(a + sign * h if n == place else a for n, a in enumerate(arguments)))
            for sign in (1, -1)
        )
        if not np.allclose(value, (up - down) / (2 * h), rtol=1e-5, atol=1e-6):
            which = [*(f"state {n}" for n in range(rule.size)), "x", "y", "gamma"][place]
            raise ValueError(
                f"{name}: the derivative along {which} is wrong; allowed: arithmetic operators "
                "only, and magnitude() for absolute values"
            )


@trace_rule("hebb")
class Hebb(TraceRule):
    r"""Decaying Hebbian trace, :math:`H \leftarrow \gamma H + (1-\gamma)\,y x`."""

    def step(self, state: State, x: Array, y: Array, gamma: Array) -> State:
        (H,) = state
        return (gamma * H + (1 - gamma) * (y * x),)

    def pullback(
        self, state: State, x: Array, y: Array, gamma: Array, adjoint: State
    ) -> tuple[State, Array, Array]:
        (Q,) = adjoint
        rate = (1 - gamma) * Q
        return (gamma * Q,), rate * y, rate * x

    def decay_pullback(
        self, state: State, x: Array, y: Array, gamma: Array, adjoint: State
    ) -> Array:
        return adjoint[0] * (state[0] - y * x)


@trace_rule("oja")
class Oja(TraceRule):
    r"""Oja's trace, :math:`H \leftarrow H + (1-\gamma)\,y (x - y H)`.

    Decays only while the cell is active, so that a trace outlasts silence.
    """

    def step(self, state: State, x: Array, y: Array, gamma: Array) -> State:
        (H,) = state
        return (H + (1 - gamma) * y * (x - y * H),)

    def pullback(
        self, state: State, x: Array, y: Array, gamma: Array, adjoint: State
    ) -> tuple[State, Array, Array]:
        (H,), (Q,) = state, adjoint
        rate = (1 - gamma) * Q
        return (Q - rate * y * y,), rate * y, rate * (x - 2 * y * H)

    def decay_pullback(
        self, state: State, x: Array, y: Array, gamma: Array, adjoint: State
    ) -> Array:
        return -adjoint[0] * y * (x - y * state[0])


@trace_rule("covariance")
class Covariance(TraceRule):
    r"""Trace of joint deviations, :math:`H \leftarrow \gamma H + (1-\gamma)(y-\bar y)(x-\bar x)`.

    The running means :math:`\bar y, \bar x` forget at the same rate as the trace and are those
    from before the step.
    """

    size = 3

    def step(self, state: State, x: Array, y: Array, gamma: Array) -> State:
        H, mean_y, mean_x = state
        return (
            gamma * H + (1 - gamma) * (y - mean_y) * (x - mean_x),
            gamma * mean_y + (1 - gamma) * y,
            gamma * mean_x + (1 - gamma) * x,
        )

    def pullback(
        self, state: State, x: Array, y: Array, gamma: Array, adjoint: State
    ) -> tuple[State, Array, Array]:
        (_, mean_y, mean_x), (Q, Q_y, Q_x) = state, adjoint
        deviation_y, deviation_x = y - mean_y, x - mean_x
        to_y, to_x = (1 - gamma) * Q * deviation_x, (1 - gamma) * Q * deviation_y
        return (
            (gamma * Q, gamma * Q_y - to_y, gamma * Q_x - to_x),
            to_x + (1 - gamma) * Q_x,
            to_y + (1 - gamma) * Q_y,
        )

    def decay_pullback(
        self, state: State, x: Array, y: Array, gamma: Array, adjoint: State
    ) -> Array:
        (H, mean_y, mean_x), (Q, Q_y, Q_x) = state, adjoint
        deviation_y, deviation_x = y - mean_y, x - mean_x
        return Q * (H - deviation_y * deviation_x) - Q_y * deviation_y - Q_x * deviation_x


@trace_rule("bcm")
class BCM(TraceRule):
    r"""Trace with a sliding threshold, :math:`H \leftarrow \gamma H + (1-\gamma)\,y(y-\theta)x`.

    The threshold :math:`\theta` follows :math:`y^2` at the rate of the trace (Bienenstock, Cooper
    and Munro 1982).
    """

    size = 2

    def step(self, state: State, x: Array, y: Array, gamma: Array) -> State:
        H, threshold = state
        return (
            gamma * H + (1 - gamma) * y * (y - threshold) * x,
            gamma * threshold + (1 - gamma) * y * y,
        )


@trace_rule("instar")
class Instar(TraceRule):
    r"""Towards the input while the cell is active, :math:`\Delta H = (1-\gamma)(y x - |y| H)`.

    Grossberg's instar, with the magnitude of the cell's signed activity as its gate.
    """

    def step(self, state: State, x: Array, y: Array, gamma: Array) -> State:
        (H,) = state
        return (H + (1 - gamma) * (y * x - magnitude(y) * H),)


@trace_rule("outstar")
class Outstar(TraceRule):
    r"""Towards the activity while the input is on, :math:`\Delta H = (1-\gamma)(y x - |x| H)`.

    Grossberg's outstar, with the magnitude of the signed input as its gate.
    """

    def step(self, state: State, x: Array, y: Array, gamma: Array) -> State:
        (H,) = state
        return (H + (1 - gamma) * (y * x - magnitude(x) * H),)
