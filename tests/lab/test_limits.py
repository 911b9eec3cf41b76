"""Ends and limits: signals, lost parents, absurd numbers; what is said, and how soon."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spikeconsol.lab import runner
from spikeconsol.lab.actions import ending_as_interrupted
from spikeconsol.lab.runner import on_dask

PROGRAM = [sys.executable, "-c", "from spikeconsol.lab.cli import main; main()"]
PATIENCE = 120


def wait_for(what):
    start = time.monotonic()
    while not (found := what()):
        assert time.monotonic() - start < PATIENCE
        time.sleep(0.02)
    return found


def children(pid):
    """Processes that a process has started, and theirs."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if fields[1] == str(pid) and fields[0] != "Z":
            child = int(path.parent.name)
            found += [child, *children(child)]
    return found


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_signals_of_batch_systems_and_terminals_interrupt_and_are_put_back(name):
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with pytest.raises(KeyboardInterrupt, match=name), ending_as_interrupted():
            signal.raise_signal(number)
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("name", ["SIGTERM", pytest.param("SIGHUP", marks=pytest.mark.slow)])
def test_batch_systems_and_closed_terminals_end_a_run_as_ctrl_c_does(process, toy, name):
    if signal.getsignal(getattr(signal, name)) is signal.SIG_IGN:
        pytest.skip("started under nohup, which a run respects")
    ran = process(
        *("run", f"{toy}/batch", "--out", "out"),
        TOY_STOP_AT="spiking-steep 101",
        TOY_SIGNAL=name,
    )
    assert ran.returncode == 130
    assert "interrupted: 2 of 3 cells are finished and kept" in ran.stdout
    assert "--resume" in ran.stdout
    assert ran.stderr == ""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
def test_a_worker_whose_parent_was_gone_before_it_began_ends(tmp_path):
    (tmp_path / "late.py").write_text(
        "import multiprocessing, os, sys, time\n"
        "def begin(late):\n"
        "    os.write(late, str(os.getpid()).encode())\n"
        "    while os.getppid() == multiprocessing.parent_process().pid: time.sleep(0.01)\n"
        "    from spikeconsol.lab.worker import end_with_parent\n"
        "    end_with_parent()\n"
        "    time.sleep(600)\n"
    )
    code = (
        "import multiprocessing, os, signal, sys\n"
        "from late import begin\n"
        "context = multiprocessing.get_context('fork')\n"
        "context.Process(target=begin, args=(1,)).start()\n"
        "signal.pause()\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=False
    )
    (pid,) = wait_for(lambda: children(running.pid))
    assert running.stdout.read(len(str(pid))) == str(pid).encode()
    running.send_signal(signal.SIGKILL)
    running.wait()
    wait_for(lambda: not alive(pid))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
@pytest.mark.parametrize("command", ["run", "sweep"])
def test_no_worker_outlives_a_killed_parent(toy, tmp_path, command, request):
    words = ["run", f"{toy}/lines", "--jobs", "2"]
    if command == "run":
        request.getfixturevalue("no_dask_in_processes")
    else:
        pytest.importorskip("distributed")
        words = ["sweep", f"{toy}/lines", "--over", "points=10,20", "--workers", "2"]
    log = tmp_path / "log.txt"
    running = subprocess.Popen(
        [*PROGRAM, *words, "--out", "out"],
        cwd=tmp_path,
        env=os.environ | {"TOY_LOG": str(log), "TOY_SLEEP": "60"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(log.exists)
    started = children(running.pid)
    assert len(started) >= 2
    running.send_signal(signal.SIGKILL)
    running.wait()
    wait_for(lambda: not any(map(alive, started)))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--over", "noise=0:1", "--design", "random", "--samples", 10**9], "samples: got 10000"),
        (["--over", "points=2:3:1", "--seeds", 10**12], "seeds: got 1000000000000; allowed: at"),
        (["--over", "points=2:3:1", "--seed", 10**30], "seed: got 10000000000000"),
        (["--over", "points=1E+1000000:2E+1000000:1"], "over: points: got '1E+1000000:2E+1000"),
        (["--over", "points=1:2:1E-1000000"], "over: points: got '1:2:1E-1000000'"),
        (["--over", f"points={'9' * 5000}"], "allowed: a whole number"),
        (["--over", "points=2:90000:1", "--over", "noise=1:9:1"], "over: got 809991 points"),
        (["--over", "points=2", "--set", f"noise={'1' * 400}"], "noise"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_absurd_numbers_are_one_short_line_at_once(cli, toy, words, message, more):
    ran = cli("sweep", f"{toy}/batch", *words, "--out", "out", *more)
    assert ran.returncode == 2
    assert message in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert len(ran.stderr) < 400


def test_a_dry_run_of_a_large_sweep_shows_its_size_and_first_cells(cli, toy, monkeypatch):
    from spikeconsol.lab import sweep

    made = []
    real = sweep.cells_of
    monkeypatch.setattr(sweep, "cells_of", lambda *a, **k: made.append(1) or real(*a, **k))
    ran = cli("sweep", f"{toy}/batch", "--over", "points=2:90000:1", "--dry-run")
    assert ran.returncode == 0
    assert "points=2/rate-steep.nc" in ran.stdout
    assert "... these are the first 10 of 89999 points" in ran.stdout
    assert len(made) == 10


def test_workers_that_do_not_start_are_one_line(cli, toy, monkeypatch):
    distributed = pytest.importorskip("distributed")

    def fail(*_, **__):
        raise RuntimeError("Nanny failed\nto start worker process")

    monkeypatch.setattr(distributed, "LocalCluster", fail)
    ran = cli("sweep", f"{toy}/batch", "--over", "points=5,6", "--out", "out")
    assert ran.returncode == 2
    assert ran.stderr == (
        "error: workers: 1 could not be started (Nanny failed to start worker process)\n"
    )
    assert on_dask(2)


@pytest.mark.slow
def test_a_worker_that_dies_at_its_start_is_one_line(cli, toy, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(runner.worker, "__name__", "no_such_module")
    ran = cli("sweep", f"{toy}/batch", "--over", "points=5,6", "--out", "out")
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: workers: 1 could not be started (")
    assert ran.stderr.count("\n") == 1
