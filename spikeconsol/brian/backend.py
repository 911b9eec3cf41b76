"""Compile a Brian2 network once, run it many times with other values.

A `Program` names a builder function and the structure it builds from: sizes, equations, switches.
Everything else - parameters, protocol, seed, initial weights - goes in at run time through
variables that the builder declares as inputs, so that a sweep compiles nothing.

Three targets run the same program:

``standalone``
    Brian2's C++ standalone mode. The program is built in a process of its own, which leaves the
    caller's Brian2 untouched, and kept in a cache folder under a hash of its structure, its
    source, Brian2's version, compiler and CPU. A run of a cached program neither generates code
    nor imports Brian2.
``cython``, ``numpy``
    Brian2's runtime mode in this process, for interactive work and small tests.

The default is ``standalone`` where a C++ compiler is found and ``numpy`` otherwise; the environment
variable ``SPIKECONSOL_TARGET`` overrides it.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import importlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from platformdirs import user_cache_path

if TYPE_CHECKING:
    from brian2 import Clock, Network, TimedArray

__all__ = [
    "TARGETS",
    "BuildError",
    "Built",
    "Check",
    "Program",
    "cache_folder",
    "check",
    "clear_cache",
    "default_target",
    "doctor",
    "explain",
    "run",
]

TARGETS = ("standalone", "cython", "numpy")


class BuildError(RuntimeError):
    """A program did not compile, or its binary failed; the message names object and cause."""


@dataclass
class Built:
    """What a builder returns.

    Attributes
    ----------
    network : brian2.Network
        All objects, each with a name.
    clock : brian2.Clock
        Clock of the time step, with the structure's ``"dt"``; objects that share it run faster
        than objects with clocks of their own.
    timed_arrays : dict of brian2.TimedArray
        Timed arrays that are inputs, by the name used in `Program.inputs`.
    finish : callable, optional
        What is left to do, outside of standalone mode, when the run's values have been set.
    """

    network: Network
    clock: Clock
    timed_arrays: dict[str, TimedArray] = field(default_factory=dict)
    finish: Callable[[], None] | None = None


@dataclass(frozen=True)
class Program:
    """A network and its protocol, up to the values that go in at run time.

    Attributes
    ----------
    name : str
        Readable name, part of the cache folder's.
    builder : str
        ``"module:function"``; the function takes `structure` and returns a `Built`. Instead of a
        module, the path of a Python file may be given.
    structure : dict
        JSON-compatible description that the builder works from. It must hold all that
        distinguishes two builds except the source text of the builder's module (of all modules, if
        it is a package). The entry ``"dt"`` is the time step in seconds.
    inputs : tuple of str
        What may be set at run time: ``"object.variable"`` (state variables, parameters declared as
        ``(shared, constant)``) or the name of a timed array.
    outputs : tuple of str
        What may be read after a run: ``"object.variable"``, ``"monitor.i"``, ``"monitor.t"``.
    """

    name: str
    builder: str
    structure: Mapping[str, Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def load_builder(self) -> Callable[[Mapping[str, Any]], Built]:
        """Import and return the builder function."""
        place, _, function = self.builder.rpartition(":")
        if not place.endswith(".py"):
            return getattr(importlib.import_module(place), function)
        specification = importlib.util.spec_from_file_location(Path(place).stem, place)
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        return getattr(module, function)

    def key(self) -> str:
        """Hash of everything that decides what the compiled program does."""
        description = [
            self.name,
            self.builder,
            dict(self.structure),
            self.inputs,
            self.outputs,
            _source_hash(self.builder),
            version("brian2"),
            _compiler_version(),
            _cpu(),
        ]
        text = json.dumps(description, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:20]


def run(
    program: Program,
    values: Mapping[str, ArrayLike],
    *,
    steps: int,
    outputs: Sequence[str] | None = None,
    target: str | None = None,
) -> dict[str, NDArray]:
    """Run a program and return the arrays asked for.

    Parameters
    ----------
    program : Program
        What to run; compiled on first use.
    values : dict of array_like
        Run-time values in SI units, by input name. Inputs not named keep the builder's values.
    steps : int
        Number of time steps.
    outputs : sequence of str, optional
        Names to read; by default all that the program declares.
    target : {"standalone", "cython", "numpy"}, optional
        Where to run; `default_target` by default.

    Returns
    -------
    dict of ndarray
        Arrays in SI units, by output name.

    Raises
    ------
    ValueError
        If a value was not declared as an input, an output is unknown, or a value has the wrong
        size.
    BuildError
        If the program does not compile or its binary fails.
    """
    target = default_target() if target is None else _checked_target(target)
    outputs = program.outputs if outputs is None else tuple(outputs)
    _check_names(values, program.inputs, program.name, "run-time value")
    _check_names(outputs, program.outputs, program.name, "output")
    if steps < 1:
        raise ValueError(f"steps: got {steps!r}; allowed: >= 1")
    if target == "standalone":
        return _run_standalone(program, values, steps, outputs)
    return _run_at_runtime(program, values, steps, outputs, target)


@cache
def default_target() -> str:
    """Return the target of this machine: see the module's description."""
    chosen = os.environ.get("SPIKECONSOL_TARGET")
    if chosen:
        return _checked_target(chosen, "SPIKECONSOL_TARGET")
    with contextlib.suppress(BuildError):
        _compiler_version()
        return "standalone"
    warnings.warn(
        f"no C++ compiler ({_compiler()}) works here: running on Brian2's numpy target, which is "
        "many times slower",
        stacklevel=3,
    )
    return "numpy"


def _checked_target(target: str, name: str = "target") -> str:
    if target not in TARGETS:
        raise ValueError(f"{name}: got {target!r}; allowed: {', '.join(TARGETS)}")
    return target


def _check_names(
    names: Mapping[str, Any] | Sequence[str], known: tuple[str, ...], program: str, kind: str
) -> None:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.3) or known[:5]
            raise ValueError(
                f"{name}: not declared as a {kind} of {program}; nearest: {', '.join(near)}"
            )


# ---------------------------------------------------------------------------------- standalone


def cache_folder() -> Path:
    """Folder of compiled programs; ``SPIKECONSOL_CACHE`` overrides the platform's cache folder."""
    chosen = os.environ.get("SPIKECONSOL_CACHE")
    return Path(chosen) if chosen else user_cache_path("spikeconsol") / "programs"


#: Compilers with their flags of all programs that this process has run, for the record.
flags_used: set[str] = set()


def compiled(program: Program) -> tuple[Path, dict[str, Any]]:
    """Return folder and manifest of a compiled program, compiling it if it is not cached.

    Processes that ask for the same program at once wait for the first one's build.
    """
    folder = cache_folder() / f"{program.name}-{program.key()}"
    manifest = folder / "manifest.json"
    if not manifest.exists():
        from filelock import FileLock  # slow to import, needed here only

        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not manifest.exists():
                _build(program, folder)
    found = _read_manifest(manifest)
    flags_used.add(found["flags"])
    return folder, found


@cache
def _read_manifest(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


#: Brian2 imports these where it finds them, and uses none of them to build a program.
_BUILD = """
import sys
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
    building = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        order = {
            "builder": program.builder,
            "structure": dict(program.structure),
            "inputs": program.inputs,
            "outputs": program.outputs,
            "name": program.name,
            "compiler": _compiler(),
        }
        process = subprocess.run(
            [sys.executable, "-c", _BUILD, str(building)],
            input=json.dumps(order),
            capture_output=True,
            text=True,
        )
        if process.returncode or not (building / "manifest.json").exists():
            cause = (process.stdout + process.stderr).strip()
            raise BuildError(f"{program.name}: could not be compiled: {cause}")
        path = building / "manifest.json"
        manifest = json.loads(path.read_text())
        manifest["seconds_build"] = time.perf_counter() - started
        path.write_text(json.dumps(manifest, indent=1))
        shutil.rmtree(folder, ignore_errors=True)
        building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _run_standalone(
    program: Program, values: Mapping[str, ArrayLike], steps: int, outputs: Sequence[str]
) -> dict[str, NDArray]:
    folder, manifest = compiled(program)
    read = {name: manifest["outputs"][name] for name in outputs}
    with _scratch(sum(manifest["files"].values())) as results:
        _discard(results, set(manifest["files"]) - {file for file, _ in read.values()})
        command = [str(folder / "main"), "--results_dir", f"{results}/"]
        command.append(f"ending.last_step={steps - 1}")
        for name, value in values.items():
            command.append(_argument(name, value, manifest["inputs"][name], results))
        # Synapses are visited in no order that the processor could foresee: large pages help.
        environment = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"} | os.environ
        process = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True
        )
        # Brian2's generated code only prints that it could not read or write a file.
        if process.returncode or "Error " in process.stdout + process.stderr:
            lines = "\n".join((process.stdout + process.stderr).strip().splitlines()[-12:])
            raise BuildError(
                f"{program.name}: the binary ended with code {process.returncode}:\n{lines}"
            )
        return {name: np.fromfile(results / file, dtype) for name, (file, dtype) in read.items()}


def _discard(results: Path, files: set[str]) -> None:
    """Let the binary, which writes all its arrays, write those that nobody reads to nowhere."""
    if os.devnull == "/dev/null":
        for file in files:
            (results / file).symlink_to(os.devnull)


def _argument(name: str, value: ArrayLike, entry: Mapping[str, Any], results: Path) -> str:
    """Command-line argument that sets one variable, from a number or from a file."""
    array = np.asarray(value)
    if array.ndim == 0 and np.isfinite(array):
        return f"{entry['name']}={array.item()!r}"
    if array.ndim == 0:  # the binary would take inf for the name of a file
        array = np.full(entry["size"], array)
    if array.size != entry["size"]:
        raise ValueError(f"{name}: got {array.size} values; allowed: {entry['size']}")
    path = results / f"input-{name}"
    np.ascontiguousarray(array, dtype=entry["dtype"]).tofile(path)
    return f"{entry['name']}={path}"


@contextlib.contextmanager
def _scratch(size: int) -> Iterator[Path]:
    """Temporary folder for one run's results: in memory where there is room, else on disk."""
    memory = Path("/dev/shm")
    parent: Path | None = None
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 * size:
        parent = memory
        _remove_orphans(memory)
    folder = Path(tempfile.mkdtemp(prefix=f"spikeconsol-{os.getpid()}-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@cache
def _remove_orphans(parent: Path) -> None:
    """Remove what killed processes of this user have left behind."""
    for folder in parent.glob("spikeconsol-*-*"):
        process = folder.name.split("-")[1]
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            shutil.rmtree(folder, ignore_errors=True)
        except (ValueError, PermissionError):
            continue


@cache
def _source_hash(builder: str) -> str:
    """Hash of the sources that a build depends on, read without importing them."""
    place = builder.rpartition(":")[0]
    ours = ("backend", "build", "layout", "noise", "wiring")
    paths = [Path(__file__).with_name(f"{name}.py") for name in ours]
    if place.endswith(".py"):
        paths.append(Path(place))
    else:
        specification = importlib.util.find_spec(place)
        if specification is None or specification.origin is None:
            raise ValueError(f"builder: got {builder!r}; allowed: 'module:function'")
        paths.append(Path(specification.origin))
        for folder in specification.submodule_search_locations or ():
            paths += sorted(Path(folder).rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


def _compiler() -> str:
    return os.environ.get("CXX", "g++")


@cache
def _compiler_version() -> str:
    try:
        process = subprocess.run(
            [_compiler(), "--version"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise BuildError(
            f"no C++ compiler: {_compiler()} does not run ({error}); "
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


# ------------------------------------------------------------------------------------- runtime


def _run_at_runtime(
    program: Program,
    values: Mapping[str, ArrayLike],
    steps: int,
    outputs: Sequence[str],
    target: str,
) -> dict[str, NDArray]:
    import brian2

    with at_runtime(target), _explained(program.name):
        built = program.load_builder()(program.structure)
        for name, value in values.items():
            _set_value(built, name, np.asarray(value))
        if built.finish is not None:
            built.finish()
        dt = program.structure["dt"]
        # Half a step of slack: steps * dt in floating point must not lose or add a step.
        built.network.run((steps - 0.5) * dt * brian2.second, namespace={})
        return {name: _get_value(built, name) for name in outputs}


def explain(error: BaseException) -> str:
    """Return an error of Brian2 in one line: the object, the identifier and the cause."""
    found = re.search(r"object named '(\w+)'", str(error))
    root = error
    while (before := root.__cause__ or root.__context__) is not None:
        root = before
    text = str(root.args[0] if isinstance(root, KeyError) and root.args else root)
    text = " ".join(text.split()) or type(root).__name__
    owner = f"{found[1]}: " if found and root is not error else ""
    return f"{owner}{text}"


@contextlib.contextmanager
def _explained(program: str) -> Iterator[None]:
    from brian2.core.base import BrianObjectException
    from brian2.equations.equations import EquationError
    from brian2.units.fundamentalunits import DimensionMismatchError

    try:
        yield
    except (BrianObjectException, EquationError, DimensionMismatchError) as error:
        raise BuildError(f"{program}: could not be built: {explain(error)}") from error


def check(program: Program, values: Mapping[str, ArrayLike]) -> None:
    """Build a program's network on the numpy target and run one step, compiling nothing.

    Parameters
    ----------
    program : Program
    values : dict of array_like
        Run-time values, as for `run`.

    Raises
    ------
    BuildError
        If Brian2 refuses its text.
    """
    _run_at_runtime(program, values, 1, (), "numpy")


@contextlib.contextmanager
def at_runtime(target: str) -> Iterator[None]:
    """Use Brian2 without standalone mode for a while, then leave it as it was."""
    import brian2
    from brian2.devices.device import reset_device

    before = brian2.prefs.codegen.target
    brian2.set_device("runtime")
    brian2.prefs.codegen.target = target
    try:
        yield
    finally:
        brian2.prefs.codegen.target = before
        reset_device()


def _set_value(built: Built, name: str, value: NDArray) -> None:
    if name in built.timed_arrays:
        values = built.timed_arrays[name].values
        target = values
    else:
        owner, _, variable = name.partition(".")
        target = built.network[owner].state(variable, use_units=False)
    size = np.size(target[:])
    if value.ndim and value.size != size:
        raise ValueError(f"{name}: got {value.size} values; allowed: {size}")
    target[:] = value.reshape(np.shape(target[:])) if value.ndim else value


def _get_value(built: Built, name: str) -> NDArray:
    owner, _, variable = name.partition(".")
    return np.array(built.network[owner].state(variable, use_units=False)[:])


# -------------------------------------------------------------------------------- housekeeping


@dataclass(frozen=True)
class Check:
    """One line of `doctor`'s report."""

    name: str
    ok: bool
    detail: str


def doctor() -> list[Check]:
    """Check versions, compiler and cache, and run a tiny network on each target."""
    checks = [
        Check("python", True, platform.python_version()),
        *(
            Check(name, True, version(name))
            for name in ("spikeconsol", "brian2", "numpy", "scipy", "matplotlib", "xarray")
        ),
    ]
    try:
        checks.append(Check("C++ compiler", True, _compiler_version()))
    except BuildError as error:
        checks.append(Check("C++ compiler", False, str(error)))
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        checks.append(Check("cache folder", os.access(folder, os.W_OK), str(folder)))
    except OSError as error:
        checks.append(Check("cache folder", False, str(error)))
    tiny = Program(
        name="doctor",
        builder="spikeconsol.brian.build:tiny",
        structure={"dt": 1e-3},
        inputs=("cells.noise_seed",),
        outputs=("cells.x",),
    )
    expected: NDArray | None = None
    for target in reversed(TARGETS):  # numpy first: the others are held against it
        try:
            started = time.perf_counter()
            x = run(tiny, {"cells.noise_seed": 1}, steps=10, target=target)["cells.x"]
            expected = x if expected is None else expected
            same = bool(np.array_equal(x, expected))
            detail = "same noise to the last bit" if same else "noise differs from numpy's"
            elapsed = time.perf_counter() - started
            checks.append(Check(f"target {target}", same, f"{detail}, {elapsed:.2f} s"))
        except Exception as error:
            checks.append(Check(f"target {target}", False, str(error)))
    return checks


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
    _read_manifest.cache_clear()
    return len(programs), size
