import hashlib
import io
import sys
import tarfile

import numpy as np
import pytest

from spikeconsol.data import load_cifar10, load_photographs, photographs
from spikeconsol.data.images import FOLDER_VARIABLE

RNG = np.random.default_rng(0)


def test_photographs_are_grey_and_shrunk():
    pytest.importorskip("skimage")
    train, test = load_photographs(), load_photographs("test")
    assert (len(train), len(test)) == (6, 2)
    half = load_photographs(shrunk=8)
    for image, smaller in zip(train, half, strict=True):
        assert 0 <= image.min() < image.max() <= 1
        rows, columns = smaller.shape
        blocks = image[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2)
        np.testing.assert_allclose(blocks.mean(axis=(1, 3)), smaller)
    assert load_photographs()[0] is train[0]
    with pytest.raises(ValueError, match="read-only"):
        train[0][0, 0] = 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"part": "cats"}, "part: got 'cats'; allowed: train, test"),
        ({"part": ["train"]}, r"part: got \['train'\]; allowed: train, test"),
        ({"shrunk": 0}, "shrunk: got 0; allowed: "),
    ],
)
def test_impossible_photographs_are_refused(given, message):
    with pytest.raises((ValueError, TypeError), match=message):
        load_photographs(**given)


def test_without_scikit_image_the_way_to_it_is_named(monkeypatch):
    photographs._grey.cache_clear()
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(ImportError, match=r"photographs: scikit-image .*spikeconsol\[photograph"):
        load_photographs()


@pytest.fixture
def made(tmp_path, monkeypatch):
    """An archive of two images in each member, in a folder that is named."""
    images = RNG.integers(256, size=(12, 32, 32, 3)).astype(np.uint8)
    labels = np.arange(12, dtype=np.uint8)
    path = tmp_path / "cifar-10" / photographs._ARCHIVE
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as archive:
        for k, member in enumerate(photographs._MEMBERS):
            two = slice(2 * k, 2 * k + 2)
            flat = images[two].transpose(0, 3, 1, 2).reshape(2, -1)
            contents = np.column_stack([labels[two], flat]).tobytes()
            about = tarfile.TarInfo(f"cifar-10-batches-bin/{member}")
            about.size = len(contents)
            archive.addfile(about, io.BytesIO(contents))
    monkeypatch.setattr(photographs, "_MD5", hashlib.md5(path.read_bytes()).hexdigest())
    monkeypatch.setattr(photographs, "_COUNT", 2)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return path, images, labels


def test_cifar_is_read_in_colour_the_test_images_last(made):
    _, images, labels = made
    X, y = load_cifar10()
    np.testing.assert_array_equal(X, images)
    np.testing.assert_array_equal(y, labels)


def test_another_archive_is_refused(made, monkeypatch):
    path, *_ = made
    monkeypatch.setattr(photographs, "_COUNT", 3)
    with pytest.raises(ValueError, match=r"got 6146 bytes of data_batch_1.bin; allowed: 9219"):
        load_cifar10()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="got a wrong checksum; allowed: the published cifar-10"):
        load_cifar10()
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"holds no cifar-10-binary\.tar\.gz; allowed: a f"):
        load_cifar10()


def test_without_folder_it_is_downloaded_and_verified(made, monkeypatch):
    import pooch

    path, images, _ = made
    asked = []

    def retrieve(address, known_hash, fname, path):
        asked.append((address, known_hash))
        return str(made[0])

    monkeypatch.delenv(FOLDER_VARIABLE)
    monkeypatch.setattr(pooch, "retrieve", retrieve)
    assert len(load_cifar10()[0]) == len(images)
    assert asked == [(f"{photographs._URL}/{path.name}", f"md5:{photographs._MD5}")]
