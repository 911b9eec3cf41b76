"""One self-contained HTML page about the results of a folder; opens from disk, without network."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import xarray as xr

from spikeconsol.lab.results import ResultError, load, writable_folder, write
from spikeconsol.lab.sweep_picture import sweep_pictures
from spikeconsol.lab.table import heading, shown
from spikeconsol.values import printable

__all__ = ["write_report"]

_NUMBER = ' class="number"'
_PROVENANCE = ("revision", "code", "versions", "python", "platform", "cpu", "compiler_flags")


def write_report(folder: str | Path, out: str | Path, *, large: bool = False) -> Path:
    """Write a page with what was run, parameters, table, figures and provenance.

    Parameters
    ----------
    folder : path
        Folder of a run or of a sweep; figures are taken from its subfolders ``figures``.
    out : path
        HTML file to write.
    large : bool, optional
        As for `results.load`.

    Returns
    -------
    pathlib.Path
        `out`.

    Raises
    ------
    ResultError
        If there are no results, one of them is damaged, or the page cannot be written.
    """
    folder, out = Path(folder), Path(out)
    experiments: dict[str, list[xr.Dataset]] = {}
    for path in sorted(folder.rglob("*.nc")):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue  # pieces of unfinished cells
        dataset = load(path, large=large).assign_attrs(file=path.relative_to(folder).as_posix())
        experiments.setdefault(dataset.attrs.get("experiment", ""), []).append(dataset)
    if not experiments:
        raise ResultError(f"{folder}: no results in this folder")
    files = sum(map(len, experiments.values()))
    seconds = sum(float(d.attrs.get("seconds", 0)) for ds in experiments.values() for d in ds)
    sections = []
    for name, datasets in experiments.items():
        try:
            sections.append(_experiment(name, datasets))
        except (LookupError, ValueError, TypeError, AttributeError) as error:
            text = " ".join(f"{type(error).__name__}: {error}".split())
            raise ResultError(
                f"{folder}: the results of {printable(name)} cannot be shown ({printable(text)})"
            ) from error
    text = Template(Path(__file__).with_name("report.html").read_text(encoding="utf-8")).substitute(
        title=escape(f"Results of {', '.join(experiments)}"),
        summary=escape(f"{files} result files, {_duration(seconds)} of computing"),
        body="\n".join([*sections, *_figures(folder)]),
    )
    writable_folder(out.parent)
    write(out, text.encode())
    return out


def _experiment(name: str, datasets: Sequence[xr.Dataset]) -> str:
    """Write the section of one experiment: commands, table, parameters, provenance."""
    commands = sorted({d.attrs.get("command", "") for d in datasets})
    seeds = sorted({int(seed) for d in datasets for seed in d.seed.values})
    return "\n".join(
        [
            f"<h2>{escape(name)}</h2>",
            *(f"<p><code>{escape(command)}</code></p>" for command in commands),
            f'<p class="soft">Seeds {seeds[0]} to {seeds[-1]}. Mean and 95% confidence interval '
            "over seeds; a click on a heading sorts.</p>",
            _results(datasets),
            _parameters(datasets),
            _folded("Provenance", _provenance(datasets)),
        ]
    )


def _results(datasets: Sequence[xr.Dataset]) -> str:
    points = [dict(_point(dataset)) for dataset in datasets]
    swept = list(dict.fromkeys(key for point in points for key in point))
    units = json.loads(datasets[0].attrs.get("units", "{}"))
    columns = [str(name) for name in json.loads(datasets[0].attrs.get("columns", "[]"))]
    leveled = any(dataset.attrs.get("level") for dataset in datasets)
    names = {key: key if units.get(key, "1") == "1" else f"{key} ({units[key]})" for key in swept}
    heads = [*names.values(), *(["level"] if leveled else []), "condition"]
    heads += [*(heading(datasets[0][name]) for name in columns), "n", "file"]
    rows = []
    shown_datasets = _independent(datasets, points, swept, columns)
    for dataset, point in sorted(shown_datasets, key=lambda pair: _order(pair[1], swept)):
        cells = [_cell(point.get(key, ""), point.get(key, "")) for key in swept]
        cells += [_cell(dataset.attrs.get("level", ""))] if leveled else []
        cells.append(_cell(dataset.attrs.get("label", "")))
        cells += [_cell(shown(dataset[name]), float(dataset[name].mean())) for name in columns]
        cells.append(_cell(dataset.sizes["seed"], dataset.sizes["seed"]))
        cells.append(_cell(dataset.attrs["file"]))
        rows.append(cells)
    # A heading stands on the side on which its column stands.
    head = "".join(
        f"<th{_NUMBER if _NUMBER in cell else ''}><button>{escape(text)}</button></th>"
        for text, cell in zip(heads, rows[0], strict=True)
    )
    body = "".join(f"<tr>{''.join(cells)}</tr>\n" for cells in rows)
    pictures = sweep_pictures(datasets, points, names, columns)
    return "".join(_image(content, caption) for content, caption in pictures) + (
        f'<div class="scroll"><table class="sortable"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _order(point: Mapping[str, Any], swept: Sequence[str]) -> list[tuple[bool, float, str]]:
    """Sort numbers by value, then text."""
    values = [point.get(key, "") for key in swept]
    numbers = [isinstance(v, int | float) and not isinstance(v, bool) for v in values]
    return [
        (not number, float(value) if number else 0.0, "" if number else str(value))
        for number, value in zip(numbers, values, strict=True)
    ]


def _independent(
    datasets: Sequence[xr.Dataset],
    points: Sequence[Mapping[str, Any]],
    swept: Sequence[str],
    columns: Sequence[str],
) -> list[tuple[xr.Dataset, dict[str, Any]]]:
    """Results with their points; those that do not depend on a parameter once, for any value."""
    found: list[tuple[xr.Dataset, dict[str, Any]]] = [
        (dataset, dict(point)) for dataset, point in zip(datasets, points, strict=True)
    ]
    for key in swept:
        groups: dict[str, list[tuple[xr.Dataset, dict[str, Any]]]] = {}
        for dataset, point in found:
            condition = dataset.attrs.get("condition", dataset.attrs["file"])
            place = json.dumps([condition, {k: v for k, v in point.items() if k != key}])
            groups.setdefault(place, []).append((dataset, point))
        found = []
        by_condition: dict[str, list[list[tuple[xr.Dataset, dict[str, Any]]]]] = {}
        for place, group in groups.items():
            by_condition.setdefault(json.loads(place)[0], []).append(group)
        once = {
            condition: all(len(group) > 1 and _equal(group, columns) for group in same)
            for condition, same in by_condition.items()
        }
        for condition, same in by_condition.items():
            for group in same:
                # Where nothing depends on it, the parameter is what the sweep is about.
                alone = once[condition] and not all(once.values())
                found += [(group[0][0], {**group[0][1], key: "any"})] if alone else group
    return found


def _equal(group: Sequence[tuple[xr.Dataset, Any]], columns: Sequence[str]) -> bool:
    first = group[0][0]
    return all(
        np.array_equal(first[name].values, dataset[name].values, equal_nan=True)
        for dataset, _ in group[1:]
        for name in columns
    )


def _parameters(datasets: Sequence[xr.Dataset]) -> str:
    """Write all parameters; where results differ in one, all its values."""
    values: dict[str, list[Any]] = {}
    for dataset in datasets:
        for key, value in json.loads(dataset.attrs.get("parameters", "{}")).items():
            if value not in values.setdefault(key, []):
                values[key].append(value)
    units = json.loads(datasets[0].attrs.get("units", "{}"))
    rows = [
        (key, ", ".join(map(str, found)), "" if units.get(key, "1") == "1" else units[key])
        for key, found in values.items()
    ]
    return _folded("Parameters", _table(("name", "value", "unit"), rows))


def _provenance(datasets: Sequence[xr.Dataset]) -> str:
    rows = []
    for key in _PROVENANCE:
        found = dict.fromkeys(str(d.attrs[key]) for d in datasets if d.attrs.get(key))
        if key == "versions":
            found = {", ".join(map(" ".join, json.loads(text).items())): None for text in found}
        if found:
            rows.append((key.replace("_", " "), "; ".join(found)))
    return _table(("what", "value"), rows)


def _figures(folder: Path) -> Iterable[str]:
    """Embed every drawn figure below the folder with its caption."""
    captions = sorted(folder.rglob("figures/*.json"))
    found = [path for path in captions if path.with_suffix(".png").exists()]
    if found:
        yield "<h2>Figures</h2>"
    for path in found:
        try:
            caption = str(json.loads(path.read_text(encoding="utf-8"))["caption"])
        except (ValueError, KeyError, TypeError) as error:
            raise ResultError(f"{path}: not the caption data of a figure ({error})") from error
        content = _picture(path.with_suffix(".png"), folder)
        yield _image(content, caption)


def _image(content: bytes, caption: str) -> str:
    image = base64.b64encode(content).decode()
    width = int.from_bytes(content[16:20]) // 2  # sharp on screens of twice the resolution
    return (
        f'<figure><img width="{width}" alt="{escape(caption)}" '
        f'src="data:image/png;base64,{image}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _picture(path: Path, folder: Path) -> bytes:
    """Read a PNG file of the folder; a link may lead to any file of the reader's."""
    content = b""
    if path.resolve().is_relative_to(folder.resolve()) and not path.is_symlink():
        content = path.read_bytes()
    if not content.startswith(b"\x89PNG\r\n\x1a\n") or content[12:16] != b"IHDR":
        raise ResultError(f"{path}: not a PNG file of this folder")
    return content


def _point(dataset: xr.Dataset) -> Mapping[str, Any]:
    sweep = dataset.attrs.get("sweep")
    return json.loads(sweep)["over"] if sweep else {}


def _cell(text: Any, value: Any = None) -> str:
    """Write a table cell; what it is sorted by may differ from what it shows."""
    number = isinstance(value, int | float | np.number)
    kind = _NUMBER if number else ""
    key = escape(str(text if value is None else value))
    return f'<td{kind} data-value="{key}">{escape(str(text))}</td>'


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(
        f"<tr>{''.join(f'<td>{_breakable(text)}</td>' for text in row)}</tr>\n" for row in rows
    )
    return f'<div class="scroll"><table><tr>{head}</tr>{body}</table></div>'


def _breakable(text: str) -> str:
    """Let long dotted names break where their words meet."""
    return re.sub(r"([._])(?=[a-z])", r"\1<wbr>", escape(text))


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
