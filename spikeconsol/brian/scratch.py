"""Temporary folders for the arrays of one run, in memory where there is room."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on Windows, which has no folder in memory either
    fcntl = None  # type: ignore[assignment]

__all__ = ["Scratch", "room", "scratch"]

MEMORY = Path("/dev/shm")
_LOCK = "lock"
_DAY = 86_400


@dataclass(frozen=True)
class Scratch:
    """Where a run's arrays go.

    Parameters
    ----------
    folder : pathlib.Path
        Made for the run.
    spill : pathlib.Path or None
        Made by the program where the first one, in memory, gets full; None where the first is on
        disk.
    """

    folder: Path
    spill: Path | None


@contextlib.contextmanager
def scratch(size: int) -> Iterator[Scratch]:
    """Make a folder for one run's arrays and remove it afterwards.

    Parameters
    ----------
    size : int
        Bytes of the arrays whose size is known beforehand; spikes come on top.
    """
    parent, spill = Path(tempfile.gettempdir()), None
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 * size:
        _remove_orphans(MEMORY)
        parent, spill = MEMORY, parent
    folder = Path(tempfile.mkdtemp(prefix="spikeconsol-", dir=parent))
    places = Scratch(folder, spill / folder.name if spill else None)
    lock = _hold(folder / _LOCK)
    try:
        yield places
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if places.spill is not None:
            shutil.rmtree(places.spill, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _hold(path: Path) -> int | None:
    """Hold a lock for as long as this process lives; process numbers mean nothing elsewhere."""
    if fcntl is None:
        return None
    with contextlib.suppress(OSError):
        lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        return lock
    return None


@cache
def _remove_orphans(parent: Path) -> None:
    """Remove what killed processes of this user have left behind."""
    if fcntl is None:
        return
    for folder in parent.glob("spikeconsol-*"):
        with contextlib.suppress(OSError):
            found = folder.lstat()
            if found.st_uid != os.geteuid():
                continue
            try:
                lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
            except FileNotFoundError:
                # Just being made, or of a version that held no locks.
                if time.time() - found.st_mtime > _DAY:
                    shutil.rmtree(folder, ignore_errors=True)
                continue
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while its run lives
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def room(folder: Path) -> str:
    """Say how much room a folder has."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return "unknown room"
    return f"{usage.free / 1e6:.1f} of {usage.total / 1e6:.1f} MB free"
