"""How a process that computes cells on this machine starts."""

from __future__ import annotations

import signal

from spikeconsol.lab.cells import one_thread

__all__ = ["dask_setup"]


def dask_setup(worker: object = None) -> None:
    """Leave Ctrl-C to the parent, and hold numerical libraries to one thread before they load.

    Dask calls it by this name.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    one_thread()
