import csv
import functools
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from spikeconsol.formats import find_signals, find_spikes
from spikeconsol.lab.export import export
from spikeconsol.lab.results import ResultError, save


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A Poisson cell, a clock-like cell and a silent one for 20 s; a voltage; weights."""
    rng = np.random.default_rng(0)
    poisson = np.sort(rng.uniform(0, 20, 400))
    regular = np.arange(0.05, 20, 0.1)
    times = np.concatenate([poisson, regular])
    cells = np.repeat([0, 1], [poisson.size, regular.size])
    order = np.argsort(times)
    second = {"units": "second"}
    dataset = xr.Dataset(
        {
            "store_time": ("store_spike", times[order], second | {"stop": 20.0}),
            "store_cell": ("store_spike", cells[order]),
            "volley_time": ("volley", [0.1, 0.2], second | {"start": 20.0, "stop": 1.0}),
            "pattern": (
                ("slot", "cell"),
                np.eye(3, dtype=bool),
                {"onsets": [0.0, 5.0, 10.0], "duration": 2.0},
            ),
            "voltage": (("cell", "time"), rng.random((3, 50)), {"units": "mV"}),
            "threshold": ((), 0.3),
            "weights": (("seed", "synapse"), rng.random((2, 6))),
            "label": ("rule", np.array(["gate", "leaky"])),
        },
        coords={"time": ("time", np.arange(50) * 1e-3 + 0.5, second), "seed": [100, 101]},
    )
    about = {"experiment": "toy", "label": "a toy", "seeds": [100, 101]}
    about |= {"parameters": '{"spiking.time_step": 0.0001}', "started": "2026-01-02T03:04:05+00:00"}
    path = tmp_path_factory.mktemp("recorded") / "a.nc"
    save(dataset, path, about)
    return path, dataset, {0: poisson, 1: regular, 2: np.array([])}


@pytest.fixture(scope="module")
def exported(recorded):
    """Path of the recording in a format, written once for all that read it."""
    return functools.cache(lambda form: export(recorded[0], form))


def test_spikes_and_signals_are_found_by_their_form(recorded):
    _, dataset, trains = recorded
    store, volley = find_spikes(dataset)
    assert (store.name, store.size, store.stop) == ("store", 3, 20.0)
    for cell, train in trains.items():
        assert np.array_equal(store.train(cell), train)
    assert (volley.name, volley.start, volley.stop, volley.events) == ("volley", 20.0, 21.0, True)
    assert volley.times.tolist() == [20.1, 20.2]
    assert not store.events
    (voltage,) = find_signals(dataset)
    assert (voltage.name, voltage.units, voltage.start) == ("voltage", "mV", 0.5)
    assert voltage.step == pytest.approx(1e-3)
    assert np.array_equal(voltage.values, dataset.voltage.values.T)


def test_no_spike_is_lost_where_another_population_is_smaller(recorded):
    _, dataset, _ = recorded
    larger = dataset.assign(store_cell=dataset.store_cell + 4)
    store, _ = find_spikes(larger)
    assert store.size == 6
    assert sum(store.train(cell).size for cell in range(store.size)) == dataset.store_time.size


def test_neo_reads_what_was_exported(recorded, exported):
    neo = pytest.importorskip("neo")
    _, dataset, trains = recorded
    with neo.NixIO(str(exported("neo-nix")), mode="ro") as file:
        block = file.read_block()
    assert block.name == "toy: a toy"
    store, volley, voltage, pattern = block.segments
    assert [segment.name for segment in block.segments] == ["store", "volley", "voltage", "pattern"]
    for cell, train in trains.items():
        read = store.spiketrains[cell]
        assert np.array_equal(read.rescale("s").magnitude, train)
        assert float(read.t_stop) == 20.0
        assert read.annotations["cell"] == cell
    assert len(volley.spiketrains) == 0
    assert volley.events[0].rescale("s").magnitude.tolist() == [20.1, 20.2]
    assert pattern.epochs[0].labels.tolist() == ["0", "1", "2"]
    assert pattern.epochs[0].rescale("s").magnitude.tolist() == [0, 5, 10]
    assert block.rec_datetime.year == 2026
    (signal,) = voltage.analogsignals
    assert str(signal.units.dimensionality) == "mV"
    np.testing.assert_allclose(signal.magnitude, dataset.voltage.values.T)
    assert float(signal.t_start.rescale("s")) == pytest.approx(0.5)
    assert float(signal.sampling_rate.rescale("Hz")) == pytest.approx(1000)


def test_nwb_reads_what_was_exported(recorded, exported):
    pynwb = pytest.importorskip("pynwb")
    _, dataset, trains = recorded
    written = exported("nwb")
    with pynwb.NWBHDF5IO(str(written), "r") as source:
        file = source.read()
        units = file.units.to_dataframe()
        store = units[units.recording == "store"].set_index("cell")
        for cell, train in trains.items():
            assert np.array_equal(store.spike_times[cell], train)
        assert store.obs_intervals[0].tolist() == [[0.0, 20.0]]
        voltage = file.acquisition["voltage"]
        np.testing.assert_allclose(voltage.data[:], dataset.voltage.values.T)
        assert (voltage.unit, voltage.rate) == ("mV", pytest.approx(1000))
        assert json.loads(file.notes)["experiment"] == "toy"
        assert set(units.recording) == {"store"}
        assert file.units.resolution == 1e-4
        assert file.acquisition["volley"].timestamps[:].tolist() == [20.1, 20.2]
        assert file.acquisition["volley"].unit == "event"
        trials = file.trials.to_dataframe()
        assert trials.start_time.tolist() == [0, 5, 10]
        assert trials.stop_time.tolist() == [2, 7, 12]
        assert [list(cells) for cells in trials.cells] == [[0], [1], [2]]
        assert file.epochs.to_dataframe().tags.tolist() == [["store"]]
        assert file.session_start_time.isoformat() == "2026-01-02T03:04:05+00:00"
        assert "simulation" in file.keywords[:]
        assert "no subject" in file.experiment_description
    assert not pynwb.validate(path=str(written))


def identifier(path):
    with h5py.File(export(path, "nwb")) as file:
        return file["identifier"][()]


def test_every_seed_and_every_parameter_set_has_an_identifier_of_its_own(recorded, tmp_path):
    pytest.importorskip("pynwb")
    _, dataset, _ = recorded
    path = Path(shutil.copy(recorded[0], tmp_path))
    others = ({"seeds": [102]}, {"parameters": '{"x": 1}'}, {"condition": "other"}, {"code": "1"})
    paths = [path]
    for index, other in enumerate(others):
        paths.append(tmp_path / f"other-{index}.nc")
        save(dataset, paths[-1], {"experiment": "toy", "seeds": [100, 101], **other})
    assert len({identifier(one) for one in paths}) == 5
    assert identifier(path) == identifier(path)


def test_the_inspector_finds_nothing_of_importance(exported):
    inspector = pytest.importorskip("nwbinspector")
    least = inspector.Importance.BEST_PRACTICE_VIOLATION
    written = str(exported("nwb"))
    found = inspector.inspect_nwbfile(nwbfile_path=written, importance_threshold=least)
    # A simulation has no subject, and the file says so.
    assert [message.message for message in found] == ["Subject is missing."]


def test_nix_files_are_as_valid_as_those_of_neo_itself(exported, tmp_path):
    neo = pytest.importorskip("neo")
    nixio = pytest.importorskip("nixio")
    import quantities as pq

    plain = neo.Block(name="plain")
    segment = neo.Segment(name="segment")
    for times in ([0.1], []):  # a silent cell has no positions
        train = neo.SpikeTrain(times * pq.s, t_stop=1 * pq.s, name=f"train {len(times)}")
        train.annotate(cell=len(times))
        segment.spiketrains.append(train)
    segment.analogsignals.append(
        neo.AnalogSignal([[1.0]] * 3 * pq.mV, sampling_period=1 * pq.ms, name="signal")
    )
    plain.segments.append(segment)
    with neo.NixIO(str(tmp_path / "plain.nix"), mode="ow") as file:
        file.write_block(plain)

    def complaints(path):
        with nixio.File.open(str(path), nixio.FileMode.ReadOnly) as file:
            found = file.validate()
        return {
            text for kind in ("errors", "warnings") for all in found[kind].values() for text in all
        }

    assert complaints(exported("neo-nix")) <= complaints(tmp_path / "plain.nix")


def test_elephant_measures_the_exported_trains(exported):
    neo = pytest.importorskip("neo")
    pytest.importorskip("elephant")
    from elephant.statistics import cv, fanofactor, isi, mean_firing_rate

    with neo.NixIO(str(exported("neo-nix")), mode="ro") as file:
        poisson, regular, silent = file.read_block().segments[0].spiketrains
    assert cv(isi(poisson)) == pytest.approx(1, abs=0.15)
    assert cv(isi(regular)) == pytest.approx(0, abs=1e-9)
    rates = [float(mean_firing_rate(train).rescale("Hz")) for train in (poisson, regular, silent)]
    assert rates == pytest.approx([20, 10, 0])
    pieces = [
        poisson.time_slice(start, start + poisson.t_stop / 20)
        for start in (poisson.t_stop / 20 * k for k in range(20))
    ]
    assert fanofactor(pieces) == pytest.approx(1, abs=0.6)


def test_paths_may_be_text(recorded, tmp_path):
    written = export(str(recorded[0]), "npz", str(tmp_path / "b.npz"))
    assert written == tmp_path / "b.npz"
    assert written.exists()


def test_numpy_archives_hold_every_variable_without_pickle(recorded, exported):
    _, dataset, _ = recorded
    with np.load(exported("npz"), allow_pickle=False) as archive:
        for name, variable in dataset.variables.items():
            assert np.array_equal(archive[name], variable.values)
        assert json.loads(str(archive["attributes"]))["experiment"] == "toy"


def test_tables_have_a_row_for_each_value(recorded, exported):
    _, dataset, _ = recorded
    folder = exported("csv")
    with (folder / "voltage.csv").open() as file:
        header, *rows = csv.reader(file)
    assert header == ["cell", "time", "voltage (mV)"]
    assert len(rows) == 150
    cell, time, value = rows[57]
    assert (int(cell), float(time)) == (1, dataset.time.values[7])
    assert float(value) == dataset.voltage.values[1, 7]
    assert (folder / "threshold.csv").read_text().splitlines() == ["threshold", "0.3"]
    assert (folder / "label.csv").read_text().splitlines() == ["rule,label", "0,gate", "1,leaky"]


def test_bad_exports_are_one_line(recorded, tmp_path, cli):
    path = Path(shutil.copy(recorded[0], tmp_path))
    plain = tmp_path / "plain.nc"
    save(xr.Dataset({"a": ("seed", [1.0])}), plain)
    with pytest.raises(ResultError, match=r"plain\.nc: has neither spikes nor signals"):
        export(plain, "nwb")
    ran = cli("export", path, "--to", "matlab")
    assert ran.returncode == 2
    assert ran.stderr == "error: to: got 'matlab'; allowed: neo-nix, nwb, npz, csv\n"
    itself = cli("export", path, "--to", "npz", "--out", path)
    assert (
        itself.stderr == f"error: out: got the result file {path} itself; allowed: another file\n"
    )
    assert cli("export", path, "--to", "csv").returncode == 0
    again = cli("export", path, "--to", "csv")
    assert again.returncode == 2
    assert "is a folder that exists already" in again.stderr
    assert not [left for left in tmp_path.iterdir() if left.name.startswith(".")]
