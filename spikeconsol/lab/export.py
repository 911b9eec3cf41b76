"""Results in the formats of other tools: Neo/NIX, NWB, CSV and NumPy archives."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from spikeconsol.formats import find_signals, find_spikes, needing, write_neo, write_nwb
from spikeconsol.lab.results import ResultError, load, writable_folder
from spikeconsol.sealed import replacing

__all__ = ["FORMATS", "export"]


def export(
    path: Path | str, kind: str, out: Path | str | None = None, *, large: bool = False
) -> Path:
    """Write a result in the format of another tool.

    Parameters
    ----------
    path : pathlib.Path or str
        Result file.
    kind : str
        One of `FORMATS`: ``"neo-nix"`` and ``"nwb"`` hold spikes and signals, ``"npz"`` every
        variable, ``"csv"`` (a folder) every variable as a table with a row for each value.
    out : pathlib.Path or str, optional
        File or folder to write; beside the result where it is not given.
    large : bool, optional
        As for `results.load`.

    Returns
    -------
    pathlib.Path
        The file or folder that was written.

    Raises
    ------
    ResultError
        If the file cannot be used, has no spikes and no signals, or cannot be written.
    ModuleNotFoundError
        If the format's library is not installed.
    """
    if kind not in FORMATS:
        raise ValueError(f"to: got {kind!r}; allowed: {', '.join(FORMATS)}")
    suffix, write = FORMATS[kind]
    path, out = Path(path), None if out is None else Path(out)
    dataset = load(path, large=large)
    if kind in ("neo-nix", "nwb") and not find_spikes(dataset) and not find_signals(dataset):
        raise ResultError(f"{path}: has neither spikes nor signals; it can go to npz or csv")
    out = out or path.with_suffix(suffix)
    if out.resolve() == path.resolve():
        raise ResultError(f"out: got the result file {out} itself; allowed: another file")
    writable_folder(out.parent)
    with replacing(out, suffix or ".csv") as temporary, needing("export"):
        write(dataset, temporary)
        if out.is_dir():
            raise ResultError(f"{out}: is a folder that exists already; give another --out")
    return out


def _write_npz(dataset: xr.Dataset, path: Path) -> None:
    arrays: dict[str, Any] = {str(name): v.values for name, v in dataset.variables.items()}
    texts = {name: array.astype(str) for name, array in arrays.items() if array.dtype.kind == "O"}
    arrays |= texts  # text without pickle
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays, attributes=json.dumps(dataset.attrs, default=str))


def _write_csv(dataset: xr.Dataset, folder: Path) -> None:
    folder.mkdir()
    for name, variable in dataset.data_vars.items():
        places = itertools.product(*(dataset[dim].values for dim in variable.dims))
        unit = variable.attrs.get("units", "1")
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*variable.dims, name if unit == "1" else f"{name} ({unit})"])
            for place, value in zip(places, variable.values.ravel(), strict=True):
                row = (*place, value)
                writer.writerow([cell.item() if hasattr(cell, "item") else cell for cell in row])
    (folder / "attributes.json").write_text(json.dumps(dataset.attrs, default=str, indent=2))


#: Suffix and writer of each format; a format without suffix is a folder.
FORMATS: dict[str, tuple[str, Callable[[xr.Dataset, Path], None]]] = {
    "neo-nix": (".nix", write_neo),
    "nwb": (".nwb", write_nwb),
    "npz": (".npz", _write_npz),
    "csv": ("", _write_csv),
}
