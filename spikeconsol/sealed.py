"""Sealed NetCDF files: whole or not there at all, and recognised when damaged.

A file is written under a temporary name in its own folder, forced to the disk and renamed. Its
last line is the SHA-256 of all that stands before it (NetCDF readers ignore it), so that a
truncated or damaged file is recognised before anything in it is used. Files may come from
strangers: what would lead a reader out of the file, or ask for more memory than stated, is
refused. A file holds numbers, text and JSON, never code.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spikeconsol.values import printable

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "LARGE",
    "ResultError",
    "check_contents",
    "is_zip",
    "load",
    "load_object",
    "plain_attribute",
    "replacing",
    "save",
    "save_object",
    "sync",
    "verify",
    "write",
]

#: Bytes of a file's variables in memory that are read without being asked for.
LARGE = 4 * 10**9
#: Version of the format of saved objects.
OBJECT = "spikeconsol-object-1"
_SEAL = b"\nspikeconsol-sha256:"
_SEALED = re.compile(rb"\nspikeconsol-sha256:([0-9a-f]{64})\n")
_SEAL_LENGTH = len(_SEAL) + 64 + 1


class ResultError(ValueError):
    """A result file or folder that cannot be used; the message names it and says why."""


def save(dataset: xr.Dataset, path: str | Path) -> None:
    """Write a dataset as a sealed NetCDF file that appears whole or not at all.

    Attributes that NetCDF cannot hold are written as JSON.

    Raises
    ------
    ResultError
        If the file cannot be written; no partial file is left.
    """
    attributes = {name: _attribute(value) for name, value in dataset.attrs.items()}
    encoding = {
        name: {"zlib": True, "complevel": 4}
        for name, variable in dataset.variables.items()
        if variable.size > 10_000 and variable.dtype.kind in "biuf"
    }
    with _local_locks():
        dataset = dataset.assign_attrs(attributes)
        content = bytes(dataset.to_netcdf(engine="h5netcdf", encoding=encoding))
    content += _SEAL + hashlib.sha256(content).hexdigest().encode() + b"\n"
    write(path, content)


def load(path: str | Path, *, large: bool = False, unsealed: bool = False) -> xr.Dataset:
    """Read a sealed file into memory, or, if that is said, one that bears no seal.

    Raises
    ------
    ResultError
        If the file is missing, truncated, damaged, leads out of itself, or is larger than stated.
    """
    import xarray as xr

    verify(path, unsealed=unsealed)
    check_contents(path, large=large)
    try:
        return xr.load_dataset(path, engine="h5netcdf")
    except Exception as error:
        raise ResultError(f"{path}: not a result file ({one_line(error)})") from error


def save_object(
    path: str | Path, kind: str, about: Mapping[str, Any], arrays: Mapping[str, NDArray]
) -> None:
    """Write an object, its class by name, its settings as plain data, its arrays as they are."""
    import xarray as xr

    variables = {  # axes of one length share a dimension: each takes as long as an array
        name: (tuple(f"axis{axis}_of_{n}" for axis, n in enumerate(np.shape(array))), array)
        for name, array in arrays.items()
    }
    settings = xr.Variable((), json.dumps(about))  # attributes are small
    save(xr.Dataset(variables | {"about": settings}, attrs={"format": OBJECT, "kind": kind}), path)


def load_object(path: str | Path, kind: str) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Read settings and arrays of what `save_object` wrote.

    Raises
    ------
    ResultError
        As `load` does, and if the file holds something else.
    """
    import h5py  # xarray takes twenty times as long for the dozens of arrays of a network

    verify(path)
    check_contents(path)
    try:
        with h5py.File(path, "r") as file:
            made = {name: plain_attribute(file.attrs.get(name)) for name in ("format", "kind")}
            variables = [(str(name), v) for name, v in file.items() if not v.is_scale]
            arrays = {name: _values(variable) for name, variable in variables}
    except Exception as error:
        raise ResultError(f"{path}: not a result file ({one_line(error)})") from error
    found = made["kind"] if made["format"] == OBJECT else "a result"
    if found != kind or "about" not in arrays:
        found = printable(str(found)[:40])
        raise ResultError(f"{path}: holds {found}; allowed: a file of {kind}.save")
    return json.loads(str(arrays.pop("about"))), arrays


def _values(variable: Any) -> NDArray:
    """Values of a variable that xarray wrote, which has no type for truth values."""
    if variable.dtype.kind == "O":
        return np.asarray(variable.asstr()[()]).astype(str)
    values = np.asarray(variable[()])
    return values.astype(bool) if plain_attribute(variable.attrs.get("dtype")) == "bool" else values


def plain_attribute(value: Any) -> Any:
    """Turn an attribute as HDF5 holds it into text, a number or an array."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, np.ndarray) and value.size == 1:
        return plain_attribute(value.ravel()[0])
    return value if isinstance(value, str | np.generic | np.ndarray) else ""  # else it is empty


def is_zip(path: str | Path) -> bool:
    """Say whether a file is a NumPy archive, as earlier versions saved objects."""
    try:
        with Path(path).open("rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError as error:
        raise ResultError(f"{path}: cannot be read ({error.strerror or error})") from error


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
        sync(path.parent)
    except OSError as error:
        raise ResultError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing(path: Path, suffix: str) -> Iterator[Path]:
    """Give a name to write to, a file's or a folder's, which takes the place of `path` when done.

    Raises
    ------
    ResultError
        If it cannot be written; nothing partial is left, and what was there before stays.
    """
    temporary = path.with_name(f".{secrets.token_hex(4)}.{os.getpid()}{suffix}")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise ResultError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        temporary.unlink(missing_ok=True)


def verify(path: str | Path, *, unsealed: bool = False) -> None:
    """Check a result file against the checksum in its last line, if it has to have one.

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
    if seal is None and unsealed:
        return
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
        raise ResultError(f"{path}: not a result file ({one_line(error)})") from error
    if size > LARGE and not large:
        raise ResultError(
            f"{path}: its variables take {size / 1e9:.3g} GB of memory; allowed: "
            f"{LARGE / 1e9:g} GB, or more with --large"
        )


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


def one_line(error: BaseException) -> str:
    return printable(" ".join(str(error).split())[:200]) or type(error).__name__


def sync(path: Path) -> None:
    """Force what a file or a folder holds to the disk."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
