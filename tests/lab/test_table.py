import numpy as np
import pytest
import xarray as xr

from spikeconsol.lab.table import heading, shown, with_interval


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([155.0, 156.0, 157.0], "156.0 ± 2.5"),
        ([0.9123, 0.9125], "0.9124 ± 0.0013"),
        ([100.0, 300.0], "200 ± 1271"),
        ([1234.5], "1234"),
        ([0.5, 0.5], "0.5"),
        ([np.nan, np.nan], "–"),
    ],
)
def test_numbers_are_rounded_to_two_digits_of_their_interval(values, text):
    assert with_interval(values) == text


def test_a_total_and_a_unit_are_shown_once():
    kept = xr.DataArray([3.0, 5.0], dims="seed", name="kept", attrs={"of": 40})
    assert shown(kept) == "4 ± 13 of 40"
    assert heading(kept) == "kept"
    assert heading(kept.assign_attrs(long_name="delay", units="second")) == "delay (second)"
    assert heading(kept.assign_attrs(long_name="patterns kept", units="patterns")) == (
        "patterns kept"
    )
    assert heading(kept.rename("weight_sum").assign_attrs(units="1")) == "weight sum"
