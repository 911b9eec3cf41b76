"""How a process that computes cells on this machine starts."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time

from spikeconsol.lab.cells import one_thread

__all__ = ["dask_setup", "end_with_parent"]


def dask_setup(worker: object = None) -> None:
    """Leave Ctrl-C to the parent, end with it, and hold numerical libraries to one thread.

    Dask calls it by this name.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    one_thread()


def end_with_parent() -> None:
    """End this process when the one that started it is gone, however that came about."""
    started_by, parent = multiprocessing.parent_process(), os.getppid()
    if sys.platform == "linux":
        # From <sys/prctl.h>: the signal at the death of the thread that started this process.
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)

    def watch() -> None:
        if started_by is not None:
            started_by.join()  # returns also if it was gone before this process came so far
        else:
            while os.getppid() == parent:
                time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
