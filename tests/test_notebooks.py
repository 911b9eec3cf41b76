"""The sources of the notebooks run at a small size; what is committed was made from them."""

import json
import re
from pathlib import Path

import matplotlib
import pytest

import spikeconsol

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"
SOURCES = sorted(FOLDER.glob("*.py"))
#: Sizes at which each runs here.
SMALL = {
    "information_bottleneck": {"HIDDEN": "(8,)", "EPOCHS": "1"},
    "consolidation": {"STORED": "40", "TESTED": "10", "SPIKING": "5", "SEEDS": "2"},
    "metaplasticity": {"RUNS": "2", "EPISODES": "60", "FROZEN": "20"},
    "my_own_network": {"CELLS": "16", "SHOWN": "100 * ms", "AFTER": "50 * ms"},
}


def code(path):
    """Cells of code in a source, as text."""
    cells = re.split(r"^# %%.*\n", path.read_text(), flags=re.M)[1:]
    kinds = re.findall(r"^# %%(.*)$", path.read_text(), flags=re.M)
    return [cell.strip() for cell, kind in zip(cells, kinds, strict=True) if "markdown" not in kind]


def test_there_is_one_for_each_wing_and_one_for_networks_of_ones_own():
    assert {path.stem for path in SOURCES} == set(SMALL)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_the_notebook_is_the_executed_source(path):
    notebook = json.loads(path.with_suffix(".ipynb").read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert ["".join(cell["source"]).strip() for cell in cells] == code(path)
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert any("image/png" in output.get("data", {}) for output in cells[-1]["outputs"])
    assert "/home/" not in json.dumps(outputs)
    assert "site-packages" not in json.dumps(outputs)


@pytest.mark.slow
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_the_source_runs_at_a_small_size(path, tmp_path, monkeypatch):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.chdir(tmp_path)
    restore = brian2_as_it_was() if path.stem == "my_own_network" else lambda: None
    text = "\n".join(code(path))
    for name, value in SMALL[path.stem].items():
        text, count = re.subn(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.M)
        assert count == 1, name
    before = dict(matplotlib.rcParams)
    try:
        exec(compile(text, str(path), "exec"), {"__name__": "notebook"})
        assert pyplot.get_fignums()
    finally:
        pyplot.close("all")
        matplotlib.rcParams.update(before)
        spikeconsol.progress(True)
        restore()


def brian2_as_it_was():
    """Return what sets Brian2's target and time step back."""
    import brian2
    import numpy as np

    target, dt = brian2.prefs.codegen.target, brian2.defaultclock.dt
    state = np.random.get_state()  # noqa: NPY002  (Brian2 draws from it)

    def restore():
        brian2.prefs.codegen.target = target
        brian2.defaultclock.dt = dt
        np.random.set_state(state)  # noqa: NPY002

    return restore
