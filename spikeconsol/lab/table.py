"""The table of an experiment: one row a condition, mean and 95% confidence interval over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table
from rich.text import Text

from spikeconsol.statistics import mean_and_interval
from spikeconsol.values import printable

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["heading", "plain", "rows", "shown", "table", "with_interval"]


def table(title: str, datasets: Sequence[xr.Dataset], columns: Sequence[str]) -> Table:
    """Build the printed table.

    Parameters
    ----------
    title : str
    datasets : sequence of xarray.Dataset
        One result of each condition, as the laboratory saved it.
    columns : sequence of str
        Variables of dims ``("seed",)`` to show.
    """
    built = Table(title=plain(title), title_justify="left", title_style="bold")
    levels = any(dataset.attrs.get("level") for dataset in datasets)
    if levels:
        built.add_column("level")
    built.add_column("condition")
    for name in columns:
        built.add_column(plain(heading(datasets[0][name])), justify="right")
    built.add_column("n", justify="right")
    previous = None
    for level, label, *cells in rows(datasets, columns):
        if previous not in (None, level):
            built.add_section()
        previous = level
        built.add_row(*map(plain, [*([level] if levels else []), label, *cells]))
    return built


def plain(text: Any) -> Text:
    """Text as it is: nothing in it is markup, or obeyed by a terminal."""
    return Text(printable(str(text)))


def rows(datasets: Sequence[xr.Dataset], columns: Sequence[str]) -> list[list[str]]:
    """Return the table's rows as text: level, condition, the columns, n."""
    return [
        [
            str(dataset.attrs.get("level", "")),
            str(dataset.attrs.get("label", "")),
            *(shown(dataset[name]) for name in columns),
            str(dataset.sizes["seed"]),
        ]
        for dataset in datasets
    ]


def heading(variable: xr.DataArray) -> str:
    """Name a column by its ``long_name`` and ``units``."""
    name = str(variable.attrs.get("long_name", str(variable.name).replace("_", " ")))
    units = str(variable.attrs.get("units", ""))
    return name if units in ("", "1") or units in name else f"{name} ({units})"


def with_interval(values: Sequence[float] | np.ndarray) -> str:
    """Write a mean with its 95% confidence interval, rounded to two digits of the interval.

    Examples
    --------
    >>> with_interval([155.0, 156.0, 157.0])
    '156.0 ± 2.5'
    """
    mean, half = (float(part) for part in mean_and_interval(np.asarray(values, float)))
    if math.isnan(mean):
        return "–"
    if not math.isfinite(half) or half <= 1e-9 * abs(mean):
        return f"{mean:.4g}"
    decimals = max(0, 1 - math.floor(math.log10(half)))
    return f"{mean:.{decimals}f} ± {half:.{decimals}f}"


def shown(variable: xr.DataArray) -> str:
    """Write a column of a result: mean, interval and, where there is one, the total."""
    text = with_interval(variable.values)
    total = variable.attrs.get("of")
    return text if total is None else f"{text} of {total}"
