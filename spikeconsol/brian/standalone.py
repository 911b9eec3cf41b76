"""Runs of compiled programs: values handed over, the binary watched, its arrays read whole."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol import progress_bar
from spikeconsol.brian.cache import BuildError, compiled
from spikeconsol.brian.guard import FAILED, WROTE
from spikeconsol.brian.scratch import Scratch, room, scratch

if TYPE_CHECKING:
    from spikeconsol.brian.backend import Program

__all__ = ["flags_used", "run"]

#: Compilers with their flags of all programs that this process has run.
flags_used: set[str] = set()


def run(
    program: Program, values: Mapping[str, ArrayLike], steps: int, outputs: Sequence[str]
) -> dict[str, NDArray]:
    """Run a program's binary, compiled if need be; arguments as for `backend.run`."""
    with progress_bar.shown(f"compiling {program.name}"):
        folder, manifest = compiled(program)
    flags_used.add(manifest["flags"])
    read = {name: manifest["outputs"][name] for name in outputs}
    try:
        with scratch(sum(manifest["files"].values())) as place:
            _discard(place.folder, set(manifest["files"]) - {file for file, _ in read.values()})
            command = [str(folder / "main"), "--results_dir", f"{place.folder}/"]
            command.append(f"ending.last_step={steps - 1}")
            for name, value in values.items():
                command.append(_argument(name, value, manifest["inputs"][name], place.folder))
            wrote = _execute(program.name, command, folder, place, steps)
            return _read(program.name, read, wrote)
    except OSError as error:
        raise BuildError(_no_room(program.name, Path(tempfile.gettempdir()), error)) from error


def _execute(
    name: str, command: Sequence[str], folder: Path, place: Scratch, steps: int
) -> dict[str, tuple[Path, int]]:
    """Run a binary; return the files that it says it wrote, by name, with their sizes."""
    environment = os.environ | {
        "SPIKECONSOL_PARENT": str(os.getpid()),
        "SPIKECONSOL_SCRATCH": str(place.folder),
    }
    # Synapses are visited in no order that the processor could foresee: large pages help.
    environment.setdefault("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")
    if place.spill is not None:
        environment["SPIKECONSOL_SPILL"] = str(place.spill)
    with progress_bar.listened(steps, f"running {name}") as listener:
        if listener is not None:
            environment["SPIKECONSOL_LISTENER"] = str(listener)
        process = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            pass_fds=() if listener is None else (listener,),
        )
    for line in process.stderr.splitlines():
        if line.startswith(FAILED):
            path, _, reason = line.removeprefix(f"{FAILED} ").rpartition(": ")
            raise BuildError(_no_room(name, Path(path), reason))
    # Brian2's generated code only prints that it could not read a file.
    if process.returncode or "Error " in process.stdout + process.stderr:
        lines = "\n".join((process.stdout + process.stderr).strip().splitlines()[-12:])
        raise BuildError(f"{name}: the binary ended with code {process.returncode}:\n{lines}")
    wrote = {}
    for line in process.stdout.splitlines():
        if line.startswith(WROTE):
            path, _, size = line.removeprefix(f"{WROTE} ").rpartition(" ")
            wrote[Path(path).name] = (Path(path), int(size))
    return wrote


def _no_room(program: str, path: Path, reason: object) -> str:
    place = path if path.is_dir() else path.parent
    return (
        f"{program}: cannot write {path} ({reason}; {room(place)} there); "
        "set TMPDIR to a folder with more room"
    )


def _read(
    program: str, read: Mapping[str, tuple[str, str]], wrote: Mapping[str, tuple[Path, int]]
) -> dict[str, NDArray]:
    """Read arrays, whole or not at all."""
    arrays = {}
    for name, (file, dtype) in read.items():
        if file not in wrote:
            raise BuildError(f"{program}: the binary did not write {name}")
        path, size = wrote[file]
        array = np.fromfile(path, dtype)
        if array.nbytes != size:
            raise BuildError(
                f"{program}: {path} has {array.nbytes} of the {size} bytes that the binary wrote"
            )
        arrays[name] = array
    for name, array in arrays.items():
        times = arrays.get(f"{name.removesuffix('.i')}.t")
        if name.endswith(".i") and times is not None and len(times) != len(array):
            raise BuildError(f"{program}: {name} has {len(array)} spikes, {len(times)} times")
    return arrays


def _discard(results: Path, files: set[str]) -> None:
    """Let the binary, which writes all its arrays, write those that nobody reads to nowhere."""
    if os.devnull == "/dev/null":
        for file in files:
            (results / file).symlink_to(os.devnull)


def _argument(name: str, value: ArrayLike, entry: Mapping[str, Any], results: Path) -> str:
    """Command-line argument that sets one variable, from a number or from a file."""
    array = np.asarray(value)
    if array.ndim and array.size != entry["size"]:
        raise ValueError(f"{name}: got {array.size} values; allowed: {entry['size']}")
    if array.ndim and not array.any():  # as all weights before anything is stored
        array = np.zeros((), array.dtype)
    if array.ndim == 0 and np.isfinite(array):
        return f"{entry['name']}={array.item()!r}"
    if array.ndim == 0:  # the binary would take inf for the name of a file
        array = np.full(entry["size"], array)
    path = results / f"input-{name}"
    with path.open("wb") as file:
        file.write(np.ascontiguousarray(array, dtype=entry["dtype"]).data)
    return f"{entry['name']}={path}"
