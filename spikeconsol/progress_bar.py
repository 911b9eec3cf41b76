"""Progress of calls that take long: a bar in a terminal or a notebook, nothing in a pipe.

`progress` is the one switch for all of them. A call shows how far it is when it has taken a second,
and nested calls show the outermost only.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

__all__ = ["listened", "progress", "shown", "steps_of", "visible"]

T = TypeVar("T")

#: Seconds before a bar appears, and between its changes.
_DELAY, _INTERVAL = 1.0, 0.2

_on = True
_current: _Bar | None = None


def progress(show: bool) -> None:
    """Switch the progress of long calls (store, recall, fit, train, compiling) on or off.

    Parameters
    ----------
    show : bool
        False hides all bars; True, as at the start, shows them in terminals and notebooks.
    """
    global _on
    if not isinstance(show, bool):
        raise TypeError(f"show: got {show!r}; allowed: True or False")
    _on = show


def visible() -> bool:
    """Whether somebody can see a bar: in a terminal or a notebook, and not switched off."""
    return _on and (_in_notebook() or bool(getattr(sys.stderr, "isatty", bool)()))


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    return bool(shell) and type(shell).__name__ == "ZMQInteractiveShell"


class _Bar:
    """What is going on, how much of it is done and how long the rest may take."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.start = time.monotonic()
        self.last = 0.0
        self.shown = False

    def update(self, fraction: float | None) -> None:
        now = time.monotonic()
        if now - self.start < _DELAY or now - self.last < _INTERVAL:
            return
        self.last, self.shown = now, True
        elapsed = now - self.start
        text = f"{self.title}: {_time(elapsed)}"
        if fraction:
            done = int(30 * min(fraction, 1.0))
            left = elapsed / fraction - elapsed
            text = (
                f"{self.title} [{'#' * done}{'.' * (30 - done)}] {fraction:4.0%}, "
                f"{_time(elapsed)}, about {_time(left)} to go"
            )
        print(f"\r{text:<79}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        if self.shown:
            print(f"\r{'':<79}\r", end="", file=sys.stderr, flush=True)


def _time(seconds: float) -> str:
    minutes, seconds = divmod(round(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


@contextlib.contextmanager
def _bar(title: str) -> Iterator[_Bar | None]:
    """Open a bar, unless nobody would see it or another one is open."""
    global _current
    if _current is not None or not visible():
        yield None
        return
    _current = _Bar(title)
    try:
        yield _current
    finally:
        _current.close()
        _current = None


@contextlib.contextmanager
def shown(title: str) -> Iterator[None]:
    """Show how long a call has taken, for one that cannot say how far it is."""
    with _bar(title) as bar:
        if bar is None:
            yield
            return
        over = threading.Event()

        def tick() -> None:
            while not over.wait(_INTERVAL):
                bar.update(None)

        thread = threading.Thread(target=tick, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def steps_of(items: Iterable[T], title: str, total: int) -> Iterator[T]:
    """Go through the steps of a call and show how many are done."""
    with _bar(title) as bar:
        for index, item in enumerate(items):
            yield item
            if bar is not None:
                bar.update((index + 1) / total)


@contextlib.contextmanager
def listened(steps: int, title: str) -> Iterator[int | None]:
    """Show how many time steps a program has done; gives the file descriptor that it tells it.

    None where nobody would see it.
    """
    with _bar(title) as bar:
        if bar is None or sys.platform == "win32":
            yield None
            return
        reader, writer = os.pipe()

        def listen() -> None:
            with os.fdopen(reader) as lines:
                for line in lines:
                    bar.update(int(line) / steps)

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield writer
        finally:
            os.close(writer)
            thread.join()
