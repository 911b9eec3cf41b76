"""Tables and equations as LaTeX, for a page of one column."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spikeconsol.brian.describe import Section

__all__ = ["document", "formula"]

#: Letters of \footnotesize in a line of a standard page, by which columns are laid out.
_LINE = 84
#: Longest text that keeps a column of its own width; longer ones share what is left.
_SHORT = 14
_LONG = 60
_ESCAPES = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}
_ASSIGN = {"=": "="} | {f"{sign}=": rf"\mathrel{{{{{sign}}}{{=}}}}" for sign in "+-*/"}
#: Operators with how strongly they bind.
_OPERATORS: dict[type[ast.AST], tuple[str, int]] = {
    ast.Or: (r"\vee", 1),
    ast.And: (r"\wedge", 2),
    ast.Not: (r"\neg", 3),
    ast.Lt: ("<", 4),
    ast.LtE: (r"\le", 4),
    ast.Gt: (">", 4),
    ast.GtE: (r"\ge", 4),
    ast.Eq: ("=", 4),
    ast.NotEq: (r"\ne", 4),
    ast.Add: ("+", 5),
    ast.Sub: ("-", 5),
    ast.Mult: (r"\cdot", 6),
    ast.Mod: (r"\bmod", 6),
    ast.USub: ("-", 7),
}


def document(title: str, sections: Sequence[Section]) -> str:
    """Write a longtable for each section; what it needs stands in its second line."""
    lines = [
        f"% {title}",
        r"% \usepackage{amsmath,array,booktabs,longtable}",
        r"{\footnotesize\renewcommand{\arraystretch}{1.2}",
        r"\normallineskip=3pt \lineskiplimit=2pt % fractions keep apart",
    ]
    for section in sections:
        if not section.rows:
            continue
        columns = "".join(
            rf">{{\raggedright\arraybackslash}}p{{{width:.3f}\linewidth}}"
            for width in _widths([section.heads, *section.rows])
        )
        lines += [
            rf"\begin{{longtable}}{{@{{}}{columns}@{{}}}}",
            r"\toprule",
            rf"\multicolumn{{{len(section.heads)}}}{{@{{}}l}}"
            rf"{{\textbf{{{_text(section.title)}}}}} \\",
            " & ".join(map(_text, section.heads)) + r" \\",
            r"\midrule",
            r"\endhead",
            r"\bottomrule",
            r"\endfoot",
        ]
        for row in section.rows:
            cells = [
                r" \newline ".join(map(formula, cell.splitlines()))
                if head in section.code
                else _text(cell)
                for head, cell in zip(section.heads, row, strict=True)
            ]
            lines.append(" & ".join(cells) + r" \\")
        lines += [r"\end{longtable}", ""]
    return "\n".join([*lines, "}", ""])


def formula(line: str) -> str:
    r"""Typeset an equation, a statement or an expression; what is none of them is text.

    Terms keep the order in which they are written, and lines may break within brackets.

    Examples
    --------
    >>> print(formula("dv/dt = (current - v)/2"))
    $\displaystyle \frac{d\,v}{dt} = \frac{\mathrm{current} - v}{2}$
    """
    match = re.fullmatch(r"(?:(?:d(\w+)/dt|(\w+)) ([-+*/]?=) )?(.+)", line)
    assert match is not None
    state, name, sign, right = match.groups()
    try:
        typeset = _term(ast.parse(right, mode="eval").body)
    except (SyntaxError, KeyError):
        return _text(line)
    if state:
        typeset = rf"\frac{{d\,{_symbol(state)}}}{{dt}} = {typeset}"
    elif name:
        typeset = rf"{_symbol(name)} {_ASSIGN[sign]} {typeset}"
    return rf"$\displaystyle {typeset}$"


def _term(node: ast.expr, binding: int = 0) -> str:
    """Typeset an expression, in brackets where it binds less than what stands around it.

    Raises
    ------
    KeyError
        If it has a construct that equations do not have.
    """
    match node:
        case ast.Name():
            return _symbol(node.id)
        case ast.Constant():
            return str(node.value)
        case ast.Call(func=ast.Name(id="sqrt"), args=[inner]):
            return rf"\sqrt{{{_term(inner)}}}"
        case ast.Call(func=ast.Name(id=name)):
            inside = r",\allowbreak ".join(map(_term, node.args))
            return rf"{_symbol(name)}({inside})"
        case ast.BinOp(op=ast.Div()):
            return rf"\frac{{{_term(node.left)}}}{{{_term(node.right)}}}"
        case ast.BinOp(op=ast.Pow()):
            return rf"{{{_term(node.left, 8)}}}^{{{_term(node.right)}}}"
        case ast.BinOp():
            sign, own = _OPERATORS[type(node.op)]
            text = f"{_term(node.left, own)} {sign} {_term(node.right, own + 1)}"
        case ast.UnaryOp():
            sign, own = _OPERATORS[type(node.op)]
            text = f"{sign} {_term(node.operand, own)}"
        case ast.BoolOp():
            sign, own = _OPERATORS[type(node.op)]
            text = f" {sign} ".join(_term(value, own + 1) for value in node.values)
        case ast.Compare(ops=[operator], comparators=[right]):
            sign, own = _OPERATORS[type(operator)]
            text = f"{_term(node.left, own + 1)} {sign} {_term(right, own + 1)}"
        case _:
            raise KeyError(type(node))
    return f"({text})" if own < binding else text


def _symbol(name: str) -> str:
    """Set a name of several letters as a word, not as a product."""
    word = name.replace("_", r"\_")
    return word if len(word) == 1 else rf"\mathrm{{{word}}}"


def _text(text: str) -> str:
    escaped = "".join(_ESCAPES.get(letter, letter) for letter in text)
    # Dotted and underscored names may break where their words meet.
    return re.sub(r"(\.|\\_)(?=[a-z])", r"\1\\allowbreak{}", escaped)


def _widths(rows: Sequence[Sequence[str]]) -> list[float]:
    """Share a line among columns: what is short stays whole, what is long is wrapped."""
    longest = [
        min(_LONG, 2 + max(len(line) for cell in column for line in (cell.splitlines() or [""])))
        for column in zip(*rows, strict=True)
    ]
    gaps = 0.035 * (len(longest) - 1) * _LINE
    short = sum(letters for letters in longest if letters <= _SHORT)
    long = sum(longest) - short
    share = min(1.0, (_LINE - gaps - short) / long) if long else 1.0
    return [letters * (1 if letters <= _SHORT else share) / _LINE for letters in longest]
