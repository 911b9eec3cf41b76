"""Model description tables as Markdown and LaTeX, made from parameters and the network itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spikeconsol.lab import latex
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
        programs = experiment.program(parameters, condition)
        for program in programs:
            for section in describe(program):
                title = f"{section.title}: {program.name}" if len(programs) > 1 else section.title
                sections.append(replace(section, title=title))
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


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_plain, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


FORMATS: dict[str, Callable[[str, Sequence[Section]], str]] = {
    "markdown": _markdown,
    "latex": latex.document,
}
