"""Patterns from files: the same patterns from every kind of file, and clear words otherwise."""

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from spikeconsol.data import load_patterns, sparse_patterns

PATTERNS = sparse_patterns(12, 36, coding_level=0.2, seed=1)


def written(folder, kind):
    path = folder / f"patterns.{kind}"
    numbers = PATTERNS.astype(int)
    if kind == "npy":
        np.save(path, numbers.reshape(-1, 6, 6))
    elif kind == "npz":
        np.savez(path, patterns=PATTERNS, rate=3.0)
    elif kind == "mat":
        savemat(path, {"patterns": numbers, "rate": 3.0})
    elif kind == "csv":
        names = ";".join(f"unit {k}" for k in range(36))
        np.savetxt(path, numbers, "%d", delimiter=";", header=names, comments="")
    elif kind == "txt":
        np.savetxt(path, numbers, "%.1e")
    else:
        path = folder / "images"
        path.mkdir()
        for k, pattern in enumerate(PATTERNS):
            image = Image.fromarray((255 * pattern.reshape(6, 6)).astype(np.uint8))
            image.save(path / f"image {k}.png")  # 10 comes after 9
        (path / "notes").write_text("no image")
    return path


@pytest.mark.parametrize("kind", ["npy", "npz", "mat", "csv", "txt", "folder"])
def test_every_kind_of_file_gives_the_patterns(kind, tmp_path):
    found = load_patterns(written(tmp_path, kind))
    assert found.dtype == bool
    np.testing.assert_array_equal(found, PATTERNS)


def test_grey_values_are_made_binary_only_as_asked(tmp_path):
    grey = np.random.default_rng(0).integers(0, 256, (5, 40))
    np.save(tmp_path / "grey.npy", grey)
    with pytest.raises(ValueError, match=r"holds 5 patterns of 40 values from \d+ to \d+; allowed"):
        load_patterns(tmp_path / "grey.npy")
    np.testing.assert_array_equal(load_patterns(tmp_path / "grey.npy", threshold=200), grey > 200)
    few = load_patterns(tmp_path / "grey.npy", coding_level=0.1)
    assert set(few.sum(axis=1)) == {4}
    for values, active in zip(grey, few, strict=True):
        assert values[active].min() >= values[~active].max()


def test_what_cannot_be_patterns_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_patterns(tmp_path / "none.npy")
    np.savez(tmp_path / "two.npz", a=PATTERNS, b=PATTERNS)
    with pytest.raises(ValueError, match=r"holds a \(12, 36\), b \(12, 36\); allowed: variable="):
        load_patterns(tmp_path / "two.npz")
    assert load_patterns(tmp_path / "two.npz", variable="b").shape == (12, 36)
    with pytest.raises(ValueError, match="variable: got 'c'"):
        load_patterns(tmp_path / "two.npz", variable="c")
    np.save(tmp_path / "empty.npy", np.vstack([PATTERNS, np.zeros((1, 36))]))
    with pytest.raises(ValueError, match="no active unit in pattern 12"):
        load_patterns(tmp_path / "empty.npy")
    with pytest.raises(ValueError, match="pattern 12 has 0 values above its smallest"):
        load_patterns(tmp_path / "empty.npy", coding_level=0.1)
    (tmp_path / "bad.csv").write_text("1,0,1\n1,x,0\n")
    with pytest.raises(ValueError, match=r"bad.csv: cannot be read"):
        load_patterns(tmp_path / "bad.csv")
    (tmp_path / "a.doc").write_text("")
    with pytest.raises(ValueError, match=r"allowed: a folder, or .npy"):
        load_patterns(tmp_path / "a.doc")
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match="cannot be read"):
        load_patterns(tmp_path / "objects.npy")
    with pytest.raises(ValueError, match="got both"):
        load_patterns(tmp_path / "two.npz", threshold=1, coding_level=0.1)
