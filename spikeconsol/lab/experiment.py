"""What an experiment and a figure are, and where they are found.

Nothing heavy is imported here, so that ``spikeconsol list`` answers at once.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from spikeconsol.parameters import Parameters

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure as Drawing

__all__ = [
    "Condition",
    "Experiment",
    "Figure",
    "find_experiment",
    "find_experiments",
    "find_figures",
]


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


def find_experiments(source: str = "") -> dict[str, Experiment]:
    """Return all experiments by name: the installed ones, or those of a user's own file.

    Parameters
    ----------
    source : str, optional
        Path of a Python file with ``EXPERIMENTS``; the installed models where it is empty.

    Raises
    ------
    ValueError
        If the file has no experiments or two experiments share a name.
    """
    experiments: dict[str, Experiment] = {}
    modules = [_own_file(source)] if source else _modules("spikeconsol.models")
    for module in modules:
        for experiment in getattr(module, "EXPERIMENTS", ()):
            if experiment.name in experiments:
                raise ValueError(f"{experiment.name}: two experiments have this name")
            experiments[experiment.name] = experiment
    if source and not experiments:
        raise ValueError(f"{source}: no EXPERIMENTS in this file; allowed: a tuple of Experiment")
    return experiments


def find_experiment(name: str, source: str = "") -> Experiment:
    """Return one experiment by its full name.

    Raises
    ------
    ValueError
        If there is none of this name; the message has the nearest ones.
    """
    experiments = find_experiments(source)
    if name not in experiments:
        raise ValueError(unknown_name("experiment", name, experiments))
    return experiments[name]


def find_figures(source: str = "") -> dict[str, Figure]:
    """Return all figures by name: the installed ones and the ``FIGURES`` of a user's own file."""
    modules = [*_modules("spikeconsol.figures"), *([_own_file(source)] if source else [])]
    return {figure.name: figure for module in modules for figure in getattr(module, "FIGURES", ())}


def unknown_name(kind: str, name: str, known: Mapping[str, Any]) -> str:
    """Word the error for a name that does not exist."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    words = "nearest" if near else "allowed"
    shown = near or sorted(known)[:8]
    more = "" if near or len(known) <= 8 else f" and {len(known) - 8} more"
    return f"{kind}: got {name!r}; {words}: {', '.join(shown) or 'none'}{more}"


def _modules(package: str) -> list[ModuleType]:
    """Import every module of a package."""
    paths = importlib.import_module(package).__path__
    return [
        importlib.import_module(f"{package}.{found.name}")
        for found in sorted(pkgutil.iter_modules(paths), key=lambda found: found.name)
    ]


@functools.cache
def _own_file(source: str) -> ModuleType:
    """Load a user's own Python file as a module."""
    path = Path(source).resolve()
    if not path.is_file():
        raise ValueError(f"experiment: got {source!r}; allowed: a Python file that exists")
    name = f"spikeconsol_own_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look up their own module while they are made
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ValueError(f"{source}: {type(error).__name__}: {error}") from error
    return module
