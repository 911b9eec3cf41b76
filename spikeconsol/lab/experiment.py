"""What an experiment and a figure are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spikeconsol.parameters import Parameters
from spikeconsol.values import shown

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure as Drawing

__all__ = ["Condition", "Experiment", "Figure", "Seeds"]

#: Seeds that an experiment runs.
Seeds = tuple[int, ...]

_STEM = re.compile(r"[\w%.+=,~ -]+")


def _wrong(name: str, value: Any, allowed: str) -> ValueError:
    return ValueError(f"{name}: got {shown(value)}; allowed: {allowed}")


def _check_text(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise _wrong(name, value, "text")


@dataclass(frozen=True)
class Condition:
    """One row of an experiment's table and one result file: a rule, a control, a reference.

    Parameters
    ----------
    name : str
        File stem, for example ``"curvature-gate"``.
    level : str, optional
        ``"rate"``, ``"spiking"`` or nothing; ``--level`` on the command line filters on it.
    label : str, optional
        What tables and figures call it; the name where there is none.
    setup : object, optional
        Whatever the experiment's `run` needs to know about the condition.
    """

    name: str
    level: str = ""
    label: str = ""
    setup: Any = None

    def __post_init__(self) -> None:
        for name in ("name", "level"):
            value = getattr(self, name)
            if not isinstance(value, str) or not _STEM.fullmatch(value or "x" * (name == "level")):
                raise _wrong(name, value, "a word that a file may be named after")
        _check_text("label", self.label)

    @property
    def stem(self) -> str:
        """Name of the result file without its suffix: ``level-name`` or ``name``."""
        return f"{self.level}-{self.name}" if self.level else self.name


@dataclass(frozen=True)
class Experiment:
    """A question put to the models: its parameters, its conditions and how one of them is run.

    Parameters
    ----------
    name : str
        ``"model"`` or ``"model/experiment"``.
    summary : str
        One line for ``spikeconsol list``.
    parameters : type of Parameters
        Its defaults are the full protocol.
    conditions : callable
        ``conditions(parameters)`` gives the conditions in the order of the table.
    run : callable
        ``run(parameters, condition, seeds)`` gives an `xarray.Dataset` with the dimension
        ``seed``. Variables without that dimension are examples; where every seed is run on its
        own, the first seed's are kept.
    columns : tuple of str
        Variables of dimension ``("seed",)`` that the printed table shows, with ``long_name`` and
        ``units`` attributes; an attribute ``of`` is shown behind the number ("12 of 40").
    batched : bool, optional
        True where `run` computes all seeds at once; otherwise it is called once per seed, in
        parallel processes where wanted.
    seeds : (int, int), optional
        First seed and number of seeds.
    presets : mapping, optional
        Named settings, for example ``{"demo": {"stored": 300, "seeds": 2}}``; ``seeds`` is the
        number of seeds.
    figures : tuple of str, optional
        Names of the figures drawn from it.
    program : callable, optional
        ``program(parameters, condition)`` gives the compiled program of a spiking condition, from
        which ``spikeconsol describe`` makes the model description table.
    formerly : str, optional
        Name that it has in results of earlier versions.
    """

    name: str
    summary: str
    parameters: type[Parameters]
    conditions: Callable[[Any], Sequence[Condition]]
    run: Callable[[Any, Condition, tuple[int, ...]], xr.Dataset]
    columns: tuple[str, ...]
    batched: bool = False
    seeds: tuple[int, int] = (100, 5)
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    figures: tuple[str, ...] = ()
    program: Callable[[Any, Condition], Any] | None = None
    formerly: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not all(
            _STEM.fullmatch(part) and part.strip(".") for part in self.name.split("/")
        ):
            raise _wrong("name", self.name, "'model' or 'model/experiment'")
        _check_text("summary", self.summary)
        if not (isinstance(self.parameters, type) and issubclass(self.parameters, Parameters)):
            raise _wrong("parameters", self.parameters, "a class of Parameters")
        for name in ("conditions", "run", *(["program"] if self.program is not None else [])):
            if not callable(getattr(self, name)):
                raise _wrong(name, getattr(self, name), "a function")
        for name in ("columns", "figures"):
            value = getattr(self, name)
            if not isinstance(value, tuple | list) or not all(isinstance(v, str) for v in value):
                raise _wrong(name, value, "a tuple of names")
        if not isinstance(self.batched, bool):
            raise _wrong("batched", self.batched, "True or False")
        if not isinstance(self.seeds, tuple | list) or len(self.seeds) != 2:
            raise _wrong("seeds", self.seeds, "(first seed, number of seeds)")
        for value, least in zip(self.seeds, (0, 1), strict=True):
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise _wrong("seeds", value, f"a whole number >= {least}")
        if not isinstance(self.presets, Mapping) or not all(
            isinstance(preset, Mapping) for preset in self.presets.values()
        ):
            raise _wrong("presets", self.presets, "names with their settings, each a dictionary")

    def condition(self, stem: str, parameters: Parameters) -> Condition:
        """Return the condition whose result file is `stem`.nc."""
        for condition in self.conditions(parameters):
            if condition.stem == stem:
                return condition
        raise ValueError(f"condition: got {stem!r}; allowed: a condition of {self.name}")


@dataclass(frozen=True)
class Figure:
    """A publication figure, drawn from saved results only.

    Parameters
    ----------
    name : str
        File stem.
    needs : tuple of str
        Names of the experiments whose results it shows.
    caption : str
        Caption for the publication; ``{n}`` is replaced by the number of seeds.
    draw : callable
        ``draw(results)`` gives a `matplotlib.figure.Figure`, where ``results[experiment][stem]``
        is the `xarray.Dataset` of one condition. The style sheet is in force while it runs.
    """

    name: str
    needs: tuple[str, ...]
    caption: str
    draw: Callable[[Mapping[str, Mapping[str, xr.Dataset]]], Drawing]
