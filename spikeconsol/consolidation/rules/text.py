"""The language in which rules are written: Brian2 statements, read by NumPy too.

A rule is told once, as text. Brian2 turns the text into C++; `compiled` turns the same text into a
Python function on arrays, by way of Python's own parser, and `names` and `check_names` tell before
any work what the text reads and writes. Nothing here imports Brian2.

What a text may read besides the rule's constants and variables:

========== =========================================================================
``A``      coincidence of the pair in this presentation, in [0, 1]
``M``      mismatch: one side was active and the other was not, in [0, 1]
``S_i``    activity of the presynaptic cell, in [0, 1]; ``S_j`` of the postsynaptic one
``S``      in the text of a cell: its own activity
``x_i``    variable ``x`` of the presynaptic cell; ``x_j`` of the postsynaptic one
``ceiling`` largest weight that the network allows this pair; 1 where it sets none
``rand()`` a uniform number in [0, 1), anew for every synapse and presentation
========== =========================================================================
"""

from __future__ import annotations

import ast
import keyword
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from types import CodeType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeconsol.parameters import ParameterError

__all__ = ["SEEN", "check_names", "compiled", "decays", "names", "refused_name", "variables"]

#: What a network tells a synapse of one presentation.
SEEN = ("A", "M", "S_i", "S_j", "ceiling")


def _int(x: Any) -> NDArray:
    x = np.asarray(x)
    return x.astype(float) if x.dtype == bool else np.trunc(x)


#: Functions that mean the same in a text's two forms.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": np.abs,
    "ceil": np.ceil,
    "clip": np.clip,
    "cos": np.cos,
    "exp": np.exp,
    "expm1": np.expm1,
    "floor": np.floor,
    "int": _int,
    "log": np.log,
    "log1p": np.log1p,
    "sign": np.sign,
    "sin": np.sin,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
}

#: Names that mean something else to Brian2, to C++ or to the networks of this package.
_BRIAN2 = """
    t dt i j N xi e pi inf rand randn poisson lastspike lastupdate not_refractory refractory
    t_in_timesteps summed timestep sinh cosh tan arcsin arccos arctan log10 exprel binomial all any
    zero_celsius ms us ns mV uV pA nA uA mA nS uS mS pF nF uF Hz kHz MHz cm mm um mM uM nM
"""
#: Units with their prefixes and powers.
_UNITS = re.compile(
    "(da|[YZEPTGMkhdcmunpfazy])?"
    "(second|metre|meter|kilogram|kilogramme|gram|gramme|ampere|amp|kelvin|mole|mol|candle|volt"
    "|siemens|farad|ohm|hertz|watt|joule|coulomb|newton|pascal|becquerel|gray|sievert|molar|liter"
    "|litre|radian|steradian|weber|henry|katal|lumen|lux|tesla|celsius)[234]?"
    "|[cmu]?m[234]|[munpk]?[ALW]"
)
_CPP = """
    alignas alignof and_eq asm atomic auto bitand bitor bool break case catch char class compl
    concept const constexpr continue decltype default delete do double dynamic_cast else enum
    explicit export extern false float for friend goto if inline int long mutable namespace new
    noexcept nullptr operator or_eq private protected public register requires return short signed
    sizeof static struct switch template this throw true try typedef typeid typename union unsigned
    using virtual void volatile while xor std brian main y0 y1 yn j0 j1 jn gamma round min max pow
    ceil fmod hypot erf cbrt time clock index signal select
"""
_OURS = """
    A M S S_i S_j ceiling c m h u g x v learn latch last retrieve storing active_i active_j
    trace_elsewhere delay order
"""
_OWNERS = (("Brian2", _BRIAN2), ("C++", _CPP), ("the networks of spikeconsol", _OURS))
_RESERVED = {name: owner for owner, text in _OWNERS for name in text.split()}
_RESERVED |= dict.fromkeys(FUNCTIONS, "Brian2")


def refused_name(name: str) -> str | None:
    """Return whose name this is, if a rule may not use it for a constant or a variable."""
    if keyword.iskeyword(name):
        return "Python"
    if name.startswith("_"):
        return "Brian2"
    if name.endswith(("_pre", "_post", "_i", "_j")):
        return "the cells on either side of a synapse"
    return "Brian2" if _UNITS.fullmatch(name) else _RESERVED.get(name)


@cache
def variables(model: str) -> dict[str, str]:
    """Return the variables that a model declares, each with its equation or an empty text.

    ``w : 1`` declares a variable, ``dq/dt = -q/T : 1`` one that decays, with time counted in
    presentations.
    """
    declared = {}
    for line in map(str.strip, model.splitlines()):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        match = re.fullmatch(r"(?:d(\w+)\s*/\s*dt\s*=\s*(.+?)|(\w+))\s*:\s*1", line)
        if match is None:
            raise ParameterError(
                f"model: got {line!r}; allowed: lines as 'w : 1' and 'dq/dt = -q/T : 1'"
            )
        declared[match[1] or match[3]] = match[2] or ""
    return declared


def decays(model: str, constants: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """Return factor and rest of every decaying variable: x <- rest + (x - rest) factor.

    Raises
    ------
    ParameterError
        If an equation is not linear in its own variable, or does not decay.
    """
    found = {}
    for name, equation in variables(model).items():
        if not equation:
            continue
        at = [
            float(eval(_expression(equation), {**FUNCTIONS, **constants, name: float(value)}))
            for value in (0, 1, 2)
        ]
        slope = at[1] - at[0]
        if not (slope < 0 and np.isclose(at[2] - at[1], slope, rtol=1e-9)):
            raise ParameterError(
                f"model: got d{name}/dt = {equation}; allowed: a decay, linear in {name}"
            )
        found[name] = (float(np.exp(slope)), -at[0] / slope)
    return found


@cache
def names(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that statements read (without functions), and those that they assign."""
    tree = _parsed(text)
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    read = {n.id for n in found if isinstance(n.ctx, ast.Load) and id(n) not in functions}
    return frozenset(read), frozenset(n.id for n in found if isinstance(n.ctx, ast.Store))


def check_names(text: str, known: Iterable[str], where: str) -> None:
    """Refuse a text that reads what nobody tells it.

    Raises
    ------
    ParameterError
        With the name, and what may be read.
    """
    known = set(known)
    for node in _parsed(text).body:
        line = ast.unparse(node)
        read, assigned = names(line)
        if isinstance(node, ast.AugAssign):
            read |= assigned
        for name in sorted(read - known):
            raise ParameterError(
                f"{where}: reads {name!r} in {line!r}; allowed: {', '.join(sorted(known))}"
            )
        known |= assigned


#: A text calls nothing but `FUNCTIONS`; NumPy imports what it needs to warn of a number.
IMPORT_OF_WARNINGS = {"__import__": __import__}


def compiled(text: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Return the text as a function from the names it reads to all names after it has run.

    Arrays that go in are not changed; assignments make new ones.
    """
    code = _code(text)

    def run(values: Mapping[str, Any]) -> dict[str, Any]:
        scope: dict[str, Any] = {**FUNCTIONS, **values}
        with np.errstate(over="ignore"):
            exec(code, {"__builtins__": IMPORT_OF_WARNINGS}, scope)
        return scope

    return run


@cache
def _code(text: str) -> CodeType:
    tree = ast.fix_missing_locations(_Elementwise().visit(_parsed(text)))
    return compile(tree, "<rule>", "exec")


@cache
def _expression(text: str) -> CodeType:
    return compile(ast.parse(text, mode="eval"), "<rule>", "eval")


_ALLOWED = (
    ast.Module, ast.Assign, ast.AugAssign, ast.Name, ast.Load, ast.Store, ast.Constant, ast.Call,
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.operator, ast.unaryop, ast.boolop,
    ast.cmpop,
)  # fmt: skip


def _parsed(text: str) -> ast.Module:
    """Parse statements; anything but assignments of expressions is refused."""
    try:
        tree = ast.parse(textwrap.dedent(text))
    except SyntaxError as error:
        raise ParameterError(f"text: got {(error.text or text).strip()!r}; {error.msg}") from None
    for node in ast.walk(tree):
        wrong = not isinstance(node, _ALLOWED)
        if isinstance(node, ast.Call):
            known = isinstance(node.func, ast.Name) and (node.func.id in {*FUNCTIONS, "rand"})
            if not known or node.keywords:
                raise ParameterError(
                    f"text: calls {ast.unparse(node)!r}; allowed: "
                    f"{', '.join(sorted({*FUNCTIONS, 'rand'}))}"
                )
        if wrong or (isinstance(node, ast.Compare) and len(node.ops) > 1):
            raise ParameterError(
                f"text: got {ast.unparse(node)!r}; allowed: assignments such as "
                "'w += A*(1 - w)', with functions and simple comparisons"
            )
    return tree


class _Elementwise(ast.NodeTransformer):
    """Statements on arrays: no change in place, `and`, `or` and `not` for every element."""

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        assert isinstance(node.target, ast.Name)
        left = ast.Name(node.target.id, ast.Load())
        return ast.Assign([node.target], ast.BinOp(left, node.op, node.value))

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        operator = ast.BitAnd() if isinstance(node.op, ast.And) else ast.BitOr()
        joined = node.values[0]
        for value in node.values[1:]:
            joined = ast.BinOp(joined, operator, value)
        return joined

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Not):
            return ast.Compare(node.operand, [ast.Eq()], [ast.Constant(False)])
        return node
