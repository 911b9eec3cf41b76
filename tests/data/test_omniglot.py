import hashlib
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from spikeconsol.data import load_omniglot, omniglot
from spikeconsol.data.images import FOLDER_VARIABLE


def ink(character, drawing):
    """What is drawn, 105 x 105 pixels: the more the later the character."""
    drawn = np.random.default_rng([character, drawing]).random((15, 15)) < (character + 2) / 20
    return drawn.repeat(7, axis=0).repeat(7, axis=1)


def archive(characters, first=0):
    """An archive like the published ones, which are not in the order of their names."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as zipped:
        for n in reversed(range(characters)):
            for drawing in range(omniglot._DRAWINGS):
                png = io.BytesIO()
                Image.fromarray(~ink(first + n, drawing)).save(png, "PNG")
                name = f"images/Alphabet{n // 2}/character{n % 2 + 1:02}/{n:04}_{drawing:02}.png"
                zipped.writestr(name, png.getvalue())
    return made.getvalue()


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Write small archives; the folder that has them."""
    (tmp_path / "omniglot").mkdir()
    known, first = {}, 0
    for name, count in (("images_background.zip", 7), ("images_evaluation.zip", 5)):
        raw = archive(count, first)
        (tmp_path / "omniglot" / name).write_bytes(raw)
        known[name] = hashlib.md5(raw).hexdigest(), count
        first += count
    monkeypatch.setattr(omniglot, "_ARCHIVES", known)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return tmp_path


def test_drawings_are_read_by_character(made):
    X, y = load_omniglot()
    assert X.shape == (12 * 20, 784)
    np.testing.assert_array_equal(y, np.repeat(np.arange(12), 20))
    wanted = [[ink(n, drawing).mean() for drawing in range(20)] for n in range(12)]
    np.testing.assert_allclose(X.mean(axis=1).reshape(12, 20), wanted, atol=0.02)
    np.testing.assert_array_equal(load_omniglot("evaluation")[0], X[7 * 20 :])
    np.testing.assert_array_equal(load_omniglot("background")[1], y[: 7 * 20])
    with pytest.raises(ValueError, match="alphabets: got 'greek'; allowed: all, background, eval"):
        load_omniglot("greek")
    assert X.dtype == np.float32
    assert (X.min(), X.max()) == (0, 1)


def test_damaged_and_other_archives_are_refused(made, monkeypatch):
    path = made / "omniglot" / "images_background.zip"
    raw = path.read_bytes()
    path.write_bytes(raw[:-1])
    with pytest.raises(ValueError, match=r"images_background.zip: got a wrong checksum; allowed: "):
        load_omniglot()
    path.write_bytes(raw)
    known = omniglot._ARCHIVES
    wrong = {**known, path.name: (known[path.name][0], 8)}
    monkeypatch.setattr(omniglot, "_ARCHIVES", wrong)
    with pytest.raises(ValueError, match="got 140 drawings; allowed: 160"):
        load_omniglot()
    path.unlink()
    with pytest.raises(
        FileNotFoundError, match=r"holds no images_background\.zip; allowed: a folder"
    ):
        load_omniglot()


def test_without_folder_they_are_downloaded_and_verified(made, monkeypatch):
    import pooch

    asked = []

    def retrieve(address, known_hash, fname, path):
        asked.append((address, known_hash))
        return str(made / "omniglot" / address.rpartition("/")[2])

    monkeypatch.delenv(FOLDER_VARIABLE)
    monkeypatch.setattr(pooch, "retrieve", retrieve)
    load_omniglot()
    assert asked == [
        (f"{omniglot._URL}/{name}", f"md5:{md5}") for name, (md5, _) in omniglot._ARCHIVES.items()
    ]

    def fail(*args, **kwargs):
        raise ConnectionError

    monkeypatch.setattr(pooch, "retrieve", fail)
    with pytest.raises(
        FileNotFoundError, match=r"images_background\.zip of omniglot: could not be downloaded"
    ):
        load_omniglot()


def test_characters_are_a_task_of_images(made, monkeypatch):
    from spikeconsol.metaplasticity import image_classes, tasks

    monkeypatch.setitem(image_classes._CLASSES, "omniglot", (7, 5))
    for cached in (image_classes._pixels, image_classes._features, image_classes._members):
        cached.cache_clear()
    _, y = load_omniglot()
    task = tasks.ImageClasses(images="omniglot", size=8, ways=3)
    divided = image_classes.divided(0, "omniglot")
    assert sorted([*divided["train"], *divided["test"]]) == list(range(12))
    for part in ("train", "test"):
        episodes = task.replace(part=part).draw(np.random.default_rng(0), 20)
        assert episodes.x.shape == (20, 4, 11)
        features = image_classes._features("omniglot", "components", 8, 0)
        at = (episodes.x[..., None, 3:] == features).all(axis=-1).argmax(axis=-1)
        character = y[at]
        assert np.isin(character, divided[part]).all()
        label = episodes.target.argmax(axis=-1)
        asked = label[:, :3] == label[:, 3:]
        np.testing.assert_array_equal(character[:, :3] == character[:, 3:], asked)
    for cached in (image_classes._pixels, image_classes._features, image_classes._members):
        cached.cache_clear()
