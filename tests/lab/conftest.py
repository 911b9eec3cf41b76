"""The toy experiment, run from the command line as a user would."""

import functools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from spikeconsol.lab import cli as command_line
from spikeconsol.lab.runner import in_this_process

PROGRAM = [sys.executable, "-c", "from spikeconsol.lab.cli import main; main()"]
#: The same, with cells of sweeps computed in that process, where Dask is not what is tested.
WITHOUT_DASK = [
    *PROGRAM[:2],
    "from spikeconsol.lab import runner; runner.on_dask = lambda *_: runner.in_this_process; "
    + PROGRAM[2],
]


@functools.cache
def command():
    """The command line as Typer makes it, once for all calls: most of the time of a short one."""
    return typer.main.get_command(command_line.app)


@pytest.fixture
def toy():
    """Path of a user's own model file."""
    return Path(__file__).with_name("toy.py")


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys):
    """Run the command line in an empty folder: ``cli("run", toy, TOY_FAIL="rate-flat")``."""
    monkeypatch.chdir(tmp_path)

    def call(*words, **environment):
        words = [*map(str, words)]
        capsys.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr("sys.argv", ["spikeconsol", *words])
            patch.setattr(command_line, "app", command())
            for name, value in environment.items():
                patch.setenv(name, str(value))
            with pytest.raises(SystemExit) as ended:
                command_line.main()
        output = capsys.readouterr()
        return subprocess.CompletedProcess(words, ended.value.code or 0, output.out, output.err)

    return call


#: Python runs it as it starts, where it finds it in a file of the name ``sitecustomize.py``.
WITHOUT = """
from importlib.machinery import PathFinder

given = PathFinder.find_spec
PathFinder.find_spec = lambda name, *rest: None if name == "dask" else given(name, *rest)
"""


@pytest.fixture
def no_dask_in_processes(tmp_path_factory, monkeypatch):
    """Hide Dask from processes that start here: xarray imports it, for most of their time."""
    folder = tmp_path_factory.mktemp("hidden")
    (folder / "sitecustomize.py").write_text(WITHOUT)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)


@pytest.fixture(
    params=[WITHOUT_DASK, pytest.param(PROGRAM, marks=pytest.mark.slow)], ids=["alone", "dask"]
)
def sweeping(request):
    """Words that start the command line as a process, with and without Dask behind its sweeps."""
    if request.param is WITHOUT_DASK:
        request.getfixturevalue("no_dask_in_processes")
    return request.param


@pytest.fixture
def process(tmp_path, monkeypatch, no_dask_in_processes):
    """Run the command line as a process of its own, which may be killed."""

    def call(*words, **environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, str(value))
        ran = subprocess.run(
            [*PROGRAM, *map(str, words)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # as in a terminal
        )
        for name in environment:
            monkeypatch.delenv(name)
        return ran

    return call


@pytest.fixture
def computed(tmp_path, monkeypatch):
    """Give the list of what the toy has computed so far."""
    path = tmp_path / "log.txt"
    monkeypatch.setenv("TOY_LOG", str(path))
    return lambda: path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def without_dask(monkeypatch):
    """Compute the cells of sweeps in this process, where the cluster is not what is tested."""
    monkeypatch.setattr("spikeconsol.lab.runner.on_dask", lambda *_: in_this_process)


@pytest.fixture
def unrendered(monkeypatch):
    """Draw figures but render nothing, where the pictures are not what is tested."""
    monkeypatch.setattr(
        "spikeconsol.lab.pipeline._save", lambda drawing, path, **_: path.write_bytes(b"drawn")
    )
