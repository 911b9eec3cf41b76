"""From saved results to figures, with what a caption needs beside each."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from spikeconsol.lab.experiment import Figure
from spikeconsol.lab.results import ResultError, load, provenance, read_attributes, writable_folder

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = ["draw", "result_files"]


def result_files(experiment: str, roots: Sequence[Path]) -> list[Path]:
    """Find the result files of an experiment.

    Parameters
    ----------
    experiment : str
        Full name.
    roots : sequence of pathlib.Path
        Folders to look in, best first: each is either the parent of a folder named after the
        experiment, or holds the files itself.
    """
    for root in roots:
        for folder in (root / experiment, root):
            files = [
                path
                for path in sorted(folder.glob("*.nc"))
                if read_attributes(path).get("experiment") == experiment
            ]
            if files:
                return files
    return []


def draw(figure: Figure, files: Mapping[str, Sequence[Path]], out: Path, command: str) -> Path:
    """Draw one figure and save it as PDF, PNG and caption data.

    Parameters
    ----------
    figure : Figure
    files : mapping
        Result files of each experiment that the figure needs.
    out : pathlib.Path
        Folder of figures.
    command : str
        Command line to note beside the figure.

    Returns
    -------
    pathlib.Path
        The PDF file; the others differ in their suffix: ``.png`` (300 dpi) and ``.json``.

    Raises
    ------
    ResultError
        If a result cannot be read or lacks what the figure shows.
    """
    from spikeconsol.figures import style

    writable_folder(out)
    data = {name: {path.stem: load(path) for path in paths} for name, paths in files.items()}
    stem = out / figure.name
    with style.context():
        try:
            drawing = figure.draw(data)
        except KeyError as error:
            raise ResultError(f"{figure.name}: the results have no {error}") from error
        _save(drawing, stem.with_suffix(".pdf"), metadata={"CreationDate": None})
        _save(drawing, stem.with_suffix(".png"), dpi=300, metadata={"Software": None})
    text = json.dumps(_caption(figure, data, files, command), indent=2, ensure_ascii=False)
    stem.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    return stem.with_suffix(".pdf")


def _save(drawing: Drawing, path: Path, **options: Any) -> None:
    temporary = path.with_name(f".{path.stem}.{os.getpid()}-{secrets.token_hex(4)}{path.suffix}")
    try:
        drawing.savefig(temporary, **options)
        temporary.replace(path)
    except OSError as error:
        raise ResultError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        temporary.unlink(missing_ok=True)


def _caption(
    figure: Figure,
    data: Mapping[str, Mapping[str, xr.Dataset]],
    files: Mapping[str, Sequence[Path]],
    command: str,
) -> dict[str, Any]:
    counts = {dataset.sizes["seed"] for group in data.values() for dataset in group.values()}
    n = str(min(counts)) if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
    seeds = {
        name: sorted({int(seed) for dataset in group.values() for seed in dataset.seed.values})
        for name, group in data.items()
    }
    return {
        "name": figure.name,
        "caption": figure.caption.replace("{n}", n),
        "n": n,
        "seeds": seeds,
        "command": command,
        "made_by": sorted(
            {dataset.attrs["command"] for group in data.values() for dataset in group.values()}
        ),
        "revision": provenance()["revision"],
        "versions": provenance()["versions"],
        "files": {
            str(path): hashlib.sha256(path.read_bytes()).hexdigest()
            for paths in files.values()
            for path in paths
        },
    }
