"""Versions, compiler, cache, and a tiny run on every target."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from spikeconsol.brian import backend
from spikeconsol.brian.cache import BuildError, cache_folder, compiler_version

__all__ = ["Check", "doctor"]


@dataclass(frozen=True)
class Check:
    """One line of `doctor`'s report."""

    name: str
    ok: bool
    detail: str


def doctor() -> list[Check]:
    """Check versions, compiler and cache, and run a tiny network on each target."""
    checks = [
        Check("python", True, platform.python_version()),
        *(
            Check(name, True, version(name))
            for name in ("spikeconsol", "brian2", "numpy", "scipy", "matplotlib", "xarray")
        ),
    ]
    try:
        checks.append(Check("C++ compiler", True, compiler_version()))
    except BuildError as error:
        checks.append(Check("C++ compiler", False, str(error)))
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        checks.append(Check("cache folder", os.access(folder, os.W_OK), str(folder)))
    except OSError as error:
        checks.append(Check("cache folder", False, str(error)))
    tiny = backend.Program(
        name="doctor",
        builder="spikeconsol.brian.build:tiny",
        structure={"dt": 1e-3},
        inputs=("cells.noise_seed",),
        outputs=("cells.x",),
    )
    expected: NDArray | None = None
    for target in reversed(backend.TARGETS):  # numpy first: the others are held against it
        try:
            started = time.perf_counter()
            x = backend.run(tiny, {"cells.noise_seed": 1}, steps=10, target=target)["cells.x"]
            expected = x if expected is None else expected
            same = bool(np.array_equal(x, expected))
            detail = "same noise to the last bit" if same else "noise differs from numpy's"
            elapsed = time.perf_counter() - started
            checks.append(Check(f"target {target}", same, f"{detail}, {elapsed:.2f} s"))
        except Exception as error:
            checks.append(Check(f"target {target}", False, str(error)))
    return checks
