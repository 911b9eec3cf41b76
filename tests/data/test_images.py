import gzip
import hashlib
import os
import struct

import numpy as np
import pytest

from spikeconsol.data import as_pixels, images, load_images, read_idx


def idx(array):
    return (
        b"\0\0\x08"
        + bytes([array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + (array.astype(np.uint8).tobytes())
    )


@pytest.fixture
def array():
    return np.random.default_rng(0).integers(256, size=(3, 4, 5)).astype(np.uint8)


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_idx_files_are_read_back(tmp_path, array, compress):
    path = tmp_path / "file"
    path.write_bytes(compress(idx(array)))
    np.testing.assert_array_equal(read_idx(path), array)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: raw[:-1], "bytes; allowed: 76, as its header announces"),
        (lambda raw: raw + b"\0", "bytes; allowed: 76, as its header announces"),
        (lambda raw: raw[:9], "as its header announces"),
        (lambda raw: b"\0\0\x0d" + raw[3:], "got magic number 00000d03; allowed: "),
        (lambda raw: b"", "got magic number none; allowed: "),
        (lambda raw: gzip.compress(raw)[:-9], "got damaged gzip"),
        (lambda raw: b"\x1f\x8b" + raw, "got damaged gzip"),
    ],
)
def test_damaged_idx_files_are_refused(tmp_path, array, damage, message):
    path = tmp_path / "file"
    path.write_bytes(damage(idx(array)))
    with pytest.raises(ValueError, match=message):
        read_idx(path)


def write_set(folder, files):
    """Write small files of ascending bytes; return their checksums."""
    sums = []
    for name, shape in files.items():
        content = np.arange(np.prod(shape)).reshape(shape) % 10
        raw = gzip.compress(idx(content))
        (folder / f"{name}.gz").write_bytes(raw)
        sums.append(hashlib.md5(raw).hexdigest())
    return tuple(sums)


@pytest.mark.parametrize("subfolder", ["", "fashion-mnist"])
def test_fashion_images_are_read_from_the_folder_or_from_their_own(
    tmp_path, monkeypatch, subfolder
):
    small = {name: (2, *shape[1:]) for name, shape in images._FILES.items()}
    folder = tmp_path / subfolder
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv(images.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr(images, "_FILES", small)
    monkeypatch.setitem(images._PUBLISHED, "fashion-mnist", write_set(folder, small))
    split = load_images("fashion-mnist")
    pixels = np.arange(2 * 784).reshape(2, 784) % 10
    np.testing.assert_allclose(split.X, pixels / 255, rtol=1e-6)
    np.testing.assert_array_equal(split.X_test, split.X)
    np.testing.assert_array_equal(split.y, [0, 1])
    error = FileNotFoundError if subfolder else ValueError
    with pytest.raises(error, match=r"train-images-idx3-ubyte.* of mnist"):
        load_images("mnist")


def test_another_data_set_under_the_same_names_is_refused(tmp_path, monkeypatch):
    small = {name: (2, *shape[1:]) for name, shape in images._FILES.items()}
    monkeypatch.setenv(images.FOLDER_VARIABLE, str(tmp_path))
    write_set(tmp_path, small)
    with pytest.raises(ValueError, match=r"got shape \(2, 28, 28\); allowed: \(60000, 28, 28\)"):
        load_images()
    monkeypatch.setattr(images, "_FILES", small)
    with pytest.raises(ValueError, match="got a wrong checksum; allowed: the published train-"):
        load_images()


def test_a_folder_without_the_files_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv(images.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(FileNotFoundError, match=f"^SPIKECONSOL_DATA: got {tmp_path}.*unset"):
        load_images("fashion-mnist")


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_without_folder_or_connection_both_ways_are_named(monkeypatch, name):
    import pooch

    def fail(*args, **kwargs):
        raise ConnectionError

    monkeypatch.delenv(images.FOLDER_VARIABLE, raising=False)
    monkeypatch.setattr(pooch, "retrieve", fail)
    with pytest.raises(
        FileNotFoundError, match=rf"{name}: could not be downloaded.*SPIKECONSOL_DATA"
    ):
        load_images(name)


@pytest.mark.parametrize("bad", [-1.0, 256.0, np.nan])
def test_impossible_pixels_are_refused(bad):
    with pytest.raises(ValueError, match=r"^images: got pixels from .*; allowed: 0 to 255"):
        as_pixels([[0.0, bad]])


def test_unknown_data_sets_are_refused():
    with pytest.raises(ValueError, match=r"^name: got 'cifar'; allowed: mnist, fashion-mnist"):
        load_images("cifar")


@pytest.mark.skipif(
    not os.environ.get(images.FOLDER_VARIABLE), reason="SPIKECONSOL_DATA is not set"
)
def test_mnist_is_what_it_should_be():
    split = load_images("mnist")
    assert split.X.shape == (60000, 784)
    assert split.X_test.shape == (10000, 784)
    assert split.X.dtype == np.float32
    assert (split.X.min(), split.X.max()) == (0, 1)
    assert split.X.mean() == pytest.approx(0.1307, abs=1e-4)
    np.testing.assert_array_equal(np.bincount(split.y_test)[:3], [980, 1135, 1032])
    held_out = split.validation(10000)
    np.testing.assert_array_equal(held_out.y_test, split.y[-10000:])
