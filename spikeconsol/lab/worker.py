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

__all__ = ["dask_setup", "end_with_parent", "outlive_terminal"]


def dask_setup(worker: object = None) -> None:
    """Leave Ctrl-C to the parent, end with it, and hold numerical libraries to one thread.

    Dask calls it by this name.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    one_thread()


def outlive_terminal() -> None:
    """Let Python's tracker of shared resources outlive a closed terminal, which ends the rest.

    It ignores Ctrl-C and SIGTERM by itself; what it is asked to forget after its own end, it
    reports as tracebacks.
    """
    if os.name != "posix" or threading.current_thread() is not threading.main_thread():
        return
    from multiprocessing import resource_tracker

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # which a new process inherits
    try:
        resource_tracker.ensure_running()
    finally:
        signal.signal(signal.SIGHUP, before)


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
