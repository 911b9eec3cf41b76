"""Progress of long calls: seen in a terminal, silent in a pipe, one switch for all."""

import sys

import numpy as np
import pytest

import spikeconsol
from spikeconsol import progress_bar
from spikeconsol.consolidation import HopfieldNetwork
from spikeconsol.consolidation.rules import Leaky


@pytest.fixture
def terminal(monkeypatch):
    """Let stderr be a terminal, and every call long enough to be shown."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(progress_bar, "_DELAY", 0.0)
    monkeypatch.setattr(progress_bar, "_INTERVAL", 0.0)
    yield
    spikeconsol.progress(True)


def store():
    HopfieldNetwork(20, rule=Leaky(), seed=1).store(np.eye(20, dtype=bool))


@pytest.mark.usefixtures("terminal")
def test_a_long_call_shows_how_far_it_is_and_the_time_to_go(capsys):
    store()
    shown = capsys.readouterr().err
    assert "store [" in shown
    assert " 50%," in shown
    assert "to go" in shown
    assert shown.endswith("\r")  # nothing is left of it


@pytest.mark.usefixtures("terminal")
def test_one_switch_hides_all(capsys):
    spikeconsol.progress(False)
    store()
    with progress_bar.shown("compiling"):
        pass
    assert capsys.readouterr().err == ""


def test_nothing_is_shown_in_a_pipe_or_of_a_short_call(capsys, monkeypatch):
    monkeypatch.setattr(progress_bar, "_DELAY", 0.0)
    store()
    assert capsys.readouterr().err == ""
    monkeypatch.undo()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    store()
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("terminal")
def test_of_nested_calls_the_outermost_is_shown(capsys):
    for _ in progress_bar.steps_of(range(3), "outer", 3):
        list(progress_bar.steps_of(range(3), "inner", 3))
    shown = capsys.readouterr().err
    assert "outer" in shown
    assert "inner" not in shown


@pytest.mark.usefixtures("terminal")
def test_compiled_programs_tell_how_far_they_are(capsys):
    from tests.brian.test_backend import COUNTING, run

    run(COUNTING, {}, steps=20_000, target="standalone")
    shown = capsys.readouterr().err
    assert "running counting [" in shown
    assert "to go" in shown


def test_a_bar_says_minutes_and_hours():
    assert [progress_bar._time(s) for s in (0, 59.6, 3599, 3600)] == [
        *("0:00", "1:00", "59:59", "1:00:00"),
    ]
