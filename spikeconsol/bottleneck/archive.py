"""Settings and arrays in one NumPy archive, without pickle."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeconsol.parameters import ParameterError

__all__ = ["plain", "read", "write"]


def write(path: Path, about: dict[str, Any], arrays: dict[str, NDArray]) -> None:
    """Write what `read` reads, so that a break at any moment leaves a whole file."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        np.savez(file, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]
    os.replace(partial, path)


def read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Read settings and arrays.

    Raises
    ------
    ParameterError
        If the file is not such an archive.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = dict(archive)
        return json.loads(str(arrays.pop("about"))), arrays
    except FileNotFoundError:
        raise
    except Exception:
        raise ParameterError(f"checkpoint: got {path}; allowed: a file written by save") from None


def plain(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings of an estimator as they come back from JSON."""
    values = dict(settings)
    if values.get("reservoir") is not None:
        values["reservoir"] = values["reservoir"].flat()
    if isinstance(values["random_state"], np.random.RandomState):
        values["random_state"] = None  # the generator drawn from it is stored instead
    return json.loads(json.dumps(values, default=lambda value: value.item()))
