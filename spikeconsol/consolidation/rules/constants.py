"""Constants that rules of several families have, each told once."""

from __future__ import annotations

from typing import Any

from spikeconsol.parameters import parameter

__all__ = ["protection_parameter", "residual_parameter", "trace_decay_parameter"]


def protection_parameter(default: float) -> Any:
    """Declare the time for which a synapse is protected."""
    return parameter(
        default, above=0, doc="T, patterns for which a potentiated synapse is protected"
    )


def trace_decay_parameter(default: float) -> Any:
    """Declare how far a trace has decayed by the end of that time."""
    return parameter(
        default, above=0, doc="a T, decay of the trace over the protection time in e-folds"
    )


def residual_parameter(default: float) -> Any:
    """Declare what a closed gate leaves of plasticity."""
    return parameter(
        default, at_least=0, at_most=1, doc="eps, plasticity that a protected synapse keeps"
    )
