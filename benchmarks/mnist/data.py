"""MNIST from a folder, from OpenML or from the subset that ships with this repository."""

import gzip
import hashlib
import json
import math
import os
import socket
import struct
import tempfile
import zlib
from http.client import HTTPException
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

SUBSET = Path(__file__).parent / "subset"
FILES = (
    ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)
# SHA-256 of the 70,000 images (uint8, row by row) followed by their labels (uint8), train before test.
MNIST_SHA256 = "c2069063c1105f2bf96266aef1ff68c6e13bdda7a54e37bf19c16f1db24efc83"
CONNECT_SECONDS = 2.0  # how long to wait for OpenML before the shipped subset is used
STALL_SECONDS = 20.0  # how long a download may stand still
MAX_AXES = 3  # of images: one for them, two for their pixels

Digits = tuple[NDArray[np.float32], NDArray[np.int64]]


def load_mnist(source: str | Path | None = None, *, quiet: bool = False) -> Digits:
    """Load the digits, memory-mapped from a cache that all processes share.

    Parameters
    ----------
    source : path, "subset" or None
        A folder of the four IDX files, gzipped or not. None: OpenML's ``mnist_784`` if it can be
        reached or is cached, else the shipped subset. ``"subset"``: the shipped subset.
    quiet : bool
        Do not say on screen (on standard error) where the digits came from.

    Returns
    -------
    X : ndarray of float32, shape (70000, 784)
        Intensities in [0, 1], read-only; the 60,000 training digits come first. The subset has
        10,000 + 2,000 rows.
    y : ndarray of int64, shape (70000,)

    Raises
    ------
    FileNotFoundError
        If the folder lacks one of the files.
    ValueError
        If `source` is none of these, or a file is damaged or incomplete; the message names it.
    """
    if source is not None and (not isinstance(source, str | os.PathLike) or source == ""):
        raise ValueError(f"source={source!r}: must be a folder, 'subset' or None")
    if source is None:
        X, y, origin = _openml_or_subset()
    else:
        folder = SUBSET if source == "subset" else Path(source)
        X, y = _from_folder(folder)
        origin = f"the shipped subset ({folder})" if folder == SUBSET else str(folder)
    if not quiet:
        click.echo(f"MNIST: {len(X):,} digits from {origin}", err=True)
    return X, y


def _openml_or_subset() -> tuple[NDArray[np.float32], NDArray[np.int64], str]:
    cached = _cached(MNIST_SHA256)
    if cached is not None:
        return *cached, "the cache of OpenML's mnist_784"
    try:
        socket.create_connection(("api.openml.org", 443), CONNECT_SECONDS).close()
        found = _download()
    # URLError and timeouts are OSErrors, too; what was downloaded in part ends in an EOFError; what the
    # server says of its own troubles, and an answer that is none, are ValueErrors.
    except (OSError, HTTPException, EOFError, ValueError) as error:
        return *_from_folder(SUBSET), f"the shipped subset (OpenML cannot be reached: {error})"
    pixels, labels = found.data.astype(np.uint8), found.target.astype(np.uint8)
    checksum = hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest()
    if checksum != MNIST_SHA256:
        raise ValueError(
            f"OpenML's mnist_784 in {cache_folder() / 'openml'}: checksum {checksum} is not {MNIST_SHA256}; "
            "delete that folder to download it again"
        )
    return *_store(checksum, pixels, labels), "OpenML's mnist_784"


def _download() -> Any:
    """OpenML's mnist_784; a server that falls silent is a TimeoutError."""
    from sklearn.datasets import fetch_openml

    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_SECONDS)  # fetch_openml has no option of its own for it
    try:
        return fetch_openml(
            "mnist_784", version=1, as_frame=False, data_home=str(cache_folder() / "openml"), n_retries=0
        )
    finally:
        socket.setdefaulttimeout(patience)


def _from_folder(folder: Path) -> Digits:
    """Decode the four files, or map what was decoded from the same bytes before."""
    if not folder.is_dir():
        raise FileNotFoundError(f"source={str(folder)!r}: is not a folder")
    paths = [_find(folder, name) for pair in FILES for name in pair]
    key = hashlib.sha256(b"".join(hashlib.sha256(p.read_bytes()).digest() for p in paths)).hexdigest()
    cached = _cached(key)
    if cached is not None:
        return cached
    images, labels = [read_idx(p) for p in paths[::2]], [read_idx(p) for p in paths[1::2]]
    for image_path, label_path, image, label in zip(paths[::2], paths[1::2], images, labels):
        if image.ndim != 3 or image.shape[1:] != (28, 28):
            raise ValueError(f"{image_path}: holds shape {image.shape}, not (n, 28, 28)")
        if label.shape != image.shape[:1] or label.max(initial=0) > 9:
            raise ValueError(f"{label_path}: must hold {len(image)} labels from 0 to 9")
    return _store(key, np.concatenate([i.reshape(-1, 784) for i in images]), np.concatenate(labels))


def _find(folder: Path, name: str) -> Path:
    for path in (folder / f"{name}.gz", folder / name):
        if path.exists():
            return path
    raise FileNotFoundError(f"{folder / name}: neither this file nor {name}.gz is there")


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes, gzipped or not.

    Raises
    ------
    ValueError
        If the file is damaged or incomplete.
    """
    try:
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: damaged or downloaded in part only ({error})") from None
    n_axes = raw[3] if len(raw) >= 4 and raw[:3] == b"\x00\x00\x08" else 0
    if not 1 <= n_axes <= MAX_AXES or len(raw) < 4 + 4 * n_axes:
        raise ValueError(f"{path}: is not an IDX file of unsigned bytes")
    shape = struct.unpack(f">{n_axes}I", raw[4 : 4 + 4 * n_axes])
    body = np.frombuffer(raw, np.uint8, offset=4 + 4 * n_axes)
    if body.size != math.prod(shape) or not body.size:
        raise ValueError(f"{path}: has {body.size} values where its header says {shape}: downloaded in part?")
    return body.reshape(shape)


def cache_folder() -> Path:
    """Where decoded digits are kept: ``$XDG_CACHE_HOME/hpo``, else ``~/.cache/hpo``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hpo"


def _cached(key: str) -> Digits | None:
    """Map the cached arrays; None where they are not there or not what was written."""
    folder = cache_folder() / f"mnist-{key[:16]}"
    try:
        X = np.load(folder / "X.npy", mmap_mode="r")
        y = np.load(folder / "y.npy")
        checksum = json.loads((folder / "crc32.json").read_text())
    except (OSError, ValueError, EOFError):
        return None
    return (X, y) if checksum == _crc32(X, y) else None


def _store(key: str, pixels: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Digits:
    X = pixels.astype(np.float32)
    X /= 255
    X.flags.writeable = False
    y = labels.astype(np.int64)
    folder = cache_folder() / f"mnist-{key[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, save in (
            ("X.npy", lambda f: np.save(f, X)),
            ("y.npy", lambda f: np.save(f, y)),
            ("crc32.json", lambda f: f.write(json.dumps(_crc32(X, y)).encode())),
        ):
            _replace(folder / name, save)
    except OSError:  # no place for a cache: the arrays serve as well, only not shared
        return X, y
    return _cached(key) or (X, y)


def _replace(path: Path, save: Any) -> None:
    """Write beside the file and rename: other processes see the old one or the whole new one."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        try:
            save(file)
            file.flush()
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)  # on a disk that is full each part left behind would make it fuller
            raise


def _crc32(X: NDArray[Any], y: NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(y).data, zlib.crc32(np.ascontiguousarray(X).data))
