"""The code that results come from: what is hashed, what a worker runs, what a file may import."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from spikeconsol import sources
from spikeconsol.lab import catalogue, cells
from spikeconsol.lab.catalogue import find_experiment, find_experiments, listing
from spikeconsol.lab.cells import Cell, attempt
from spikeconsol.lab.results import load

OWN = """
import numpy as np
import xarray as xr
from dataclasses import dataclass
from spikeconsol.lab import Condition, Experiment
from spikeconsol.parameters import Parameters, parameter
import helpers

@dataclass(frozen=True)
class None_(Parameters):
    x: float = parameter(1.0, doc="x")

def run(parameters, condition, seeds):
    import late
    gain = helpers.GAIN + late.MORE
    return xr.Dataset({"gain": ("seed", [gain], {"long_name": "gain", "units": "1"})})

EXPERIMENTS = (Experiment("own", "one number", None_, lambda p: (Condition("c"),), run, ("gain",)),)
"""


@pytest.fixture
def own(tmp_path):
    """A model file with neighbours, one of them imported late."""
    return write_own(tmp_path / "mine", 3)


def write_own(folder, gain):
    folder.mkdir()
    (folder / "my_model.py").write_text(OWN)
    (folder / "helpers.py").write_text(f"GAIN = {gain}\n")
    (folder / "late.py").write_text("MORE = 0\n")
    return folder / "my_model.py"


def cell_of(own, folder):
    own = str(own)
    found = find_experiment("own", own)
    (cell,) = cells.cells_of(found, own, found.parameters(), (100,), "", folder)
    return cell


def gain(path):
    return float(load(path).gain[0])


@pytest.mark.parametrize("changed", ["helpers.py", "late.py"])
def test_results_of_a_changed_import_are_of_other_code(cli, own, changed):
    assert cli("run", own, "--out", "out").returncode == 0
    assert cli("run", own, "--out", "out", "--resume").stdout.count("finished already") == 1
    (own.parent / changed).write_text("GAIN = MORE = 3000\n")
    ran = cli("run", own, "--out", "out", "--resume")
    assert ran.returncode == 2
    assert "out/c.nc: other code than asked for" in ran.stderr
    assert cli("run", own, "--out", "out").returncode == 0
    assert gain(Path("out/c.nc")) == 3000 + 3 * (changed == "late.py")


def test_a_worker_that_stays_up_runs_the_code_that_is_asked_for(own, tmp_path):
    first = cell_of(own, tmp_path / "first")
    assert attempt(first) == ""
    (own.parent / "helpers.py").write_text("GAIN = 3000\n")
    asked = replace(first, path=tmp_path / "second" / "c.nc", code=catalogue._own_code(str(own)))
    assert asked.code != first.code
    assert attempt(asked) == ""
    assert [gain(first.path), gain(asked.path)] == [3, 3000]
    assert load(asked.path).attrs["code"] == asked.code


def test_a_file_that_changes_during_a_run_changes_nothing_in_it(own, tmp_path):
    one = cell_of(own, tmp_path)
    two = replace(one, seeds=(101,), path=tmp_path / "two.nc")
    assert attempt(one) == ""
    (own.parent / "helpers.py").write_text("GAIN = 3000\n")
    assert attempt(two) == ""
    assert gain(two.path) == 3
    assert load(two.path).attrs["code"] == one.code


@pytest.mark.parametrize("source", ["own", ""])
def test_a_worker_with_other_code_refuses(own, tmp_path, source):
    cell = cell_of(own, tmp_path)
    if not source:
        cell = Cell("sequential-memory", "", "{}", "rate-leaky", (100,), tmp_path / "c.nc")
    failure = attempt(replace(cell, code="0" * 16))
    assert "0000000000000000 is asked for; start the workers again" in failure
    assert not cell.path.exists()


def test_two_files_with_neighbours_of_the_same_names_do_not_mix(own, tmp_path):
    other = write_own(tmp_path / "other", 5)
    mine, theirs = cell_of(own, tmp_path / "a"), cell_of(other, tmp_path / "b")
    for cell in (mine, theirs, replace(mine, seeds=(101,)), replace(theirs, seeds=(101,))):
        assert attempt(cell) == ""
        assert gain(cell.path) == (3 if cell.source == str(own) else 5)


@pytest.mark.usefixtures("no_dask_in_processes")
def test_a_random_module_of_the_users_folder_harms_nobody(cli, own):
    (own.parent / "random.py").write_text("raise SystemExit('the wrong random')")
    ran = cli("run", own, "--out", "out", "--jobs", 2)
    assert ran.returncode == 0, ran.stderr
    assert gain(Path("out/c.nc")) == 3


@pytest.fixture
def checkout(tmp_path):
    """A copy of the library that may be changed, and a way to ask it for code versions."""
    package = Path(sources.__file__).parent
    copy = tmp_path / "copy"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, copy / "spikeconsol", ignore=ignored)
    for name in ("models", "figures"):
        place = Path(__import__(f"spikeconsol.{name}", fromlist=["x"]).__path__[0])
        shutil.copytree(place, copy / "spikeconsol" / name, ignore=ignored, dirs_exist_ok=True)
    names = ("sequential-memory", "meta-hebbian/one-shot", "bottleneck/mnist")
    names = [name for name in names if name in listing()] or [*listing()][:2]
    text = (
        "from pathlib import Path; from spikeconsol import sources; import spikeconsol.models\n"
        "for path in sorted(Path(spikeconsol.models.__path__[0]).glob('*.py')):\n"
        "    print(path.stem, sources.digest(sources.files_of(path)))"
    )

    def ask():
        environment = os.environ | {"PYTHONPATH": str(copy)}
        ran = subprocess.run(
            [sys.executable, "-c", text], capture_output=True, text=True, env=environment, cwd="/"
        )
        assert not ran.returncode, ran.stderr
        return dict(line.split() for line in ran.stdout.splitlines())

    return copy / "spikeconsol", ask


def test_a_comment_in_one_wing_leaves_the_results_of_others(checkout):
    package, ask = checkout
    before = ask()
    for path in (package / "metaplasticity" / "rate.py", package / "lab" / "cells.py"):
        path.write_text(path.read_text() + "\n# a comment\n")
    after = ask()
    changed = {name for name in before if before[name] != after[name]}
    assert "meta_hebbian" in changed
    assert not changed & {"sequential_memory", "bottleneck", "curvature_capacity"}
    path = package / "parameters.py"
    path.write_text(path.read_text() + "\n# a comment\n")
    assert {name for name, code in ask().items() if code != after[name]} >= {
        "sequential_memory",
        "bottleneck",
        "meta_hebbian",
    }


def test_files_are_found_by_all_ways_to_import(tmp_path):
    (tmp_path / "pack" / "deep").mkdir(parents=True)
    for name in ("a", "b", "c", "d", "e", "pack/__init__", "pack/f", "pack/deep/__init__"):
        (tmp_path / f"{name}.py").write_text("")
    (tmp_path / "pack" / "f.py").write_text("from . import g\nfrom ..pack.deep import h\n")
    for name in ("g", "deep/h"):
        (tmp_path / "pack" / f"{name}.py").write_text("")
    (tmp_path / "start.py").write_text(
        '"""Text: import not_there"""\n'
        "import a, b as renamed\nfrom c import (\n    x,  # a comment, with (brackets\n    y,\n)\n"
        "from pack import f\nimport json, numpy\n"
        "def later():\n    import d\n\nbuilder = 'e.py:build'\nfile = 'e.py'\n"
    )
    found = {str(path.relative_to(tmp_path)) for path in sources.files_of(tmp_path / "start.py")}
    assert found == {
        *("start.py", "a.py", "b.py", "c.py", "d.py", "e.py"),
        *("pack/__init__.py", "pack/f.py", "pack/g.py", "pack/deep/__init__.py", "pack/deep/h.py"),
    }


def test_the_listing_is_that_of_the_models_and_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = listing()
    assert {*first} == {*find_experiments()}
    monkeypatch.setattr(catalogue, "_modules", lambda *_: pytest.fail("imported again"))
    assert listing() == first
    (kept,) = tmp_path.rglob("experiments-*.json")
    kept.write_text('{"key": "other"}')
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert listing() == first


def test_a_checkout_in_the_current_folder_knows_its_models(monkeypatch):
    """As in ``python -c`` in a clone beside which another copy is installed."""
    monkeypatch.setitem(sys.modules, "spikeconsol.models", None)
    folders = sources._model_folders.__wrapped__()
    assert folders == (Path(sources.__file__).resolve().parent.parent / "models",)
