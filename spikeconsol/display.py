"""How objects show themselves: a line in a terminal, a small table in a notebook."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING, Any

from spikeconsol.parameters import Declared
from spikeconsol.values import shown

if TYPE_CHECKING:
    from spikeconsol.brian.recording import Recording

__all__ = ["Shown", "settings"]


class Shown:
    """Gives a class its ``repr`` and its form in a notebook, from a few facts."""

    def facts(self) -> dict[str, str]:
        """What it is and how large, by short names."""
        raise NotImplementedError

    def _picture(self) -> str:
        """HTML of a small picture, where there is one."""
        return ""

    def __repr__(self) -> str:
        facts = ", ".join(f"{name}: {value}" for name, value in self.facts().items())
        return f"<{type(self).__name__} {facts}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
            for name, value in self.facts().items()
        )
        title = f"<caption><b>{type(self).__name__}</b></caption>"
        return f"<div><table>{title}{rows}</table>{self._picture()}</div>"


def settings(value: Any) -> str:
    """Name of an object's class and its constants, on one line."""
    if not isinstance(value, Declared):
        return shown(value)
    constants = ", ".join(
        f"{name}={inner:g}" if isinstance(inner, float) else f"{name}={inner}"
        for name, inner in value.flat().items()
    )
    return f"{type(value).__name__}({constants})"


def picture(recording: Recording) -> str:
    """HTML of a small raster, drawn into memory; "" where there is no spike."""
    if not len(recording.times):
        return ""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from spikeconsol import plot

    figure = Figure(figsize=(5, 1.8), layout="constrained")
    plot.raster(recording, ax=figure.add_subplot())
    file = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(file, dpi=100, format="png")
    data = base64.b64encode(file.getvalue()).decode()
    return f"<img alt='raster of spikes' src='data:image/png;base64,{data}'/>"
