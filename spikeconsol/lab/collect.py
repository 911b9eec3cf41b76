"""All results of a folder as one lazy dataset."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from spikeconsol.lab.results import ResultError, check_contents, load, read_attributes

__all__ = ["as_point", "open_results"]


@dataclass(frozen=True)
class _Cell:
    """One result file: its place in the sweep, its condition, its attributes and contents."""

    path: Path
    point: Mapping[str, Any]
    design: str
    attributes: Mapping[str, Any]
    #: dims, shape and type of each variable
    layout: Mapping[str, tuple[tuple[str, ...], tuple[int, ...], np.dtype]]

    @property
    def condition(self) -> str:
        return self.attributes["condition"]


def open_results(folder: str | Path) -> xr.Dataset:
    """Open all results of a run or of a sweep as one lazy dataset.

    Values are read when they are needed. Cells that are missing leave NaN.

    Parameters
    ----------
    folder : path
        Folder of a run or of a sweep, finished or not.

    Returns
    -------
    xarray.Dataset
        One dimension for each swept parameter (in SI units, stated in its attributes), then
        ``condition``, then the dimensions of the results. In a list or random design the points
        lie along ``point``, and the swept parameters are coordinates along it. Variables that
        differ in shape between cells are left out; the attribute ``left_out`` names them.

    Raises
    ------
    ResultError
        If the folder has no results, or results that do not belong together.
    ModuleNotFoundError
        If Dask is not installed.
    """
    try:
        import dask.array as da
        from dask import delayed
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "open_results needs Dask; install it with: pip install 'spikeconsol[sweep]'"
        ) from error
    cells = [_read(path) for path in sorted(Path(folder).glob("**/*.nc")) if _visible(path, folder)]
    if not cells:
        raise ResultError(f"{folder}: no results in this folder")
    for what in ("experiment", "format", "seeds"):
        found = {str(cell.attributes.get(what)) for cell in cells}
        if len(found) > 1:
            raise ResultError(f"{folder}: results of different {what}: {', '.join(sorted(found))}")
    axes, coordinates, keys = _axes(cells)
    conditions = list(dict.fromkeys(cell.condition for cell in cells))
    axes = {**axes, "condition": conditions}
    by_key = {(*key, cell.condition): cell for key, cell in zip(keys, cells, strict=True)}
    places = list(itertools.product(*axes.values()))
    sizes = [len(values) for values in axes.values()]

    first = load(cells[0].path)
    variables, left_out = {}, []
    for name in dict.fromkeys(name for cell in cells for name in cell.layout):
        layouts = {cell.layout[name][:2] for cell in cells if name in cell.layout}
        if name in first.coords:
            if len(layouts) == 1 and name not in axes:
                coordinates[name] = first.coords[name].variable
            continue
        if len(layouts) > 1 or any(dim in axes for dim in next(iter(layouts))[0]):
            left_out.append(name)
            continue
        dims, shape = layouts.pop()
        owners = [by_key.get(place) for place in places]
        complete = all(owner is not None and name in owner.layout for owner in owners)
        dtype = np.result_type(
            *(cell.layout[name][2] for cell in cells if name in cell.layout),
            *(() if complete else (np.float64,)),
        )
        blocks = [
            da.from_delayed(delayed(_values)(owner.path, name, dtype), shape, dtype)
            if owner is not None and name in owner.layout
            else da.full(shape, np.nan, dtype=dtype, chunks=shape)
            for owner in owners
        ]
        stacked = da.stack(blocks).reshape((*sizes, *shape))
        attributes = first[name].attrs if name in first else {}
        variables[name] = ((*axes, *dims), stacked, attributes)
    units = json.loads(cells[0].attributes.get("units", "{}"))
    labels = {cell.condition: cell.attributes.get("label", cell.condition) for cell in cells}
    dataset = xr.Dataset(variables, {**axes, **coordinates})
    for name in cells[0].point:
        dataset[name].attrs["units"] = units.get(name, "1")
    return dataset.assign_coords(
        label=("condition", [labels[condition] for condition in conditions])
    ).assign_attrs(
        {
            **{name: first.attrs[name] for name in ("experiment", "seeds", "format", "code")},
            "cells": len(cells),
            "missing": len(places) - len(cells),
            "left_out": left_out,
        }
    )


def as_point(dataset: xr.Dataset) -> xr.Dataset:
    """Give one result its place: dimensions for the condition and each swept parameter.

    For ``xarray.open_mfdataset(files, preprocess=as_point, engine="h5netcdf")``, which then needs
    neither this package's idea of a sweep nor all cells at once.
    """
    sweep = json.loads(dataset.attrs.get("sweep") or "{}")
    place = {"condition": dataset.attrs["condition"], **sweep.get("over", {})}
    return dataset.assign_coords(place).expand_dims([*place])


def _visible(path: Path, folder: str | Path) -> bool:
    """Leave out pieces of unfinished cells and temporary files."""
    return not any(part.startswith(".") for part in path.relative_to(folder).parts)


def _read(path: Path) -> _Cell:
    import h5netcdf

    attributes = read_attributes(path)
    check_contents(path, large=True)  # read lazily, a variable at a time
    try:
        sweep = json.loads(attributes.get("sweep") or '{"over": {}, "design": "grid"}')
        with h5netcdf.File(path, "r") as file:
            layout = {
                name: (variable.dimensions, variable.shape, _type(variable))
                for name, variable in file.variables.items()
            }
        return _Cell(path, dict(sweep["over"]), sweep["design"], attributes, layout)
    except (ValueError, KeyError, TypeError) as error:
        raise ResultError(f"{path}: does not say where it stands in a sweep ({error})") from error


def _axes(
    cells: Sequence[_Cell],
) -> tuple[dict[str, list[Any]], dict[str, Any], list[tuple[Any, ...]]]:
    """Return the sweep's dimensions, further coordinates, and each cell's place along them."""
    names = list(cells[0].point)
    if any(list(cell.point) != names or cell.design != cells[0].design for cell in cells):
        raise ResultError(f"{cells[0].path.parent.parent}: results of different sweeps")
    keys = [tuple(cell.point[name] for name in names) for cell in cells]
    if cells[0].design == "grid":
        axes = {name: sorted({cell.point[name] for cell in cells}) for name in names}
        return axes, {}, keys
    points = sorted(set(keys))
    columns = {name: ("point", [key[i] for key in points]) for i, name in enumerate(names)}
    number = {key: index for index, key in enumerate(points)}
    return {"point": list(range(len(points)))}, columns, [(number[key],) for key in keys]


def _type(variable: Any) -> np.dtype:
    """Type of a variable in memory: truth values are stored as whole numbers."""
    if variable.attrs.get("dtype") == "bool":
        return np.dtype(bool)
    return np.dtype(object if variable.dtype is str else variable.dtype)


def _values(path: Path, name: str, dtype: np.dtype) -> np.ndarray:
    """Read one variable; the file was verified when the results were opened."""
    import h5py

    with h5py.File(path, "r") as file:
        variable = file[name]
        text = h5py.check_string_dtype(variable.dtype) is not None
        return np.asarray(variable.asstr()[()] if text else variable[()]).astype(dtype)
