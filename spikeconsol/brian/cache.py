"""Compiled programs, kept in a folder of this user's under a hash of all that decides what they do.

A program is run only if its folder and its binary belong to this user and nobody else may write to
them, and if the binary is still the one that was built.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import hashlib
import json
import os
import platform
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_cache_path

from spikeconsol import progress_bar, sources
from spikeconsol.sealed import sync

if TYPE_CHECKING:
    from spikeconsol.brian.backend import Program

__all__ = [
    "BuildError",
    "cache_folder",
    "clear_cache",
    "compiled",
    "compiler",
    "compiler_version",
    "key",
]

#: Seconds after which a build that others wait for is mentioned, and given up.
MENTION, PATIENCE = 10, 1800


class BuildError(RuntimeError):
    """A program did not compile, or its binary failed; the message ends with the last lines."""


def cache_folder() -> Path:
    """Folder of compiled programs; ``SPIKECONSOL_CACHE`` overrides the platform's cache folder."""
    chosen = os.environ.get("SPIKECONSOL_CACHE")
    return Path(chosen) if chosen else user_cache_path("spikeconsol") / "programs"


def compiled(program: Program) -> tuple[Path, dict[str, Any]]:
    """Return folder and manifest of a compiled program, compiling it if it is not cached.

    Processes that ask for the same program at once wait for the first one's build.

    Raises
    ------
    BuildError
        If the program does not compile, or the cache belongs to somebody else.
    """
    name = f"{program.name}-{key(program)}"
    root = cache_folder()
    try:
        return _compiled_in(root, name, program)
    except _UnusableError as error:
        private = _private_cache()
        warnings.warn(
            f"compiled networks cannot be kept in {root} ({error}) and are kept for this process "
            "only; set SPIKECONSOL_CACHE to a folder that can be written to and locked",
            stacklevel=5,
        )
        return _compiled_in(private, name, program)


def _compiled_in(root: Path, name: str, program: Program) -> tuple[Path, dict[str, Any]]:
    folder = root / name
    try:
        if not root.is_dir():
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_owner(root.stat(), root)
        found = _usable(folder)
    except OSError as error:
        raise _UnusableError(error.strerror or str(error)) from error
    if found is None:
        with _lock(Path(f"{folder}.lock"), program.name):
            found = _usable(folder)
            if found is None:
                _build(program, folder)
                found = _usable(folder)
    if found is None:
        raise BuildError(f"{program.name}: {folder} changed while it was made; try again")
    return folder, found


class _UnusableError(Exception):
    """A cache folder that cannot be made, written to or locked."""


@cache
def _private_cache() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="spikeconsol-cache-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _check_owner(found: os.stat_result, path: Path) -> None:
    """Refuse what others have made or may change: it would be run as this user."""
    if not hasattr(os, "geteuid"):
        return
    if found.st_uid != os.geteuid():
        raise BuildError(
            f"{path}: belongs to another user, whose programs are not run; "
            "set SPIKECONSOL_CACHE to a folder of your own"
        )
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise BuildError(
            f"{path}: others may write to it, and its programs are not run; "
            f"chmod 700 {shlex.quote(str(path))}, or set SPIKECONSOL_CACHE to another folder"
        )


#: Manifests of binaries that this process has found whole, by what says that they are unchanged.
_checked: dict[tuple[Any, ...], dict[str, Any]] = {}


def _usable(folder: Path) -> dict[str, Any] | None:
    """Manifest of a program whose binary is the one that was built; None where it is not."""
    try:
        marks: list[Any] = []
        for path in (folder, folder / "main", folder / "manifest.json"):
            found = path.lstat()
            _check_owner(found, path)
            marks += [str(path), found.st_ino, found.st_size, found.st_mtime_ns]
    except FileNotFoundError:
        return None
    if tuple(marks) not in _checked:
        try:
            manifest = json.loads((folder / "manifest.json").read_bytes())
            binary = hashlib.sha256((folder / "main").read_bytes()).hexdigest()
            if manifest["main"] != binary:
                return None
        except (ValueError, TypeError, LookupError):
            return None
        _checked[tuple(marks)] = manifest
    return _checked[tuple(marks)]


@contextlib.contextmanager
def _lock(path: Path, name: str) -> Iterator[None]:
    """Hold the lock of one program's build; say so where another process holds it for long."""
    from filelock import FileLock, Timeout  # slow to import, needed here only

    try:
        _check_lockable(path)
        lock = FileLock(path)
        try:
            lock.acquire(timeout=MENTION)
        except Timeout:
            print(f"waiting for another build of {name}, which holds {path}", file=sys.stderr)
            try:
                lock.acquire(timeout=PATIENCE)
            except Timeout:
                raise BuildError(
                    f"{name}: another build has held {path} for {PATIENCE // 60} minutes; "
                    "end it, or set SPIKECONSOL_CACHE to another folder"
                ) from None
    except (OSError, NotImplementedError) as error:
        raise _UnusableError(getattr(error, "strerror", None) or str(error)) from error
    try:
        yield
    finally:
        lock.release()


def _check_lockable(path: Path) -> None:
    """Raise what hinders locking; waiting for it would not help."""
    try:
        import fcntl
    except ImportError:
        return
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise
    finally:
        os.close(descriptor)


#: Brian2 imports these where it finds them, and uses none of them to build a program.
_BUILD = """
import sys
sys.path += sys.argv[2:]
unused = ("matplotlib", "pylab", "pytest", "Cython")
sys.modules |= dict.fromkeys(unused)
import brian2
for name in unused:
    del sys.modules[name]
from spikeconsol.brian import build
build.main(build.Path(sys.argv[1]))
"""


def _build(program: Program, folder: Path) -> None:
    """Build in a fresh process and a temporary folder, then move into place as a whole."""
    started = time.perf_counter()
    try:
        building = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise _UnusableError(error.strerror or str(error)) from error
    try:
        order = {
            "builder": program.builder,
            "structure": dict(program.structure),
            "inputs": program.inputs,
            "outputs": program.outputs,
            "name": program.name,
            "compiler": compiler(),
        }
        process = subprocess.run(
            # Safe path: a random.py in the current folder is none of the build's business.
            [sys.executable, "-P", "-c", _BUILD, str(building), *_import_folders(program)],
            input=json.dumps(order),
            capture_output=True,
            text=True,
        )
        path = building / "manifest.json"
        if process.returncode or not path.exists():
            cause = (process.stdout + process.stderr).strip()
            raise BuildError(f"{program.name}: could not be compiled: {cause}")
        binary = building / "main"
        binary.chmod(0o700)
        manifest = json.loads(path.read_text())
        manifest["main"] = hashlib.sha256(binary.read_bytes()).hexdigest()
        manifest["seconds_build"] = time.perf_counter() - started
        path.write_text(json.dumps(manifest, indent=1))
        path.chmod(0o600)
        for made in (binary, path, building):
            sync(made)
        shutil.rmtree(folder, ignore_errors=True)
        building.rename(folder)
        sync(folder.parent)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _import_folders(program: Program) -> list[str]:
    """Folders from which this process imports the library and the program's builder."""
    found = [Path(__file__).resolve().parents[2]]
    place = program.builder.rpartition(":")[0]
    if not place.endswith(".py"):
        depth = place.count(".") + _is_package(program.builder)
        found.append(_origin(program.builder).parents[depth])
    return [str(folder) for folder in dict.fromkeys(found)]


# ------------------------------------------------------------------------------------- identity


def key(program: Program) -> str:
    """Hash of everything that decides what a compiled program does."""
    description = [
        program.name,
        program.builder,
        dict(program.structure),
        program.inputs,
        program.outputs,
        _source_hash(program.builder),
        version("brian2"),
        compiler(),
        compiler_version(),
        _cpu(),
    ]
    text = json.dumps(description, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


@cache
def _source_hash(builder: str) -> str:
    """Hash of the sources that a build depends on, read without importing them."""
    here = Path(__file__)
    starts = [_origin(builder), *(here.with_name(f"{name}.py") for name in ("build", "guard"))]
    starts += sorted(_origin(builder).parent.rglob("*.py")) if _is_package(builder) else []
    files = {path for start in starts for path in sources.files_of(start, packages=False)}
    # How a program is kept and run does not change it.
    files -= {here.with_name(f"{name}.py").resolve() for name in ("backend", "cache", "scratch")}
    files -= {Path(module.__file__ or "").resolve() for module in (sources, progress_bar)}
    return sources.digest(sorted(files))


def _origin(builder: str) -> Path:
    """File of a builder's module."""
    place = builder.rpartition(":")[0]
    if place.endswith(".py"):
        return Path(place)
    from importlib.util import find_spec

    specification = find_spec(place)
    if specification is None or specification.origin is None:
        raise ValueError(f"builder: got {builder!r}; allowed: 'module:function'")
    return Path(specification.origin)


def _is_package(builder: str) -> bool:
    return _origin(builder).name == "__init__.py"


def compiler() -> list[str]:
    """Command of the C++ compiler: ``CXX``, which may hold a launcher and flags, or g++."""
    try:
        return shlex.split(os.environ.get("CXX", "")) or ["g++"]
    except ValueError as error:
        raise BuildError(f"CXX: got {os.environ['CXX']!r}; allowed: a command ({error})") from None


def compiler_version() -> str:
    """First line of what the compiler says about itself."""
    return _version_of(tuple(compiler()))


@cache
def _version_of(command: tuple[str, ...]) -> str:
    try:
        process = subprocess.run(
            [*command, "--version"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise BuildError(
            f"no C++ compiler: {shlex.join(command)} does not run ({error}); "
            "install one, or choose the target cython or numpy"
        ) from None
    return process.stdout.splitlines()[0] if process.stdout else ""


@cache
def _cpu() -> str:
    """CPU model: programs are compiled for the processor that builds them."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return hashlib.sha256(line.encode()).hexdigest()[:12] + platform.machine()
    return platform.processor() + platform.machine()


# --------------------------------------------------------------------------------- housekeeping


def clear_cache() -> tuple[int, int]:
    """Remove all compiled programs; returns their number and their size in bytes."""
    folder = cache_folder()
    if not folder.is_dir():
        return 0, 0
    # Only what is known to be a program: the folder is the user's choice.
    programs = [path.parent for path in folder.glob("*/manifest.json")]
    size = 0
    for path in programs:
        size += sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        shutil.rmtree(path, ignore_errors=True)
    for lock in folder.glob("*.lock"):
        lock.unlink()
    _checked.clear()
    return len(programs), size
