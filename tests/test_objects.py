"""Objects show what they are, go to files and come back, and go on to the last bit."""

import html
import re

import numpy as np
import pytest
import xarray as xr

from spikeconsol.brian.recording import Recording
from spikeconsol.consolidation import Cell, HopfieldNetwork, Joined, Sparse, SpikingMemory, Spread
from spikeconsol.consolidation.rules import (
    AmitFusi,
    CurvatureGate,
    HardBounds,
    Rule,
    plasticity_rule,
)
from spikeconsol.data import sparse_patterns
from spikeconsol.metaplasticity import Trained, tasks, train
from spikeconsol.parameters import ParameterError, parameter
from spikeconsol.sealed import ResultError

N = 40
PATTERNS = sparse_patterns(8, N, coding_level=0.1, seed=1)
RULE = CurvatureGate.for_capacity(20, coding_level=0.1)


def spiking(count=1, **options):
    memory = SpikingMemory(N, rule=options.pop("rule", RULE), seed=3, target="numpy", **options)
    memory.store(PATTERNS[:count])
    return memory


def same(a, b):
    np.testing.assert_array_equal(a.weights, b.weights)
    assert a.stored == b.stored


@pytest.fixture(scope="module")
def recording():
    return spiking(2).recording


# ------------------------------------------------------------------------------------- files


QUADRATIC = Cell(
    "dv/dt = awake*(v*(v - 1) + current/4)/tau : 1",
    threshold="v > 3",
    reset="v = 0.5",
    refractory="5*ms",
    constants={"tau": "10 ms"},
)
LIST = Joined(*np.argwhere(~np.eye(N, dtype=bool)).T[:, ::2])


def test_a_saved_spiking_memory_goes_on_to_the_last_bit(tmp_path):
    memory = spiking(wiring=Sparse(0.5), spread=Spread(0.1))
    memory.save(tmp_path / "memory.nc")
    loaded = SpikingMemory.load(tmp_path / "memory.nc", target="numpy")
    same(memory, loaded)
    for each in (memory, loaded):
        each.store(PATTERNS[2:3])
    same(memory, loaded)
    np.testing.assert_array_equal(memory.recording.times, loaded.recording.times)
    np.testing.assert_array_equal(memory.recall(PATTERNS[:1]), loaded.recall(PATTERNS[:1]))
    np.testing.assert_array_equal(memory.recording.times, loaded.recording.times)


def test_cells_by_text_are_given_again_and_lists_of_connections_are_not(tmp_path):
    path = tmp_path / "memory.nc"
    rule = HardBounds(coding_level=0.1)
    memory = SpikingMemory(N, rule=rule, seed=1, cells=QUADRATIC, wiring=LIST, target="numpy")
    memory.weights = np.where(memory._pairs.matrix(np.ones(len(memory._pairs))), 0.25, 0.0)
    memory.save(path)
    with pytest.raises(ParameterError, match="cells: got nothing; allowed: the Cell"):
        SpikingMemory.load(path)
    other = Cell(QUADRATIC.equations, threshold="v > 3", reset="v = 0", constants={"tau": "10 ms"})
    with pytest.raises(ParameterError, match="allowed: cells as saved"):
        SpikingMemory.load(path, cells=other)
    with pytest.raises(TypeError, match="cell: unknown; allowed: rule, cells"):
        SpikingMemory.load(path, cells=QUADRATIC, cell=QUADRATIC)
    loaded = SpikingMemory.load(path, cells=QUADRATIC, target="numpy")
    same(memory, loaded)
    assert loaded.program() == memory.program()


@pytest.mark.parametrize("seed", [5, [5, 6]])
@pytest.mark.parametrize("rule", [RULE, AmitFusi(coding_level=0.1)], ids=str)
def test_a_saved_rate_network_goes_on_to_the_last_bit(seed, rule, tmp_path):
    network = HopfieldNetwork(N, rule=rule, seed=seed, self_coupling=0.0)
    shown = PATTERNS if np.isscalar(seed) else np.stack([PATTERNS, PATTERNS[::-1]])
    network.store(shown[..., :4, :])
    network.recall(shown)
    network.save(tmp_path / "network.nc")
    loaded = HopfieldNetwork.load(tmp_path / "network.nc")
    assert loaded.stored == 4
    for each in (network, loaded):
        each.store(shown[..., 4:, :])
    same(network, loaded)
    np.testing.assert_array_equal(network.recall(shown), loaded.recall(shown))


def test_what_cannot_be_loaded_is_named(tmp_path):
    @plasticity_rule
    class MineForFiles(Rule):
        rate: float = parameter(0.1, above=0, doc="step")
        coding_level: float = parameter(0.1, above=0, below=1, doc="share of active units")
        change_text = "w += rate*A"

    path = tmp_path / "network.nc"
    network = HopfieldNetwork(N, rule=MineForFiles(), seed=1)
    network.store(PATTERNS)
    network.save(path)
    with pytest.raises(ParameterError, match=r"rule: got nothing; allowed: the .*MineForFiles"):
        HopfieldNetwork.load(path)
    with pytest.raises(ParameterError, match="allowed: rule as saved"):
        HopfieldNetwork.load(path, rule=MineForFiles(rate=0.2))
    same(network, HopfieldNetwork.load(path, rule=MineForFiles()))
    with pytest.raises(ResultError, match=r"holds HopfieldNetwork; allowed: .* SpikingMemory.save"):
        SpikingMemory.load(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ResultError, match="truncated"):
        HopfieldNetwork.load(path)


def test_a_file_names_settings_and_calls_nothing_else():
    from spikeconsol.plain import remade

    for name in ("spikeconsol.sources:load_file", "os:system", "spikeconsol.parameters:nothing"):
        with pytest.raises(ParameterError, match="allowed"):
            remade({"class": name, "constants": {}}, "rule")


# ------------------------------------------------------------------------------------ spikes


def test_a_recording_comes_back_from_its_dataset(recording, tmp_path):
    recording.to_dataset(PATTERNS[:2]).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    again = Recording.from_dataset(xr.load_dataset(tmp_path / "a.nc", engine="h5netcdf"))
    for name in ("cells", "times", "inhibitory_cells", "inhibitory_times", "onsets", "end", "n"):
        np.testing.assert_array_equal(getattr(recording, name), getattr(again, name))
    with pytest.raises(ValueError, match="has no excitatory_time"):
        Recording.from_dataset(xr.Dataset())
    with pytest.raises(ValueError, match=r"patterns: got shape \(1, 40\); allowed: \(2, 40\)"):
        recording.to_dataset(PATTERNS[:1])


def test_a_table_has_a_row_for_each_spike():
    recording = Recording(
        cells=np.array([3, 1], np.int32),
        times=np.array([0.2, 0.7]),
        inhibitory_cells=np.array([0], np.int32),
        inhibitory_times=np.array([0.5]),
        onsets=np.array([0.0, 0.5]),
        end=1.0,
        n=4,
    )
    frame = recording.to_frame()
    assert frame.time.tolist() == [0.2, 0.5, 0.7]
    assert frame.cell.tolist() == [3, 0, 1]
    assert frame.slot.tolist() == [0, 1, 1]
    assert frame.population.tolist() == ["excitatory", "inhibitory", "excitatory"]


def test_neo_and_nwb_hold_all_spikes_and_what_was_shown(recording, tmp_path):
    pytest.importorskip("neo")
    pynwb = pytest.importorskip("pynwb")
    block = recording.to_neo(PATTERNS[:2])
    trains = block.segments[0].spiketrains
    assert len(trains) == N
    for cell, one in enumerate(trains):
        expected = np.sort(recording.times[recording.cells == cell])
        np.testing.assert_allclose(one.rescale("s").magnitude, expected)
        assert float(one.t_stop.rescale("s")) == recording.end
    recording.to_nwb(tmp_path / "a.nwb", PATTERNS[:2])
    with pynwb.NWBHDF5IO(str(tmp_path / "a.nwb"), "r") as file:
        found = file.read()
        units = found.units.to_dataframe()
        assert (units.recording == "excitatory").sum() == N
        assert sum(map(len, units.spike_times)) == len(recording.times)
        trials = found.trials.to_dataframe()
        assert [list(cells) for cells in trials.cells] == [
            list(np.flatnonzero(pattern)) for pattern in PATTERNS[:2]
        ]
        np.testing.assert_allclose(trials.start_time, recording.onsets)


def test_a_file_that_could_not_be_written_leaves_the_one_before(recording, tmp_path, monkeypatch):
    pytest.importorskip("pynwb")
    path = tmp_path / "a.nwb"
    path.write_text("before")

    def full(dataset, path):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("spikeconsol.brian.recording.write_nwb", full)
    with pytest.raises(ValueError, match=r"a\.nwb: cannot be written \(No space left"):
        recording.to_nwb(path)
    assert [file.name for file in tmp_path.iterdir()] == ["a.nwb"]
    assert path.read_text() == "before"


# ----------------------------------------------------------------------------------- display


@pytest.mark.parametrize("kind", ["spiking", "rate", "recording", "training", "evaluation"])
def test_objects_say_what_they_are_in_short(kind):
    import matplotlib

    before = dict(matplotlib.rcParams)
    if kind in ("training", "evaluation"):
        shown = train(tasks.Reversal(), seeds=range(2), episodes=20, frozen=5)
        expected = ("Training", "runs: 2", "Reversal", "solved: 0 of 2")
        if kind == "evaluation":
            shown, expected = shown.test, ("Evaluation", "episodes: 5")
        else:
            bare = Trained(shown.task, shown.plasticity, shown.parameters)
            assert re.match("<Trained task: Reversal", repr(bare))
    elif kind == "rate":
        shown = HopfieldNetwork(N, rule=RULE, seed=1)
        shown.store(PATTERNS)
        expected = ("HopfieldNetwork", "units: 40", "CurvatureGate(", "patterns stored: 8")
    else:
        shown = spiking()
        expected = ("SpikingMemory", "40 LIF", "BoundedCurvatureGate(", "patterns stored: 1")
        if kind == "recording":
            shown, expected = shown.recording, ("Recording", "cells: 40", "slots: 1")
    line, page = repr(shown), shown._repr_html_()
    assert "\n" not in line
    assert len(line) < 800
    for part in expected:
        assert part in line
    assert all(html.escape(value) in page for value in shown.facts().values())
    assert ("<img" in page) == (kind in ("spiking", "recording"))
    assert dict(matplotlib.rcParams) == before
