"""Result files: one NetCDF file per condition, whole or not there at all.

A file is written under a temporary name in its own folder, forced to the disk and renamed. Its
last line is the SHA-256 of all that stands before it (NetCDF readers ignore it), so that a
truncated or damaged file is recognised before anything in it is used. A file names code but holds
none: attributes are numbers, text and JSON, and `spikeconsol rerun` runs a Python file that one
names only where it is told to. Files may come from strangers: what would lead a reader out of the
file, or ask for more memory than stated, is refused.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import secrets
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

import spikeconsol
from spikeconsol.parameters import printable, shown

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "FORMAT",
    "LARGE",
    "ResultError",
    "check_attributes",
    "check_contents",
    "load",
    "provenance",
    "read_attributes",
    "save",
    "summary",
    "write",
]

#: Version of the file format; the format is described in docs/laboratory.md.
FORMAT = "spikeconsol-1"
#: Bytes of a file's variables in memory that are read without being asked for.
LARGE = 4 * 10**9
_SEAL = b"\nspikeconsol-sha256:"
_SEALED = re.compile(rb"\nspikeconsol-sha256:([0-9a-f]{64})\n")
_SEAL_LENGTH = len(_SEAL) + 64 + 1
_PACKAGES = ("spikeconsol", "brian2", "numpy", "scipy", "xarray", "scikit-learn", "numba", "jax")


class ResultError(ValueError):
    """A result file or folder that cannot be used; the message names it and says why."""


def save(dataset: xr.Dataset, path: str | Path, attributes: Mapping[str, Any] = {}) -> None:
    """Write a dataset as a sealed NetCDF file that appears whole or not at all.

    Parameters
    ----------
    dataset : xarray.Dataset
        Values with their units; its own attributes are kept.
    path : path
        File to write; a file that is there is replaced.
    attributes : mapping, optional
        Further attributes; values that NetCDF cannot hold are written as JSON.

    Raises
    ------
    ResultError
        If the file cannot be written; no partial file is left.
    """
    attributes = {**dataset.attrs, **attributes, "format": FORMAT}
    dataset = dataset.assign_attrs({name: _attribute(value) for name, value in attributes.items()})
    encoding = {
        name: {"zlib": True, "complevel": 4}
        for name, variable in dataset.variables.items()
        if variable.size > 10_000 and variable.dtype.kind in "biuf"
    }
    with _local_locks():
        content = bytes(dataset.to_netcdf(engine="h5netcdf", encoding=encoding))
    content += _SEAL + hashlib.sha256(content).hexdigest().encode() + b"\n"
    write(path, content)


def write(path: str | Path, content: bytes) -> None:
    """Write a file that appears whole or not at all, and is on the disk then.

    Raises
    ------
    ResultError
        If it cannot be written; no partial file is left, and an older one stays.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise ResultError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def load(path: str | Path, *, large: bool = False) -> xr.Dataset:
    """Read a result file into memory.

    Parameters
    ----------
    path : path
    large : bool, optional
        Read it even if its variables take more than `LARGE` bytes.

    Raises
    ------
    ResultError
        If the file is missing, truncated, damaged, not a result file, leads out of itself, or is
        larger than stated.
    """
    import xarray as xr

    verify(path)
    check_contents(path, large=large)
    try:
        dataset = xr.load_dataset(path, engine="h5netcdf")
    except Exception as error:
        raise ResultError(f"{path}: not a result file ({_one_line(error)})") from error
    check_attributes(path, dataset.attrs)
    return dataset


def read_attributes(path: str | Path) -> dict[str, Any]:
    """Read only the attributes of a result file; raises as `load` does."""
    import h5py

    verify(path)
    try:
        with h5py.File(path, "r") as file:
            attributes = {
                name: _plain(value) for name, value in file.attrs.items() if name[:1] != "_"
            }
    except Exception as error:
        raise ResultError(f"{path}: not a result file ({_one_line(error)})") from error
    check_attributes(path, attributes)
    return attributes


def summary(
    path: str | Path, *, large: bool = False
) -> tuple[dict[str, Any], list[tuple[str, str, str, str]]]:
    """Return what `spikeconsol show` prints; raises as `load` does.

    Returns
    -------
    attributes : dict
    variables : list of (name, meaning, dimensions, mean and interval)
    """
    import h5netcdf

    from spikeconsol.lab.table import heading, with_interval

    attributes = read_attributes(path)
    check_contents(path, large=large)
    rows = []
    try:
        with h5netcdf.File(path, "r") as file:
            for name, variable in file.variables.items():
                if name in file.dimensions and name in variable.dimensions:
                    continue
                shape = ", ".join(
                    f"{dim} {size}"
                    for dim, size in zip(variable.dimensions, variable.shape, strict=True)
                )
                about: Any = SimpleNamespace(name=name, attrs=dict(variable.attrs))
                numeric = variable.dimensions == ("seed",) and variable.dtype.kind in "biuf"
                values = with_interval(variable[...]) if numeric and variable.shape[0] else ""
                rows.append((name, heading(about), shape, values))
    except Exception as error:
        raise ResultError(f"{path}: not a result file ({_one_line(error)})") from error
    return attributes, rows


def verify(path: str | Path) -> None:
    """Check a result file against the checksum in its last line.

    Raises
    ------
    ResultError
        If the file cannot be read, is truncated or was changed.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ResultError(f"{path}: cannot be read ({error.strerror or error})") from error
    seal = _SEALED.fullmatch(content[-_SEAL_LENGTH:])
    if seal is None:
        raise ResultError(f"{path}: truncated, or not a result file of spikeconsol")
    if hashlib.sha256(content[:-_SEAL_LENGTH]).hexdigest().encode() != seal[1]:
        raise ResultError(f"{path}: damaged (its checksum does not match)")


def check_contents(path: str | Path, *, large: bool = False) -> None:
    """Refuse what would make a reader open other files or fill the memory.

    Raises
    ------
    ResultError
        If the file has links or data outside of itself, virtual data, or too large variables.
    """
    import h5py

    size = 0
    try:
        with h5py.File(path, "r") as file:
            waiting = [file["/"]]
            while waiting:
                group = waiting.pop()
                for name in group:
                    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                        raise ResultError(f"{path}: {printable(name)} is a link; allowed: data")
                    found = group[name]
                    if isinstance(found, h5py.Group):
                        if found.name != group.name and len(waiting) < 1000:
                            waiting.append(found)
                        continue
                    if not isinstance(found, h5py.Dataset):
                        continue
                    if found.external or found.is_virtual:
                        raise ResultError(
                            f"{path}: {printable(name)} lies in other files; allowed: data in this"
                        )
                    size += int(found.size or 0) * found.dtype.itemsize
    except ResultError:
        raise
    except Exception as error:
        raise ResultError(f"{path}: not a result file ({_one_line(error)})") from error
    if size > LARGE and not large:
        raise ResultError(
            f"{path}: its variables take {size / 1e9:.3g} GB of memory; allowed: "
            f"{LARGE / 1e9:g} GB, or more with --large"
        )


def writable_folder(path: str | Path) -> Path:
    """Make a folder and see that files can be written in it.

    Raises
    ------
    ResultError
        If it cannot.
    """
    path = Path(path)
    probe = path / f".{os.getpid()}-{secrets.token_hex(4)}.tmp"
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise ResultError(
            f"out: got {path}; allowed: a folder that can be written to ({error.strerror})"
        ) from error
    return path


def canonical(values: Mapping[str, Any]) -> str:
    """Parameters as the text that stands in a file, equal for equal values."""
    return json.dumps(values, sort_keys=True, default=str)


@functools.cache
def provenance() -> dict[str, Any]:
    """Where and with what a result is made: versions, revision, Python, platform, CPU."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "versions": versions,
        "revision": _revision(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu(),
    }


def _local_locks() -> AbstractContextManager[Any]:
    """Keep xarray from asking a Dask scheduler, which may be gone, for leave to write."""
    if "dask" not in sys.modules:
        return nullcontext()
    import dask

    return dask.config.set(scheduler="synchronous")


def _attribute(value: Any) -> Any:
    """Turn a value into what NetCDF can hold, JSON where it must be."""
    if isinstance(value, str | np.number | np.ndarray | float):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return json.dumps(value, default=str)


#: What stands in the attributes: text, or JSON of a kind.
_TEXT = ("experiment", "source", "condition", "name", "level", "label", "command", "code")
_JSON: dict[str, tuple[type, type | tuple[type, ...]]] = {
    "parameters": (dict, object),
    "units": (dict, str),
    "seeds": (list, int),
    "columns": (list, str),
    "versions": (dict, str),
}


def check_attributes(path: str | Path, attributes: Mapping[str, Any]) -> None:
    """Refuse a file whose attributes are not what the format says.

    Raises
    ------
    ResultError
        If the format is another one or an attribute is of another kind.
    """
    found = attributes.get("format", "none")
    if not isinstance(found, str) or found != FORMAT:
        raise ResultError(f"{path}: got the format {printable(str(found)[:40])}; allowed: {FORMAT}")

    def wrong(name: str, allowed: str) -> ResultError:
        return ResultError(f"{path}: {name}: got {shown(attributes[name])}; allowed: {allowed}")

    for name in _TEXT:
        if name in attributes and not isinstance(attributes[name], str):
            raise wrong(name, "text")
    for name, (kind, of) in _JSON.items():
        if name in attributes:
            value = _parsed(attributes[name])
            inner = value.values() if isinstance(value, dict) else value
            if not isinstance(value, kind) or not all(
                (isinstance(one, of) and not isinstance(one, bool)) or of is object for one in inner
            ):
                raise wrong(name, f"JSON, a {kind.__name__}")
    if attributes.get("sweep"):
        sweep = _parsed(attributes["sweep"])
        good = isinstance(sweep, dict) and isinstance(sweep.get("design"), str)
        if not good or not isinstance(sweep.get("over"), dict):
            raise wrong("sweep", "JSON with design and over")
    try:
        float(attributes.get("seconds", 0.0))
    except (TypeError, ValueError):
        raise wrong("seconds", "a number") from None


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None


def _plain(value: Any) -> Any:
    """Turn an attribute as HDF5 holds it into text, a number or an array."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, np.ndarray) and value.size == 1:
        return _plain(value.ravel()[0])
    return value if isinstance(value, str | np.generic | np.ndarray) else ""  # else it is empty


def _one_line(error: BaseException) -> str:
    return printable(" ".join(str(error).split())[:200]) or type(error).__name__


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _revision() -> str:
    """Git revision of a source checkout, with "-dirty" where files differ; "" elsewhere."""
    package = Path(spikeconsol.__file__).resolve().parent
    try:
        answers = [
            subprocess.run(
                ["git", "-C", str(package), *question],
                capture_output=True,
                text=True,
                timeout=10,
                check=True,
            ).stdout.strip()
            for question in (
                ("rev-parse", "--show-toplevel"),
                ("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"),
            )
        ]
    except (OSError, subprocess.SubprocessError):
        return ""
    # An installed copy inside somebody else's repository has no revision of its own.
    return answers[1] if Path(answers[0]).resolve() == package.parent else ""


def _cpu() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1] if found else platform.processor()
