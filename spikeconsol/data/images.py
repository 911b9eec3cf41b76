"""MNIST and Fashion-MNIST from their IDX files, verified.

The files are looked for in the folder that the environment variable ``SPIKECONSOL_DATA`` names
(or its subfolder ``mnist`` or ``fashion-mnist``), gzipped or, for MNIST, plain; without the
variable they are downloaded into the user's cache.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol import checks
from spikeconsol.data.tasks import Split, digits_task, linear_task, xor_task

__all__ = ["as_pixels", "load_images", "load_task", "read_idx"]

FOLDER_VARIABLE = "SPIKECONSOL_DATA"
#: IDX files of a data set: the number of samples, and the rest of the shape.
_FILES = {
    "train-images-idx3-ubyte": (60000, 28, 28),
    "train-labels-idx1-ubyte": (60000,),
    "t10k-images-idx3-ubyte": (10000, 28, 28),
    "t10k-labels-idx1-ubyte": (10000,),
}
_URLS = {
    "mnist": "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "fashion-mnist": "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
}
#: MD5 of the published gzip files.
_PUBLISHED = {
    "mnist": (
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
    "fashion-mnist": (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
}
#: SHA-256 of the contents, for files that are plain or were compressed again.
_CONTENTS = {
    "mnist": (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}


def load_images(name: str = "mnist") -> Split:
    """Load a data set of 60,000 training and 10,000 test images of 28 x 28 pixels.

    Parameters
    ----------
    name : {"mnist", "fashion-mnist"}

    Returns
    -------
    Split
        Images as float32 rows of 784 values in 0..1, and their classes.

    Raises
    ------
    FileNotFoundError
        If a file is neither in the folder nor can be downloaded.
    ValueError
        If a file is damaged or is another one.
    """
    if not isinstance(name, str) or name not in _URLS:
        raise checks.wrong("name", name, ", ".join(_URLS))
    arrays = [
        _verified(_locate(name, file, published), name, index)
        for index, (file, published) in enumerate(zip(_FILES, _PUBLISHED[name], strict=True))
    ]
    X, y, X_test, y_test = arrays
    return Split(
        as_pixels(X.reshape(len(X), -1)),
        y.astype(np.int64),
        as_pixels(X_test.reshape(len(X_test), -1)),
        y_test.astype(np.int64),
    )


def load_task(
    name: str, seed: int, *, train: int = 900, test: int = 100, **settings: bool
) -> Split:
    """Load a data set by name: linear, xor, digits, mnist or fashion-mnist.

    `train`, `test` and settings are those of `linear_task` and `xor_task`; the others take none.
    """
    checks.choice("name", name, ("linear", "xor", "digits", *_URLS))
    if name in ("linear", "xor"):
        make = linear_task if name == "linear" else xor_task
        return make(seed, train=train, test=test, **settings)
    return digits_task(seed) if name == "digits" else load_images(name)


def as_pixels(images: ArrayLike) -> NDArray[np.float32]:
    """Scale grey values of 0..255 to float32 in 0..1.

    Raises
    ------
    ValueError
        If a value is NaN or outside 0..255.
    """
    images = checks.array("images", images, finite=False)
    if not images.size:
        raise ValueError(f"images: got shape {images.shape}; allowed: at least one pixel")
    low, high = images.min(), images.max()
    if not (low >= 0 and high <= 255):
        raise ValueError(f"images: got pixels from {low} to {high}; allowed: 0 to 255, no NaN")
    return np.divide(images, 255, dtype=np.float32)


def read_idx(path: str | Path) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, gzipped or plain.

    Raises
    ------
    ValueError
        If the magic number is not that of unsigned bytes, or the size is not what it announces.
    """
    if not isinstance(path, str | os.PathLike) or "\0" in str(path) or not Path(path).is_file():
        raise checks.wrong("path", path, "the path of a file")
    return _parse(_contents(Path(path)), path)


def _contents(path: Path) -> bytes:
    raw = path.read_bytes()
    if not raw.startswith(b"\x1f\x8b"):
        return raw
    try:
        return gzip.decompress(raw)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path}: got damaged gzip ({error}); allowed: a whole file") from None


def _parse(contents: bytes, path: str | Path) -> NDArray[np.uint8]:
    # Two zero bytes, the type (8: unsigned byte), the number of dimensions, big-endian sizes.
    if len(contents) < 4 or contents[:3] != b"\0\0\x08" or not 1 <= contents[3] <= 4:
        raise ValueError(
            f"{path}: got magic number {contents[:4].hex() or 'none'}; "
            "allowed: 00000801 to 00000804, an IDX file of bytes"
        )
    header = 4 + 4 * contents[3]
    sizes = contents[4:header].ljust(header - 4, b"\0")
    shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
    expected = header + int(np.prod(shape, dtype=np.int64))
    if len(contents) != expected:
        raise ValueError(
            f"{path}: got {len(contents)} bytes; allowed: {expected}, as its header announces"
        )
    return np.frombuffer(contents, np.uint8, offset=header).reshape(shape)


def _verified(path: Path, name: str, index: int) -> NDArray[np.uint8]:
    """Read one file of a data set and check its shape and checksum."""
    file, shape = list(_FILES.items())[index]
    contents = _contents(path)
    array = _parse(contents, path)
    if array.shape != shape:
        raise ValueError(f"{path}: got shape {array.shape}; allowed: {shape}, {file} of {name}")
    published = hashlib.md5(path.read_bytes()).hexdigest() == _PUBLISHED[name][index]
    known = _CONTENTS.get(name)
    if not published and (known is None or hashlib.sha256(contents).hexdigest() != known[index]):
        raise ValueError(f"{path}: got a wrong checksum; allowed: the published {file} of {name}")
    return array


def _locate(name: str, file: str, published: str) -> Path:
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        for place in (Path(folder) / name, Path(folder)):
            for candidate in (place / f"{file}.gz", place / file):
                if candidate.exists():
                    return candidate
        raise FileNotFoundError(
            f"{FOLDER_VARIABLE}: got {folder}, which holds no {file}.gz of {name}; allowed: a "
            f"folder with the four IDX files, or unset, to download them from {_URLS[name]}"
        )
    return downloaded(
        f"{_URLS[name]}{file}.gz", published, name, "a folder with the four IDX files"
    )


def located(file: str, url: str, published: str, kind: str, place: str) -> Path:
    """Return the path of an archive: in the user's folder, its subfolder of the kind, or the cache.

    Parameters
    ----------
    file, url : str
        Its name, and the address that it is below.
    published : str
        Its MD5.
    kind, place : str
        Name of the data set and of the subfolder; what a folder must be, in words.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        return downloaded(f"{url}/{file}", published, kind, place)
    for here in (Path(folder) / kind, Path(folder)):
        if (here / file).is_file():
            return here / file
    raise FileNotFoundError(
        f"{FOLDER_VARIABLE}: got {folder}, which holds no {file}; allowed: {place}, or unset, to "
        f"download it from {url}"
    )


def downloaded(address: str, md5: str, name: str, instead: str) -> Path:
    """Return the place of a file in the user's cache, downloaded there if it is not.

    Parameters
    ----------
    address : str
    md5 : str
        Of what must be there.
    name : str
        Data set that it belongs to.
    instead : str
        What `SPIKECONSOL_DATA` may be set to in its place.

    Raises
    ------
    FileNotFoundError
        If it cannot be downloaded.
    """
    import pooch

    folder, _, file = address.rpartition("/")
    try:
        return Path(
            pooch.retrieve(
                address,
                known_hash=f"md5:{md5}",
                fname=f"{name}-{file}",
                path=pooch.os_cache("spikeconsol"),
            )
        )
    except Exception as error:
        raise FileNotFoundError(
            f"{file} of {name}: could not be downloaded from {folder}/ "
            f"({type(error).__name__}); allowed: a working connection, or {FOLDER_VARIABLE} set "
            f"to {instead}"
        ) from None
