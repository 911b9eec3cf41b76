"""Omniglot: 1,623 handwritten characters, each drawn by twenty people.

The two archives are looked for in the folder that the environment variable ``SPIKECONSOL_DATA``
names, or its subfolder ``omniglot``; without the variable they are downloaded into the user's
cache.

References
----------
Lake, B. M., Salakhutdinov, R., Tenenbaum, J. B. (2015). Human-level concept learning through
probabilistic program induction. Science 350, 1332-1338. https://github.com/brendenlake/omniglot
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spikeconsol import checks
from spikeconsol.data.images import located

__all__ = ["load_omniglot"]

#: Archives: the MD5 of each, and the number of its characters.
_ARCHIVES = {
    "images_background.zip": ("68d2efa1b9178cc56df9314c21c6e718", 964),
    "images_evaluation.zip": ("6b91aef0f799c5bb55b94e3f2daec811", 659),
}
_URL = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python"
#: Drawings of each character, and the side to which their 105 x 105 pixels are averaged.
_DRAWINGS, _SIDE = 20, 28


def load_omniglot(
    alphabets: str = "all",
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Load drawings of 28 x 28 pixels, ink 1 and paper 0.

    Parameters
    ----------
    alphabets : {"all", "background", "evaluation"}, optional
        The background alphabets have 964 characters, the others 659.

    Returns
    -------
    X : ndarray of float32, shape (20 characters, 784)
    y : ndarray of int, shape (20 characters,)
        Characters by name, those of the background alphabets first.

    Raises
    ------
    FileNotFoundError, ValueError
        If an archive is missing or another one, as with `load_images`.
    """
    checks.choice("alphabets", alphabets, ("all", "background", "evaluation"))
    drawings, characters = [], 0
    for archive, (md5, count) in _ARCHIVES.items():
        if alphabets not in ("all", archive[len("images_") : -len(".zip")]):
            continue
        path = located(archive, _URL, md5, "omniglot", "a folder with both archives")
        contents = path.read_bytes()
        if hashlib.md5(contents).hexdigest() != md5:
            raise ValueError(f"{path}: got a wrong checksum; allowed: the published {archive}")
        drawings.append(_read(contents, path, count))
        characters += count
    y = np.repeat(np.arange(characters), _DRAWINGS)
    return np.concatenate(drawings).reshape(len(y), -1), y


def _read(contents: bytes, path: Path, count: int) -> NDArray[np.float32]:
    """Return the drawings of an archive in the order of their names, (characters, 20, 28, 28)."""
    from PIL import Image

    drawn = np.empty((count * _DRAWINGS, _SIDE, _SIDE), np.float32)
    with zipfile.ZipFile(io.BytesIO(contents)) as archive:
        # images_background/ALPHABET/characterNN/NNNN_NN.png
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
        if len(names) != len(drawn):
            raise ValueError(f"{path}: got {len(names)} drawings; allowed: {len(drawn)}")
        for n, name in enumerate(names):
            with Image.open(archive.open(name)) as image:
                small = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
            drawn[n] = 1 - np.asarray(small, np.float32) / 255
    return drawn
