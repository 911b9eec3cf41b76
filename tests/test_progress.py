"""Progress of long calls: seen in a terminal, silent in a pipe, one switch for all."""

import io
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import spikeconsol
from spikeconsol import progress_bar
from spikeconsol.bottleneck import BottleneckClassifier
from spikeconsol.brian.backend import Program, run
from spikeconsol.consolidation import HopfieldNetwork
from spikeconsol.consolidation.rules import Leaky
from spikeconsol.metaplasticity import evaluate, train
from spikeconsol.metaplasticity.tasks import OneShot


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """A terminal in place of stderr, where every call is long enough to be shown."""
    monkeypatch.setattr(progress_bar, "_DELAY", 0.0)
    monkeypatch.setattr(progress_bar, "_INTERVAL", 0.0)
    # In place of the whole module: pytest sets its stderr anew before each test.
    fake = SimpleNamespace(stderr=Terminal(), modules={}, platform=sys.platform)
    monkeypatch.setattr(progress_bar, "sys", fake)
    yield fake.stderr
    spikeconsol.progress(True)


def store():
    HopfieldNetwork(20, rule=Leaky(), seed=1).store(np.eye(20, dtype=bool))


def test_a_long_call_shows_how_far_it_is_and_the_time_to_go(terminal):
    store()
    shown = terminal.getvalue()
    assert "store [" in shown
    assert " 50%," in shown
    assert "to go" in shown
    assert shown.endswith("\r")  # nothing is left of it


def recall():
    network = HopfieldNetwork(20, rule=Leaky(), seed=1)
    network.store(np.eye(20, dtype=bool)[:2])
    network.recall(np.eye(20, dtype=bool)[5:7])  # far from any fixed point


def recall_of_several():
    network = HopfieldNetwork(20, rule=Leaky(), seed=(1, 2))
    network.store(np.stack([np.eye(20, dtype=bool)[:2]] * 2))
    network.recall(np.stack([np.eye(20, dtype=bool)[:2]] * 2))


def learn():
    return train(OneShot(steps=4), seeds=[0], episodes=4, frozen=2)


def fit():
    BottleneckClassifier((3,), epochs=3, backend="numpy").fit(np.eye(4), [0, 1, 0, 1])


LONG = {
    "fit [": fit,
    "store [": store,
    "recall [": recall,
    "recall [#": recall_of_several,
    "training [": learn,
    "testing [": lambda: evaluate(learn(), episodes=2),
}


@pytest.mark.parametrize("title", LONG)
def test_long_calls_show_themselves_unless_the_one_switch_is_off(terminal, title):
    LONG[title]()
    assert title in terminal.getvalue()
    terminal.truncate(0)
    spikeconsol.progress(False)
    LONG[title]()
    assert "[" not in terminal.getvalue()


def test_one_switch_hides_all(terminal):
    spikeconsol.progress(False)
    store()
    with progress_bar.shown("compiling"):
        pass
    assert terminal.getvalue() == ""


def test_notebooks_show_bars_and_other_shells_without_a_terminal_do_not(terminal, monkeypatch):
    monkeypatch.setattr(terminal, "isatty", lambda: False, raising=False)

    class ZMQInteractiveShell:
        """Named as that of a notebook's kernel."""

    class SomeShell:
        """Named as no notebook's."""

    for shell, seen in ((None, False), (SomeShell(), False), (ZMQInteractiveShell(), True)):
        python = SimpleNamespace(get_ipython=lambda shell=shell: shell)
        monkeypatch.setattr(progress_bar.sys, "modules", {"IPython": python})
        store()
        assert ("store [" in terminal.getvalue()) == seen


def test_compiling_shows_how_long_it_has_taken(terminal, monkeypatch):
    shown_after = []
    with progress_bar.shown("compiling this"):
        while "compiling this: 0:00" not in terminal.getvalue():
            shown_after.append(1)
            time.sleep(0.01)
            assert len(shown_after) < 3000
    assert terminal.getvalue().endswith("\r")


def test_nothing_is_shown_in_a_pipe_or_of_a_short_call(capsys, monkeypatch):
    monkeypatch.setattr(progress_bar, "_DELAY", 0.0)
    store()
    assert capsys.readouterr().err == ""
    monkeypatch.undo()
    monkeypatch.setattr(sys, "stderr", Terminal())
    store()
    assert sys.stderr.getvalue() == ""


def test_of_nested_calls_the_outermost_is_shown(terminal):
    for _ in progress_bar.steps_of(range(3), "outer", 3):
        list(progress_bar.steps_of(range(3), "inner", 3))
    shown = terminal.getvalue()
    assert "outer" in shown
    assert "inner" not in shown


def test_compiled_programs_tell_how_far_they_are(terminal):
    counting = Program(
        name="counting",
        builder=f"{Path(__file__).parent / 'brian' / 'counting.py'}:build",
        structure={"dt": 1e-4, "n": 10},
        inputs=("cells.gain", "cells.noise_seed", "cells.stream", "cells.y", "table"),
        # All that tests/brian asks for, so that the two share a program.
        outputs=tuple(
            f"cells.{name}" for name in ("y", "steps", "shown", "normal_draw", "uniform_draw")
        ),
    )
    run(counting, {}, steps=20_000, target="standalone")
    shown = terminal.getvalue()
    assert "running counting [" in shown
    assert "to go" in shown


def test_a_bar_says_minutes_and_hours():
    assert [progress_bar._time(s) for s in (0, 59.6, 3599, 3600)] == [
        *("0:00", "1:00", "59:59", "1:00:00"),
    ]
