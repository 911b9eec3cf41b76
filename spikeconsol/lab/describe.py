"""Model description tables as Markdown and LaTeX, made from parameters and the network itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from spikeconsol.lab.experiment import Condition, Experiment
from spikeconsol.parameters import Parameters

if TYPE_CHECKING:
    from spikeconsol.brian.describe import Section

__all__ = ["FORMATS", "model_table"]


def model_table(
    experiment: Experiment, parameters: Parameters, condition: Condition | None, form: str
) -> str:
    """Write the description of a model in the form of Nordlie et al. (2009).

    Parameters
    ----------
    experiment : Experiment
    parameters : Parameters
    condition : Condition or None
        Condition whose network is described; None describes the parameters alone.
    form : {"markdown", "latex"}

    Returns
    -------
    str
    """
    if form not in FORMATS:
        raise ValueError(f"to: got {form!r}; allowed: {', '.join(FORMATS)}")
    from spikeconsol.brian.describe import Section, describe

    sections = []
    if condition is not None:
        assert experiment.program is not None
        sections = describe(experiment.program(parameters, condition))
    fields = parameters.fields()
    rows = [
        (
            name,
            _plain(value),
            "" if fields[name]["unit"] == "1" else fields[name]["unit"],
            fields[name]["doc"],
        )
        for name, value in parameters.flat().items()
    ]
    sections.append(Section("Parameters", ("name", "value", "unit", "meaning"), rows))
    label = "" if condition is None else f", {condition.label or condition.name}"
    return FORMATS[form](f"{experiment.name}{label}", sections)


def _markdown(title: str, sections: Sequence[Section]) -> str:
    lines = [f"# {title}"]
    for section in sections:
        if not section.rows:
            continue
        lines += [
            "",
            f"## {section.title}",
            "",
            _line(section.heads),
            _line("---" for _ in section.heads),
        ]
        for row in section.rows:
            cells = []
            for head, cell in zip(section.heads, row, strict=True):
                cell = cell.replace("|", "\\|")
                if head in section.code:
                    cell = "<br>".join(f"`{line}`" for line in cell.splitlines())
                cells.append(cell)
            lines.append(_line(cells))
    return "\n".join(lines) + "\n"


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def _latex(title: str, sections: Sequence[Section]) -> str:
    """Write a longtable for each section; needs amsmath, booktabs and longtable."""
    lines = [f"% {title}", "% \\usepackage{amsmath,booktabs,longtable}"]
    for section in sections:
        if not section.rows:
            continue
        long = (*section.code, "meaning", "description")
        columns = ["p{0.55\\linewidth}" if head in long else "l" for head in section.heads]
        lines += [
            f"\\begin{{longtable}}{{@{{}}{''.join(columns)}@{{}}}}",
            "\\toprule",
            f"\\multicolumn{{{len(columns)}}}{{@{{}}l}}"
            f"{{\\textbf{{{_escaped(section.title)}}}}} \\\\",
            " & ".join(_escaped(head) for head in section.heads) + " \\\\",
            "\\midrule",
            "\\endhead",
        ]
        for row in section.rows:
            cells = [
                " \\newline ".join(map(_formula, cell.splitlines()))
                if head in section.code
                else _escaped(cell)
                for head, cell in zip(section.heads, row, strict=True)
            ]
            lines.append(" & ".join(cells) + " \\\\")
        lines += ["\\bottomrule", "\\end{longtable}", ""]
    return "\n".join(lines)


def _formula(line: str) -> str:
    """Typeset an equation; statements that are not equations stay as they are."""
    import sympy
    from brian2.parsing.sympytools import str_to_sympy

    match = re.fullmatch(r"(d(?P<state>\w+)/dt|(?P<name>\w+)) = (?P<right>.+)", line)
    if match is None:
        return f"\\texttt{{{_escaped(line)}}}"
    try:
        right = str_to_sympy(match["right"])
    except (SyntaxError, ValueError, TypeError, KeyError, NotImplementedError):
        return f"\\texttt{{{_escaped(line)}}}"
    names = {symbol: _upright(symbol.name) for symbol in right.free_symbols}
    left = _upright(match["state"] or match["name"])
    if match["state"]:
        left = f"\\frac{{d {left}}}{{dt}}"
    return f"$\\displaystyle {left} = {sympy.latex(right, symbol_names=names, mul_symbol='dot')}$"


def _upright(name: str) -> str:
    """Set a name of several letters as a word, not as a product."""
    return name if len(name) == 1 else f"\\mathrm{{{_escaped(name)}}}"


def _escaped(text: str) -> str:
    text = text.replace("\\", "\\textbackslash ")
    return re.sub(r"([&%$#_{}])", r"\\\1", text).replace("^", "\\^{}").replace("~", "\\~{}")


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


FORMATS: dict[str, Callable[[str, Sequence[Section]], str]] = {
    "markdown": _markdown,
    "latex": _latex,
}
