"""What a liquid is trained on: random spikes of a layer, forced on it in a program of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeconsol.bottleneck.parameters import SpikingLayer
from spikeconsol.brian import backend

__all__ = ["rehearse"]


def rehearse(
    liquid: str,
    builder: str,
    values: Mapping[str, Any],
    structure: Mapping[str, Any],
    heard: tuple[str, int],
    layer: SpikingLayer,
    target: str | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Force spikes of a layer on a liquid.

    Parameters
    ----------
    liquid : str
        Its kind, after which the program is named.
    builder : str
        Function of `spikeconsol.bottleneck.equations` that builds the program.
    values : mapping
        Inputs of the program; ``expected_spikes``, shape (samples, units), are those of the layer.
    structure : mapping
        What the builder must know besides time, samples and units.
    heard : (str, int)
        Output that says what the liquid does, and its number of cells.
    layer : SpikingLayer
    target : str, optional
        Where Brian2 runs.

    Returns
    -------
    counts : ndarray, shape (samples, units)
        Spikes of the layer in each sample.
    heard : ndarray, shape (samples, cells)
    """
    samples, units = values["expected_spikes"].shape
    name, cells = heard
    program = backend.Program(
        name=f"{liquid}-rehearsal",
        builder=f"spikeconsol.bottleneck.equations:{builder}",
        structure={
            "dt": layer.exact_step,
            "sample_time": layer.sample_steps * layer.exact_step,
            "samples": samples,
            "units": units,
            **structure,
        },
        inputs=tuple(values),
        outputs=("rehearsed_samples.count", name),
    )
    # One step more than the samples; the first record is from before anything was shown.
    result = backend.run(program, values, steps=samples * layer.sample_steps + 1, target=target)
    counts = result["rehearsed_samples.count"].reshape(-1, units)[1:]
    return counts, result[name].reshape(-1, cells)[1:]
