"""Photographs in grey: those that come with scikit-image, and the small ones of CIFAR-10.

The archive of CIFAR-10 (170 MB) is looked for in the folder that the environment variable
``SPIKECONSOL_DATA`` names, or its subfolder ``cifar-10``; without the variable it is downloaded
into the user's cache.

References
----------
Krizhevsky, A. (2009). Learning multiple layers of features from tiny images. Technical report,
University of Toronto. https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

import hashlib
import tarfile
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spikeconsol import checks
from spikeconsol.data.images import located

__all__ = ["load_cifar10", "load_photographs"]

#: Photographs that come with scikit-image; those of the test are never trained on.
_PHOTOGRAPHS = {
    "train": ("astronaut", "camera", "coffee", "rocket", "coins", "moon"),
    "test": ("chelsea", "stereo_motorcycle"),
}
_ARCHIVE, _MD5 = "cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"
_URL = "https://www.cs.toronto.edu/~kriz"
#: Members of the archive, and the number of images in each.
_MEMBERS = (*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin")
_COUNT, _SIDE = 10_000, 32


def load_photographs(part: str = "train", *, shrunk: int = 4) -> tuple[NDArray[np.float64], ...]:
    """Return the photographs of scikit-image in grey, squares of pixels averaged.

    Parameters
    ----------
    part : {"train", "test"}, optional
        Six photographs, or two others.
    shrunk : int, optional
        Side of the squares that become a pixel, 64 at most.

    Returns
    -------
    tuple of ndarray, each of shape (rows, columns)
        Grey values in 0..1, not to be written to.

    Raises
    ------
    ImportError
        Without scikit-image.
    """
    checks.choice("part", part, tuple(_PHOTOGRAPHS))
    return _grey(part, checks.whole("shrunk", shrunk, at_least=1, at_most=64))


@lru_cache(maxsize=4)
def _grey(part: str, shrunk: int) -> tuple[NDArray[np.float64], ...]:
    try:
        from skimage import data
    except ImportError:
        raise ImportError(
            "photographs: scikit-image is not installed; allowed: "
            "pip install 'spikeconsol[photographs]'"
        ) from None
    photographs = []
    for name in _PHOTOGRAPHS[part]:
        photograph = getattr(data, name)()
        photograph = photograph[0] if isinstance(photograph, tuple) else photograph
        grey = photograph.reshape(*photograph.shape[:2], -1).mean(axis=-1) / 255
        rows, columns = (length // shrunk * shrunk for length in grey.shape)
        square = grey[:rows, :columns].reshape(rows // shrunk, shrunk, columns // shrunk, shrunk)
        photographs.append(square.mean(axis=(1, 3)))
        photographs[-1].flags.writeable = False
    return tuple(photographs)


def load_cifar10() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Load the 60,000 small photographs of CIFAR-10, in colour; those of the test are last.

    Returns
    -------
    X : ndarray of uint8, shape (60000, 32, 32, 3)
    y : ndarray of int, shape (60000,)
        Classes 0 to 9.

    Raises
    ------
    FileNotFoundError
        If the archive is neither in the folder nor can be downloaded.
    ValueError
        If it is damaged or is another one.
    """
    path = located(_ARCHIVE, _URL, _MD5, "cifar-10", "a folder with the archive")
    with path.open("rb") as file:
        if hashlib.file_digest(file, "md5").hexdigest() != _MD5:
            raise ValueError(f"{path}: got a wrong checksum; allowed: the published {_ARCHIVE}")
    size = 1 + 3 * _SIDE**2  # the class, then red, green and blue
    records = []
    with tarfile.open(path) as archive:
        for member in _MEMBERS:
            contents = archive.extractfile(f"cifar-10-batches-bin/{member}")
            read = b"" if contents is None else contents.read()
            if len(read) != _COUNT * size:
                raise ValueError(
                    f"{path}: got {len(read)} bytes of {member}; allowed: {_COUNT * size}"
                )
            records.append(np.frombuffer(read, np.uint8).reshape(_COUNT, size))
    both = np.concatenate(records)
    images = both[:, 1:].reshape(-1, 3, _SIDE, _SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), both[:, 0].astype(np.int64)
