"""Spiking and rate networks of local plasticity."""

from typing import Any

__all__ = ["open_results", "progress"]


def __getattr__(name: str) -> Any:
    """Import what is heavy only when it is asked for."""
    if name == "open_results":
        from spikeconsol.lab.collect import open_results

        return open_results
    if name == "progress":
        from spikeconsol.progress_bar import progress

        return progress
    if name == "__version__":
        from importlib.metadata import version

        return version("spikeconsol")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
