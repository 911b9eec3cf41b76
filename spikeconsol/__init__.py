"""Spiking and rate networks of local plasticity."""

from importlib.metadata import version
from typing import Any

__all__ = ["open_results"]
__version__ = version("spikeconsol")


def __getattr__(name: str) -> Any:
    """Import what is heavy only when it is asked for."""
    if name == "open_results":
        from spikeconsol.lab.collect import open_results

        return open_results
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
