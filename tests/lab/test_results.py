import json
import os

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spikeconsol import sealed
from spikeconsol.lab.results import ResultError, load, provenance, read_attributes, save


@pytest.fixture(name="dataset")
def _dataset():
    return xr.Dataset(
        {
            "kept": ("seed", [150, 160], {"long_name": "patterns kept", "of": 240}),
            "weights": (("seed", "synapse"), np.random.default_rng(0).random((2, 7000))),
            "active": (("seed", "unit"), [[True, False], [False, True]]),
            "rule": ("rule", ["gate", "léaky"]),
        },
        coords={"seed": [100, 101]},
        attrs={"flags": ["-O3", "-march=native"], "latched": True, "nothing": None},
    )


def test_what_is_saved_is_loaded_with_types_units_and_attributes(dataset, tmp_path):
    save(dataset, tmp_path / "a.nc", {"seconds": 1.5})
    loaded = load(tmp_path / "a.nc")
    xr.testing.assert_equal(loaded, dataset)
    assert loaded.active.dtype == bool
    assert loaded.kept.attrs["of"] == 240
    assert json.loads(loaded.attrs["flags"]) == ["-O3", "-march=native"]
    assert loaded.attrs["seconds"] == 1.5
    assert read_attributes(tmp_path / "a.nc")["seconds"] == 1.5
    assert os.listdir(tmp_path) == ["a.nc"]


def test_files_are_plain_netcdf_for_other_readers(dataset, tmp_path):
    save(dataset, tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc") as opened:
        xr.testing.assert_equal(opened.load(), dataset)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_any_changed_byte_and_any_truncation_is_found(dataset, tmp_path, data):
    path = tmp_path / "whole.nc"
    if not path.exists():
        save(dataset, path)
    content = bytearray(path.read_bytes())
    where = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[where] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del content[where:]
    damaged = tmp_path / "damaged.nc"
    damaged.write_bytes(content)
    for read in (load, read_attributes):
        with pytest.raises(ResultError, match=r"damaged\.nc") as error:
            read(damaged)
        assert "\n" not in str(error.value)


def test_foreign_and_missing_files_are_named(tmp_path):
    foreign = tmp_path / "foreign.nc"
    xr.Dataset({"a": 1}).to_netcdf(foreign, engine="h5netcdf")
    for path, message in [
        (foreign, r"foreign\.nc: truncated, or not a result file"),
        (tmp_path / "none.nc", r"none\.nc: cannot be read \(No such file"),
        (tmp_path, "cannot be read"),
    ]:
        with pytest.raises(ResultError, match=message):
            load(path)


def test_a_file_of_another_format_version_is_refused(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("spikeconsol.lab.results.FORMAT", "spikeconsol-99")
    save(dataset, tmp_path / "a.nc")
    monkeypatch.undo()
    with pytest.raises(ResultError, match="got the format spikeconsol-99; allowed: spikeconsol-1"):
        load(tmp_path / "a.nc")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(dataset, tmp_path, monkeypatch):
    save(dataset, tmp_path / "a.nc")
    before = (tmp_path / "a.nc").read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("spikeconsol.lab.results.os.fsync", full)
    with pytest.raises(ResultError, match=r"a\.nc: cannot be written \(No space left on device\)"):
        save(dataset * 2, tmp_path / "a.nc")
    assert (tmp_path / "a.nc").read_bytes() == before
    assert os.listdir(tmp_path) == ["a.nc"]


def test_provenance_says_with_what_a_result_is_made():
    found = provenance()
    assert found["versions"]["numpy"] == np.__version__
    assert set(found) == {"versions", "revision", "python", "platform", "cpu"}


def test_an_object_s_arrays_come_back_with_their_types_and_are_plain_netcdf(tmp_path):
    path = tmp_path / "object.nc"
    arrays = {
        "square": np.arange(9.0).reshape(3, 3),
        "single": np.array([0.5, np.nan, -np.inf], np.float32),
        "compressed": np.arange(12_000),
        "whole": np.array([[-1], [2]], np.int32),
        "true": np.array([True, False]),
        "words": np.array(["a", "léaky", ""]),
        "nothing": np.zeros((0, 3)),
        "number": np.array(7),
    }
    sealed.save_object(path, "Toy", {"name": "ü", "n": 3}, arrays)
    about, found = sealed.load_object(path, "Toy")
    assert about == {"name": "ü", "n": 3}
    assert found.keys() == arrays.keys()
    with xr.open_dataset(path, engine="h5netcdf") as others:
        for name, array in arrays.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)
            np.testing.assert_array_equal(others[name].values, array)
    with pytest.raises(ResultError, match="holds Toy; allowed: a file of Other"):
        sealed.load_object(path, "Other")


def test_a_result_is_no_object(dataset, tmp_path):
    save(dataset, tmp_path / "a.nc")
    with pytest.raises(ResultError, match="holds a result; allowed: a file of Toy"):
        sealed.load_object(tmp_path / "a.nc", "Toy")
