"""Result files: one NetCDF file per condition, sealed as in `spikeconsol.sealed`.

A file names code but holds none: attributes are numbers, text and JSON, and `spikeconsol rerun`
runs a Python file that one names only where it is told to.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import platform
import re
import secrets
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import spikeconsol
from spikeconsol import sealed
from spikeconsol.sealed import LARGE, ResultError, check_contents, one_line, verify, write
from spikeconsol.values import printable, shown

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
_PACKAGES = ("spikeconsol", "brian2", "numpy", "scipy", "xarray", "scikit-learn", "numba", "jax")


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
    sealed.save(dataset.assign_attrs({**attributes, "format": FORMAT}), path)


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
    dataset = sealed.load(path, large=large)
    check_attributes(path, dataset.attrs)
    return dataset


def read_attributes(path: str | Path) -> dict[str, Any]:
    """Read only the attributes of a result file; raises as `load` does."""
    import h5py

    verify(path)
    try:
        with h5py.File(path, "r") as file:
            attributes = {
                name: sealed.plain_attribute(value)
                for name, value in file.attrs.items()
                if name[:1] != "_"
            }
    except Exception as error:
        raise ResultError(f"{path}: not a result file ({one_line(error)})") from error
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
        raise ResultError(f"{path}: not a result file ({one_line(error)})") from error
    return attributes, rows


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
