"""Where experiments and figures are found: the installed ones, and those of a user's own file.

Nothing heavy is imported here, so that ``spikeconsol list`` answers at once.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import hashlib
import importlib
import importlib.util
import json
import os
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from platformdirs import user_cache_path

from spikeconsol import sources
from spikeconsol.lab.experiment import Experiment, Figure

__all__ = [
    "Entry",
    "code_version",
    "find_experiment",
    "find_experiments",
    "find_figures",
    "listing",
    "source_hash",
    "unknown_name",
]


@dataclass(frozen=True)
class Entry:
    """What ``spikeconsol list`` says about an installed experiment, and the module that has it."""

    name: str
    module: str
    summary: str
    seeds: tuple[int, int]
    presets: tuple[str, ...]


def listing() -> dict[str, Entry]:
    """Return all installed experiments by name; their modules are imported only where one is new.

    What was found is kept in the user's cache, for each installation by itself, under a hash of the
    text of all models.
    """
    names = _module_names("spikeconsol.models")
    files = [file for name in names if (file := _file_of(f"spikeconsol.models.{name}"))]
    key = sources.digest(files) + sources.digest([Path(__file__)])
    place = hashlib.sha256(str(Path(__file__).resolve()).encode()).hexdigest()[:8]
    path = user_cache_path("spikeconsol") / f"experiments-{place}.json"
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["key"] == key:
            return {
                name: Entry(name, module, summary, (first, count), tuple(presets))
                for name, module, summary, (first, count), presets in kept["experiments"]
            }
    entries = {
        experiment.name: Entry(
            experiment.name,
            _module_of[experiment.name].stem,
            experiment.summary,
            experiment.seeds,
            tuple(experiment.presets),
        )
        for experiment in _experiments(_modules("spikeconsol.models")).values()
    }
    rows = [(e.name, e.module, e.summary, e.seeds, e.presets) for e in entries.values()]
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = path.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps({"key": key, "experiments": rows}), encoding="utf-8")
        beside.replace(path)
    return entries


#: The files that have the experiments, by name, of all that were found.
_module_of: dict[str, Path] = {}


def find_experiments(source: str = "", code: str = "") -> dict[str, Experiment]:
    """Return all experiments by name: the installed ones, or those of a user's own file.

    Parameters
    ----------
    source : str, optional
        Path of a Python file with ``EXPERIMENTS``; the installed models where it is empty. A file
        that has changed since it was loaded is loaded again.
    code : str, optional
        `code_version` that is wanted of the file: if it is loaded already, so it stays.

    Raises
    ------
    ValueError
        If the file has no experiments or two experiments share a name.
    """
    if not source:
        return _experiments(_modules("spikeconsol.models"))
    experiments = _experiments([_own_file(source, code)])
    if not experiments:
        raise ValueError(f"{source}: no EXPERIMENTS in this file; allowed: a tuple of Experiment")
    return experiments


def _experiments(modules: Sequence[ModuleType]) -> dict[str, Experiment]:
    found: dict[str, Experiment] = {}
    for module in modules:
        for experiment in getattr(module, "EXPERIMENTS", ()):
            if not isinstance(experiment, Experiment):
                raise ValueError(
                    f"EXPERIMENTS of {module.__name__}: got {experiment!r}; allowed: Experiment"
                )
            if experiment.name in found:
                raise ValueError(f"{experiment.name}: two experiments have this name")
            found[experiment.name] = experiment
            _module_of[experiment.name] = Path(module.__file__ or "")
    return found


def find_experiment(name: str, source: str = "", code: str = "") -> Experiment:
    """Return one experiment by its full name, importing no other model.

    Raises
    ------
    ValueError
        If there is none of this name; the message has the nearest ones.
    """
    if source:
        experiments = find_experiments(source, code)
    else:
        known = listing()
        if name not in known:
            for experiment in find_experiments().values():
                if name == experiment.formerly:
                    raise ValueError(f"experiment: got {name!r}; its name is now {experiment.name}")
            raise ValueError(unknown_name("experiment", name, known))
        experiments = _experiments(_modules("spikeconsol.models", known[name].module))
    if name not in experiments:
        raise ValueError(unknown_name("experiment", name, experiments))
    return experiments[name]


def find_figures(source: str = "") -> dict[str, Figure]:
    """Return all figures by name: the installed ones and the ``FIGURES`` of a user's own file."""
    modules = [*_modules("spikeconsol.figures"), *([_own_file(source)] if source else [])]
    return {figure.name: figure for module in modules for figure in getattr(module, "FIGURES", ())}


def code_version(name: str, source: str = "") -> str:
    """Hash of the code that an experiment runs.

    Its module and all that this imports from the library, the user's folders and the models, but
    for the laboratory and the figures. Of a user's file it is the code that was loaded.

    Parameters
    ----------
    name : str
        Full name of the experiment.
    source : str, optional
        The user's own file that has it.
    """
    if source:
        return _loaded[source].code if source in _loaded else _own_code(source)
    if name not in _module_of:
        find_experiment(name)
    return _installed_code(_module_of[name])


def source_hash(source: str, *, loaded: bool = False) -> str:
    """Hash of a user's own file and what it imports from the user's folders, without the library.

    Parameters
    ----------
    source : str
        Path of the file; nothing is imported.
    loaded : bool, optional
        The hash of what was loaded, where it has been, and not of what stands there now.
    """
    if loaded and source in _loaded:
        return _loaded[source].hash
    return sources.digest([p for p in sources.files_of(Path(source)) if not sources.in_library(p)])


@functools.cache
def _installed_code(path: Path) -> str:
    return sources.digest(sources.files_of(path))


def _own_code(source: str) -> str:
    return sources.digest(sources.files_of(Path(source)))


def unknown_name(kind: str, name: str, known: Mapping[str, Any]) -> str:
    """Word the error for a name that does not exist."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    words = "nearest" if near else "allowed"
    shown = near or sorted(known)[:8]
    more = "" if near or len(known) <= 8 else f" and {len(known) - 8} more"
    return f"{kind}: got {name!r}; {words}: {', '.join(shown) or 'none'}{more}"


def _modules(package: str, *only: str) -> list[ModuleType]:
    """Import every module of a package, or only some."""
    names = only or _module_names(package)
    return [importlib.import_module(f"{package}.{name}") for name in names]


def _module_names(package: str) -> list[str]:
    paths = importlib.import_module(package).__path__
    return sorted(found.name for found in pkgutil.iter_modules(paths))


def _file_of(module: str) -> Path | None:
    found = importlib.util.find_spec(module)
    return Path(found.origin) if found is not None and found.origin else None


@dataclass(frozen=True)
class _Own:
    """A user's file as it was loaded, and the code that this was."""

    module: ModuleType
    code: str
    hash: str


_loaded: dict[str, _Own] = {}


def _own_file(source: str, code: str = "") -> ModuleType:
    """Load a user's own Python file as a module; again where it, or what it imports, has changed.

    What was loaded stays where it is what `code` asks for, whatever the file says by now.
    """
    path = Path(source).resolve()
    found = _loaded.get(source)
    if found is not None and found.code == code:
        sources.look_beside(path)
        return found.module
    if not path.is_file():
        raise ValueError(f"experiment: got {source!r}; allowed: a Python file that exists")
    for _ in range(5):  # until it has not been changed while it was loaded
        now = _own_code(source)
        if found is not None and found.code == now:
            sources.look_beside(path)
            return found.module
        sources.forget()  # neighbours that may have changed as well
        # Two files in two folders may have the same name.
        unique = hashlib.sha256(str(path).encode()).hexdigest()[:8]
        try:
            module = sources.load_file(path, f"spikeconsol_own_{path.stem}_{unique}")
        except Exception as error:
            raise ValueError(f"{source}: {type(error).__name__}: {error}") from error
        found = _loaded[source] = _Own(module, now, source_hash(source))
    raise ValueError(f"{source}: changes again and again while it is loaded")
