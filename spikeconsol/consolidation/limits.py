"""What a spiking memory refuses or warns of, with the setting that would mend it."""

from __future__ import annotations

import math
import warnings

import numpy as np
from numpy.typing import NDArray

from spikeconsol import checks
from spikeconsol.consolidation.cells import CellModel
from spikeconsol.consolidation.parameters import SpikingParameters
from spikeconsol.consolidation.rules import Rule
from spikeconsol.parameters import ParameterError

__all__ = ["expected_spikes"]

#: Heard spikes without which an active cell leaves no weights; twice `Evidence.evidence` suffice.
LEAST_HEARD = 3.0


def agreed_coding_level(rule: Rule, parameters: SpikingParameters) -> float:
    """Return the coding level that rule or parameters say, refused where they disagree."""
    of_rule, ours = getattr(rule, "coding_level", None), parameters.coding_level
    if of_rule is not None and ours is not None and of_rule != ours:
        raise ParameterError(
            f"coding_level: got {ours:g} in the parameters and {of_rule:g} in the rule; "
            "allowed: one of the two, or the same in both"
        )
    return next(level for level in (ours, of_rule, 0.05) if level is not None)


def expected_spikes(
    cells: CellModel, parameters: SpikingParameters, duration: float
) -> float | None:
    """Spikes of an active cell that are heard while its pattern is shown.

    Parameters
    ----------
    cells : CellModel
    parameters : SpikingParameters
    duration : float
        Time for which the pattern is shown [s].

    Returns
    -------
    float or None
        Each spike counts with its transmission h. None for cells whose intervals have no formula.
    """
    checks.instance("cells", cells, CellModel)
    checks.instance("parameters", parameters, SpikingParameters)
    duration = checks.number("duration", duration, at_least=0)
    ours = parameters.cells
    rate = ours.input_rate
    interval = 1 / rate if rate else cells.interval(ours.input_current)
    if interval is None:
        return None
    heard, facilitation = 0.0, 0.0
    if not math.isfinite(interval):
        return heard
    # The first spike comes without a refractory period before it.
    lead = 0.0 if rate else getattr(cells, "refractory_time", 0.0)
    for _ in range(math.floor((duration - ours.delay + lead) / interval)):
        above = facilitation - ours.facilitation_threshold
        heard += min(1.0, max(0.0, above / ours.facilitation_range))
        facilitation += ours.facilitation_jump * (1 - facilitation)
        facilitation *= math.exp(-interval / ours.facilitation_time)
    return heard


def refuse_unheard(cells: CellModel, parameters: SpikingParameters, duration: float) -> None:
    """Refuse a presentation in which active cells are not heard often enough to be stored.

    Raises
    ------
    ValueError
        If an active cell is expected to be heard fewer than `LEAST_HEARD` times.
    """
    expected = expected_spikes(cells, parameters, duration)
    if expected is not None and expected < LEAST_HEARD:
        ours = parameters.cells
        drive = (
            f"cells.input_rate {ours.input_rate:g} Hz"
            if ours.input_rate
            else f"cells.input_current {ours.input_current:g}"
        )
        raise ValueError(
            f"patterns: {drive} for {duration:g} second makes an active cell heard {expected:.2g} "
            f"times; allowed: {LEAST_HEARD:g} or more, by more drive or a longer phases.present"
        )


def warn_of_cycles(cycles: NDArray[np.float64], parameters: SpikingParameters) -> None:
    """Warn where recall died out, or went on too slowly for cells to hear each other.

    Parameters
    ----------
    cycles : ndarray of float, shape (recalls,)
        Volleys of inhibition in the read-out of each recall.
    parameters : SpikingParameters
    """
    phases, burst_rate = parameters.phases, parameters.cells.burst_rate
    going = cycles >= phases.volleys
    if not going.all():
        warnings.warn(
            f"recall: inhibition fell silent in {np.sum(~going)} of {len(cycles)} recalls, in "
            "which nothing counts as recalled; more cells.recurrent_gain, cells.tonic_current "
            "or better cues would keep it going",
            stacklevel=3,
        )
    rate = np.median(cycles[going]) / phases.read_out if going.any() else burst_rate
    if rate < burst_rate:
        warnings.warn(
            f"recall: {rate:.3g} cycles a second, fewer than the {burst_rate:.3g} Hz above "
            "which cells hear each other; a lower cells.burst_rate, shorter refractory and "
            "membrane times or more cells.recurrent_gain would mend it",
            stacklevel=3,
        )
