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
import importlib
import os
import re
import shlex
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol import checks, sources
from spikeconsol.brian import standalone
from spikeconsol.brian.cache import (
    BuildError,
    cache_folder,
    clear_cache,
    compiled,
    compiler,
    compiler_version,
    key,
)

if TYPE_CHECKING:
    from brian2 import Clock, Network, TimedArray

__all__ = [
    "TARGETS",
    "BuildError",
    "Built",
    "Program",
    "cache_folder",
    "check",
    "clear_cache",
    "default_target",
    "explain",
    "run",
    "side_by_side",
]

Argument = TypeVar("Argument")
Result = TypeVar("Result")

TARGETS = ("standalone", "cython", "numpy")

#: Targets of all programs that this process has run.
targets_used: set[str] = set()


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
        path = Path(place)

        def build(structure: Mapping[str, Any]) -> Built:
            with sources.beside(path):
                module = sources.load_file(path, f"spikeconsol_builder_{path.stem}")
                return getattr(module, function)(structure)

        return build

    def key(self) -> str:
        """Hash of everything that decides what the compiled program does."""
        return key(self)


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
    target = default_target() if target is None else checked_target(target)
    outputs = program.outputs if outputs is None else tuple(outputs)
    _check_names(values, program.inputs, program.name, "run-time value")
    _check_names(outputs, program.outputs, program.name, "output")
    targets_used.add(target)
    if steps < 1:
        raise ValueError(f"steps: got {steps!r}; allowed: >= 1")
    if target == "standalone":
        return standalone.run(program, values, steps, outputs)
    return _run_at_runtime(program, values, steps, outputs, target)


def side_by_side(
    program: Program,
    call: Callable[[Argument], Result],
    arguments: Sequence[Argument],
    *,
    threads: int | None,
    target: str | None,
) -> list[Result]:
    """Call a function that runs a program, for each argument, with several runs at a time.

    Parameters
    ----------
    program : Program
        What the function runs.
    call : callable
    arguments : sequence
    threads : int or None
        Runs at a time; by default as many as ``OMP_NUM_THREADS`` says, or as there are cores.
        Targets other than ``standalone`` make one run after the other.
    target : str or None

    Returns
    -------
    list
        What the calls returned, in the order of the arguments.
    """
    if threads is not None:
        threads = checks.whole("threads", threads, at_least=1)
    if len(arguments) < 2 or (target or default_target()) != "standalone":
        return [call(argument) for argument in arguments]
    from concurrent.futures import ThreadPoolExecutor  # not where there is nothing to share

    compiled(program)  # once, not in every thread
    with ThreadPoolExecutor(threads or _cores()) as pool:
        return list(pool.map(call, arguments))


def _cores() -> int:
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdigit() and int(told):
        return int(told)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def default_target() -> str:
    """Return the target of this machine: see the module's description."""
    chosen = os.environ.get("SPIKECONSOL_TARGET")
    if chosen:
        return checked_target(chosen, "SPIKECONSOL_TARGET")
    with contextlib.suppress(BuildError):
        compiler_version()
        return "standalone"
    warnings.warn(
        f"no C++ compiler ({shlex.join(compiler())}) works here: running on Brian2's numpy "
        "target, which is many times slower",
        stacklevel=3,
    )
    return "numpy"


def checked_target(target: str, name: str = "target") -> str:
    """Return the name of a target, or say what is allowed."""
    return checks.choice(name, target, TARGETS)


def _check_names(
    names: Mapping[str, Any] | Sequence[str], known: tuple[str, ...], program: str, kind: str
) -> None:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.3) or known[:5]
            raise ValueError(
                f"{name}: not declared as a {kind} of {program}; nearest: {', '.join(near)}"
            )


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
