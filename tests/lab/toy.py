"""A user's own model file: a noisy line whose slope is measured, and a control."""

import os
import signal
import time
from dataclasses import dataclass

import numpy as np
import xarray as xr

from spikeconsol.lab import Condition, Experiment, Figure
from spikeconsol.parameters import Parameters, parameter


@dataclass(frozen=True)
class Line(Parameters):
    points: int = parameter(50, at_least=2, doc="points of the line")
    noise: float = parameter(0.1, at_least=0, doc="standard deviation of the noise")
    duration: float = parameter("10 ms", unit="second", above=0, doc="length of the line")


def conditions(parameters):
    return (
        Condition("steep", level="rate", label="steep line", setup=2.0),
        Condition("flat", level="rate", label="flat line", setup=0.0),
        Condition("steep", level="spiking", label="steep line", setup=2.0),
    )


def run(parameters, condition, seeds):
    if log := os.environ.get("TOY_LOG"):
        with open(log, "a") as file:
            place = "" if parameters == Line() else f"{parameters.points} {parameters.noise} "
            file.write(f"{place}{condition.stem} {' '.join(map(str, seeds))}\n")
    time.sleep(float(os.environ.get("TOY_SLEEP", "0")))
    if os.environ.get("TOY_STOP_AT") in (f"{condition.stem} {seed}" for seed in seeds):
        os.kill(os.getpid(), getattr(signal, os.environ["TOY_SIGNAL"]))
    if condition.stem == os.environ.get("TOY_FAIL"):
        raise RuntimeError("the line broke")
    x = np.linspace(0, 1, parameters.points)
    noise = [np.random.default_rng(seed).normal(size=x.size) for seed in seeds]
    y = condition.setup * x + parameters.noise * np.array(noise)
    slope = np.polyfit(x, y.T, 1)[0]
    return xr.Dataset(
        {
            "slope": ("seed", slope, {"long_name": "slope", "units": "1", "of": 2}),
            "y": (("seed", "point"), y, {"units": "1"}),
            "positive": (("seed", "point"), y > 0),
            "word": ("side", ["left", "right"]),
            "example": ("time", y[0] * parameters.duration, {"units": "second"}),
        },
        coords={"seed": list(seeds), "point": x},
    )


def draw(results):
    from spikeconsol.figures import style

    fig, ax = style.figure(style.ONE_COLUMN, 2.2)
    for stem, dataset in results["toy/lines"].items():
        style.band(ax, dataset.point, dataset.y, label=stem)
    style.panel_label(ax, "a")
    style.state_n(ax, dataset.sizes["seed"])
    ax.legend()
    return fig


EXPERIMENTS = (
    Experiment(
        name="toy/lines",
        summary="slope of a noisy line",
        parameters=Line,
        conditions=conditions,
        run=run,
        columns=("slope",),
        seeds=(100, 3),
        presets={"demo": {"points": 20, "seeds": 2}},
        figures=("toy-lines",),
    ),
    Experiment(
        name="toy/batch",
        summary="the same, all seeds at once",
        parameters=Line,
        conditions=conditions,
        run=run,
        columns=("slope",),
        batched=True,
        seeds=(100, 3),
        presets={"demo": {"points": 20, "seeds": 2}},
    ),
)
FIGURES = (Figure("toy-lines", ("toy/lines",), "Lines with noise; n = {n} seeds.", draw),)
