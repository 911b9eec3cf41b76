"""Source files: what a piece of code imports, a hash of it, and users' files loaded as scripts are.

Nothing is imported to find out what a file imports: its text says so.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.machinery
import importlib.util
import re
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import spikeconsol

__all__ = ["beside", "digest", "files_of", "forget", "in_library", "load_file", "look_beside"]

_LIBRARY = Path(spikeconsol.__file__).resolve().parent
#: Parts of the library that cannot change a number.
_WITHOUT_NUMBERS = ("lab", "figures")
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<module>\.*[\w.]*)[ \t]+import[ \t]*(?P<names>\([^)]*\)|[^\n#]*)"
    r"|import[ \t]+(?P<modules>[\w., \t]+))",
    re.MULTILINE,
)
#: Modules and files named in text: "package.module:function", "equations.py".
_NAMED = re.compile(r"""["'](?:(spikeconsol(?:\.\w+)+)(?::\w+)?|([\w./-]+\.py))["']""")


def files_of(start: Path, *, packages: bool = True) -> list[Path]:
    """Return a file and all it imports, directly or not, in the library and in the user's folders.

    The standard library and installed distributions are left out, and so are the laboratory and
    the figures.

    Parameters
    ----------
    start : pathlib.Path
        A Python file.
    packages : bool, optional
        Whether the library's packages count with all that their ``__init__`` imports, as they do
        when the file is run; otherwise only the modules that are named count.
    """
    start = start.resolve()
    found = {start: None}
    waiting = [start]
    while waiting:
        path = waiting.pop()
        for other in _imports(path, start.parent, packages):
            if other not in found:
                found[other] = None
                waiting.append(other)
    return list(found)


def digest(files: Sequence[Path]) -> str:
    """Hash of the text of files, in any order.

    Those of the library count as they were when this process first asked: that is what it runs.
    """
    hashes = sorted(f"{path.name} {_content(path)}" for path in files)
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()[:16]


def _content(path: Path) -> str:
    return _library_content(path) if in_library(path) else _hash(path)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


_library_content = cache(_hash)


@cache
def _model_folders() -> tuple[Path, ...]:
    """Folders of the library's packages that lie elsewhere in a checkout."""
    try:
        import spikeconsol.models
    except ModuleNotFoundError:  # a checkout in the current folder, which is not installed
        return (_LIBRARY.parent / "models",)

    return tuple(Path(folder).resolve() for folder in spikeconsol.models.__path__)


def in_library(path: Path) -> bool:
    """Whether a file is part of this package."""
    return path.is_relative_to(_LIBRARY) or path.parent in _model_folders()


def _imports(path: Path, folder: Path, packages: bool) -> Iterator[Path]:
    """Files that one file imports or names."""
    own = in_library(path)
    if own:
        yield from _library_imports(path, packages)
        return
    text = _text(path)
    for module in _modules(text, _package(path, folder)):
        if module.partition(".")[0] == "spikeconsol":
            yield from _library_files(module, packages)
        else:
            yield from _outside(module, folder)
    for module, name in _NAMED.findall(text):
        if module:
            yield from _library_files(module, packages)
        elif (beside := (path.parent / name).resolve()).is_file():
            yield beside


@cache
def _library_imports(path: Path, packages: bool) -> tuple[Path, ...]:
    text = _text(path)
    models = path.parent in _model_folders()
    parts = path.relative_to(_LIBRARY).parts[:-1] if not models else ("models",)
    found: list[Path] = []
    for module in (*_modules(text, ("spikeconsol", *parts)), *(m for m, _ in _NAMED.findall(text))):
        if module.partition(".")[0] == "spikeconsol":
            found += _library_files(module, packages)
    return tuple(dict.fromkeys(found))


@cache
def _library_files(module: str, packages: bool) -> tuple[Path, ...]:
    """Files that importing a module of the library runs."""
    parts = module.split(".")[1:]
    if not parts or parts[0] in _WITHOUT_NUMBERS:
        return ()
    if parts[0] == "models":
        files = (folder.joinpath(*parts[1:]).with_suffix(".py") for folder in _model_folders())
        return tuple(path for path in files if path.is_file())
    found, folder = [], _LIBRARY
    for part in parts:
        if (folder / part).is_dir():
            folder /= part
            if packages and (folder / "__init__.py").is_file():
                found.append(folder / "__init__.py")
        elif (path := folder / f"{part}.py").is_file():
            found.append(path)
            break
        else:
            break  # a name within the module
    if not packages and not found and (folder / "__init__.py").is_file():
        found.append(folder / "__init__.py")
    return tuple(found)


def _outside(module: str, folder: Path) -> Iterator[Path]:
    """Files of a user's own module: beside the file, or on the path but not installed."""
    top, *rest = module.split(".")
    if top in sys.stdlib_module_names or not top:
        return
    place = folder / top
    if not (place.is_dir() or place.with_suffix(".py").is_file()):
        try:
            specification = importlib.util.find_spec(top)
        except (ImportError, ValueError):
            return
        if specification is None:
            return
        locations = [*(specification.submodule_search_locations or ()), specification.origin]
        place = Path(locations[0] or "")
        if {"site-packages", "dist-packages"} & set(place.parts) or not place.is_absolute():
            return
        place = place.with_suffix("") if place.suffix == ".py" else place
    for part in ("", *rest):
        place = place / part if part else place
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.is_file():
                yield path.resolve()


def _modules(text: str, package: tuple[str, ...]) -> Iterator[str]:
    """Full names of all that a text imports; names that may be modules count as such."""
    for match in _IMPORT.finditer(text):
        if match["modules"]:
            yield from (part.split()[0] for part in match["modules"].split(",") if part.split())
            continue
        module = match["module"]
        level = len(module) - len(module.lstrip("."))
        if level:
            base = package[: len(package) - level + 1]
            module = ".".join([*base, *filter(None, [module.lstrip(".")])])
        if module:
            yield module
        names = re.sub(r"#[^\n]*", "", match["names"]).strip("() \t\n").split(",")
        for name in filter(None, (part.split()[0] if part.split() else "" for part in names)):
            if name.isidentifier():
                yield f"{module}.{name}" if module else name


def _package(path: Path, folder: Path) -> tuple[str, ...]:
    return path.parent.relative_to(folder).parts if path.is_relative_to(folder) else ()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


class _Neighbours:
    """Finds modules that lie beside a user's file, except by the names of the standard library."""

    folder = ""
    found: ClassVar[set[str]] = set()

    @classmethod
    def find_spec(
        cls, name: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not cls.folder or "." in name or name in sys.stdlib_module_names:
            return None
        found = importlib.machinery.PathFinder.find_spec(name, [cls.folder])
        if found is not None:
            cls.found.add(name)
        return found


def load_file(path: Path, name: str) -> ModuleType:
    """Run a user's Python file as a module that may import its neighbours."""
    look_beside(path)
    importlib.invalidate_caches()
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses look up their own module while they are made
    try:
        # Not from bytecode, which goes by the second in which a file was written.
        exec(compile(path.read_bytes(), path, "exec", dont_inherit=True), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextlib.contextmanager
def beside(path: Path) -> Iterator[None]:
    """Look for modules beside one file for a while."""
    before = _Neighbours.folder
    look_beside(path)
    try:
        yield
    finally:
        if before != _Neighbours.folder:
            forget()
            _Neighbours.folder = before


def look_beside(path: Path) -> None:
    """Let imports find the modules beside a user's file, as they do while it is run.

    Those beside another file are forgotten: two folders may use the same names.
    """
    if _Neighbours not in sys.meta_path:
        sys.meta_path.insert(0, _Neighbours)  # type: ignore[arg-type]
    if _Neighbours.folder != str(path.parent):
        forget()
    _Neighbours.folder = str(path.parent)


def forget() -> None:
    """Forget the modules that were found beside the user's file that was loaded last."""
    for name in [*sys.modules]:
        if name.partition(".")[0] in _Neighbours.found:
            del sys.modules[name]
    _Neighbours.found.clear()
    _Neighbours.folder = ""
