"""Result files: one NetCDF file per condition, whole or not there at all.

A file is written under a temporary name in its own folder, forced to the disk and renamed. Its
last line is the SHA-256 of all that stands before it (NetCDF readers ignore it), so that a
truncated or damaged file is recognised before anything in it is used. Nothing is ever executed
from a file: attributes are numbers, text and JSON.
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
from typing import Any

import numpy as np
import xarray as xr

import spikeconsol

__all__ = ["FORMAT", "ResultError", "load", "provenance", "read_attributes", "save", "write"]

#: Version of the file format; the format is described in docs/laboratory.md.
FORMAT = "spikeconsol-1"
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


def load(path: str | Path) -> xr.Dataset:
    """Read a result file into memory.

    Raises
    ------
    ResultError
        If the file is missing, truncated, damaged or not a result file.
    """
    verify(path)
    try:
        dataset = xr.load_dataset(path, engine="h5netcdf")
    except Exception as error:
        raise ResultError(f"{path}: not a result file ({_one_line(error)})") from error
    _check_format(path, dataset.attrs)
    return dataset


def read_attributes(path: str | Path) -> dict[str, Any]:
    """Read only the attributes of a result file; raises as `load` does."""
    import h5netcdf

    verify(path)
    try:
        with h5netcdf.File(path, "r") as file:
            attributes = dict(file.attrs)
    except Exception as error:
        raise ResultError(f"{path}: not a result file ({_one_line(error)})") from error
    _check_format(path, attributes)
    return attributes


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


def _check_format(path: str | Path, attributes: Mapping[str, Any]) -> None:
    found = attributes.get("format", "none")
    if found != FORMAT:
        raise ResultError(f"{path}: got the format {found}; allowed: {FORMAT}")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


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
