"""From saved results to figures, with what a caption needs beside each."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from spikeconsol.lab.catalogue import code_version, find_experiments
from spikeconsol.lab.cells import Cell
from spikeconsol.lab.experiment import Figure
from spikeconsol.lab.results import (
    ResultError,
    load,
    provenance,
    read_attributes,
    writable_folder,
    write,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = ["UP_TO_DATE", "IncompleteError", "draw", "result_files", "seconds_needed", "state"]

UP_TO_DATE = "up to date"


class IncompleteError(ResultError):
    """Results that are sound but lack a condition or variable that a figure shows."""


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


def state(figure: Figure, files: Mapping[str, Sequence[Path]], out: Path, source: str = "") -> str:
    """Say whether a drawn figure still shows its results.

    Parameters
    ----------
    figure, files, out
        As for `draw`.
    source : str, optional
        A user's own file that has the experiments.

    Returns
    -------
    str
        `UP_TO_DATE`, or what is missing or stale.
    """
    lacking = [need for need in figure.needs if not files.get(need)]
    if lacking:
        return f"lacks the results of {', '.join(lacking)}"
    stem = out / figure.name
    try:
        drawn = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "not drawn"
    if not all(stem.with_suffix(suffix).exists() for suffix in (".pdf", ".png")):
        return "not drawn"
    if drawn.get("files") != _hashes(files, out):
        return "stale: the results have changed"
    if drawn.get("code") != _drawing_code(figure):
        return "stale: the figure's code has changed"
    for need, paths in files.items():
        own = source if need in _own_experiments(source) else ""
        if {read_attributes(path).get("code") for path in paths} != {code_version(need, own)}:
            return "stale: the results come from other code"
    return UP_TO_DATE


def _own_experiments(source: str) -> Mapping[str, Any]:
    return find_experiments(source) if source else {}


def seconds_needed(cells: Sequence[Cell], root: Path) -> float | None:
    """Estimate how long cells take, from what the same conditions took before.

    Parameters
    ----------
    cells : sequence of Cell
        Cells to compute.
    root : pathlib.Path
        Folder in which earlier results are looked for.

    Returns
    -------
    float or None
        Seconds on one core; None where there is no experience with these parameters.
    """
    per_seed: dict[str, list[float]] = {}
    for path in root.rglob("*.nc"):
        with contextlib.suppress(ResultError, KeyError, ValueError):
            found = read_attributes(path)
            if (
                found["experiment"] == cells[0].experiment
                and found["parameters"] == cells[0].values
            ):
                seconds = float(found["seconds"]) / len(json.loads(found["seeds"]))
                per_seed.setdefault(found["condition"], []).append(seconds)
    if not per_seed:
        return None
    means = {condition: sum(times) / len(times) for condition, times in per_seed.items()}
    unknown = sum(means.values()) / len(means)
    return sum(means.get(cell.condition, unknown) * len(cell.seeds) for cell in cells)


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
    IncompleteError
        If the results lack what the figure shows, for example after ``run --level rate``.
    ResultError
        If a result cannot be read or a file cannot be written.
    """
    from spikeconsol.figures import style

    writable_folder(out)
    data = {name: {path.stem: load(path) for path in paths} for name, paths in files.items()}
    stem = out / figure.name
    with style.context():
        try:
            drawing = figure.draw(data)
        except KeyError as error:
            raise IncompleteError(f"the results have no {error}") from error
        _save(drawing, stem.with_suffix(".pdf"), metadata={"CreationDate": None})
        _save(drawing, stem.with_suffix(".png"), dpi=300, metadata={"Software": None})
    caption = _caption(figure, data, command) | {"files": _hashes(files, out)}
    text = json.dumps(caption, indent=2, ensure_ascii=False)
    write(stem.with_suffix(".json"), f"{text}\n".encode())
    return stem.with_suffix(".pdf")


def _save(drawing: Drawing, path: Path, **options: Any) -> None:
    image = io.BytesIO()
    drawing.savefig(image, format=path.suffix[1:], **options)
    write(path, image.getvalue())


def _caption(
    figure: Figure,
    data: Mapping[str, Mapping[str, xr.Dataset]],
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
        "code": _drawing_code(figure),
    }


def _hashes(files: Mapping[str, Sequence[Path]], out: Path) -> dict[str, str]:
    """Hash of every result file, by its path seen from the figure."""
    return {
        Path(os.path.relpath(path, out)).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for paths in files.values()
        for path in paths
    }


def _drawing_code(figure: Figure) -> str:
    """Hash of the code that decides how a figure looks: its own file and the style."""
    from spikeconsol.figures import style

    own = inspect.getsourcefile(figure.draw)
    look = Path(style.__file__)
    digest = hashlib.sha256()
    for file in (*([Path(own)] if own else []), look, look.with_name("spikeconsol.mplstyle")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
