"""Settings and arrays of a classifier in one sealed file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeconsol import sealed
from spikeconsol.plain import described

__all__ = ["read", "write"]

KIND = "classifier"


def write(path: Path, about: dict[str, Any], arrays: dict[str, NDArray]) -> None:
    """Write what `read` reads, so that a break at any moment leaves a whole file."""
    sealed.save_object(path, KIND, about, arrays)


def read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Read settings and arrays, also from a NumPy archive of an earlier version.

    Raises
    ------
    ResultError
        If the file is missing, damaged, or holds something else.
    """
    if not sealed.is_zip(path):
        return sealed.load_object(path, KIND)
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = dict(archive)
        about = json.loads(str(arrays.pop("about")))
        return about if "streams" in about else _with_objects(about), arrays
    except Exception as error:
        raise sealed.ResultError(f"{path}: not a file of save ({sealed.one_line(error)})") from None


def _with_objects(about: dict[str, Any]) -> dict[str, Any]:
    """Read what was saved when every constant was a setting of the rate classifier."""
    from spikeconsol.bottleneck import memory, parameters, signals
    from spikeconsol.bottleneck.hsic import Objective

    old = about["parameters"]
    kept = memory.SHORT_FORMS[old["memory"]]
    if old["memory"] == "window":
        kept = kept.replace(length=old["window"])
    elif old["memory"] in ("reservoir", "silenced"):
        constants = old["reservoir"] or {}
        gains = {key: tuple(constants[key]) for key in constants if key == "input_gains"}
        kept = kept.replace(**constants | gains, window=old["window"])
    else:
        kept = kept.replace(rate=old["memory_rate"])
    optimiser = {"adam": parameters.Adam, "sgd": parameters.Descent}[old["optimizer"]]
    rates = ("learning_rate", "readout_learning_rate", "final_rate", "update_every")
    objects = {
        "objective": Objective(
            old["gamma"], tuple(old["widths"]), old["input_weight"], old["code_weight"]
        ),
        "memory": kept,
        "signal": signals.SHORT_FORMS[old["signal"]].replace(surprise_gate=old["surprise_gate"]),
        "optimiser": optimiser(**{name: old[name] for name in rates}),
        "layer": parameters.RateLayer(old["activation"], old["neuron"]),
    }
    same = {name: old[name] for name in ("hidden", "epochs", "backend", "random_state")}
    return about | {
        "parameters": same | {name: described(value) for name, value in objects.items()},
        "streams": {"_order_rng": about["order_rng"], "_memory_rng": about["memory_rng"]},
    }
