"""Patterns from files: NumPy and MATLAB arrays, tables of text, folders of images."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikeconsol import checks
from spikeconsol.data.patterns import active_units, check_patterns
from spikeconsol.values import printable

__all__ = ["load_patterns"]

_IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".pgm")


def load_patterns(
    path: str | Path,
    *,
    threshold: float | None = None,
    coding_level: float | None = None,
    variable: str | None = None,
) -> NDArray[np.bool_]:
    """Read patterns from a file, one a row, or from a folder of images, one each.

    Values other than 0 and 1 are refused unless it is said how to make them binary.

    Parameters
    ----------
    path : str or Path
        ``.npy``, ``.npz``, ``.mat`` (up to version 7), ``.csv`` or ``.txt`` with or without a line
        of names; or a folder of images of one size, read as grey values from 0 to 1 in the order
        of their names, numbers in them by value. Arrays (P, height, width) become rows.
    threshold : float, optional
        Units with a larger value are active.
    coding_level : float, optional
        In place of it: the ``round(coding_level * N)`` largest values of each pattern are active,
        of equal ones the first.
    variable : str, optional
        Name of the array in a ``.npz`` or ``.mat`` file that holds several.

    Returns
    -------
    ndarray of bool, shape (P, N)

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        With what was found, if it is not binary and neither `threshold` nor `coding_level` is
        given, if a pattern has no active unit, or if the file cannot be read.
    """
    if not isinstance(path, str | Path):
        raise checks.wrong("path", path, "a path")
    path = Path(path)
    if threshold is not None and coding_level is not None:
        raise ValueError("threshold, coding_level: got both; allowed: one of them")
    values = _read(path, variable)
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{path}: holds {values.dtype} values; allowed: numbers")
    if values.ndim < 2 or not values.size:
        raise ValueError(f"{path}: holds shape {values.shape}; allowed: (patterns, units)")
    values = values.reshape(len(values), -1)
    if not np.isfinite(values).all():
        raise ValueError(f"{path}: holds values that are not finite; allowed: finite numbers")
    if threshold is not None:
        values = values > checks.number("threshold", threshold)
    elif coding_level is not None:
        values = _largest(values, active_units(values.shape[1], coding_level), path)
    elif not np.isin(values, (0, 1)).all():
        count, n = values.shape
        raise ValueError(
            f"{path}: holds {count} patterns of {n} values from {values.min():g} to "
            f"{values.max():g}; allowed: 0 and 1, or any with threshold= or coding_level="
        )
    return check_patterns(values.astype(bool), name=str(path))


def _largest(values: NDArray, k: int, path: Path) -> NDArray[np.bool_]:
    """Make the k largest values of each row active, of equal ones the first."""
    above = np.count_nonzero(values > values.min(axis=1, keepdims=True), axis=1)
    poorest = int(np.argmin(above))
    if above[poorest] < k:
        raise ValueError(
            f"{path}: pattern {poorest} has {above[poorest]} values above its smallest; "
            f"allowed: at least {k}, the active units of this coding level"
        )
    active = np.zeros(values.shape, bool)
    order = np.argsort(-values.astype(float), axis=1, kind="stable")
    np.put_along_axis(active, order[:, :k], True, axis=1)
    return active


def _read(path: Path, variable: str | None) -> NDArray:
    if path.is_dir():
        return _images(path)
    if not path.is_file():
        raise FileNotFoundError(f"path: got {path}, which does not exist")
    readers: dict[str, Callable[[Path], NDArray | dict[str, NDArray]]]
    readers = {".npy": _npy, ".npz": _npz, ".mat": _mat, ".csv": _text, ".txt": _text}
    if path.suffix.lower() not in readers:
        raise ValueError(f"path: got {path}; allowed: a folder, or {', '.join(readers)}")
    try:
        found = readers[path.suffix.lower()](path)
    except Exception as error:
        why = printable(" ".join(str(error).split())[:120])
        raise ValueError(f"{path}: cannot be read ({why})") from error
    return found if isinstance(found, np.ndarray) else _chosen(found, variable, path)


def _npy(path: Path) -> NDArray:
    return np.load(path, allow_pickle=False)


def _npz(path: Path) -> dict[str, NDArray]:
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def _mat(path: Path) -> dict[str, NDArray]:
    from scipy.io import loadmat

    try:
        found = loadmat(path)
    except NotImplementedError:
        raise ValueError("version 7.3 of MATLAB's format; allowed: save(..., '-v7')") from None
    return {name: np.asarray(value) for name, value in found.items() if name[:2] != "__"}


def _text(path: Path) -> NDArray:
    lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    separator = next((sign for sign in ",;\t" if lines and sign in lines[0]), None)
    names = bool(lines) and re.search(r"[A-DF-Za-df-z]", lines[0]) is not None
    return np.loadtxt(lines[names:], delimiter=separator, ndmin=2)


def _chosen(found: Mapping[str, NDArray], variable: str | None, path: Path) -> NDArray:
    """Return the array that was asked for, or the only one that can hold patterns."""
    fitting = [name for name, value in found.items() if value.ndim >= 2 and value.size > 1]
    if variable is not None:
        fitting = [variable] if variable in found else []
    if len(fitting) != 1:
        have = ", ".join(f"{name} {value.shape}" for name, value in found.items()) or "nothing"
        got = f"variable: got {variable!r}; " if variable is not None else ""
        raise ValueError(f"{got}{path} holds {have}; allowed: variable= with one of these")
    return found[fitting[0]]


def _images(folder: Path) -> NDArray[np.float64]:
    from PIL import Image

    def by_number(path: Path) -> list[tuple[int, str]]:
        parts = re.split(r"(\d+)", path.name)
        return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]

    files = sorted((p for p in folder.iterdir() if p.suffix.lower() in _IMAGES), key=by_number)
    if not files:
        raise ValueError(f"{folder}: holds no image; allowed: {', '.join(_IMAGES)}")
    images = []
    for file in files:
        try:
            with Image.open(file) as image:
                images.append(np.asarray(image.convert("L"), float) / 255)
        except OSError as error:
            raise ValueError(f"{file}: cannot be read ({error})") from error
        if images[-1].shape != images[0].shape:
            raise ValueError(
                f"{file}: has {images[-1].shape} pixels; allowed: {images[0].shape}, as {files[0]}"
            )
    return np.stack(images)
