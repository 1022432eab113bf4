"""Draw the shipped subset from the full MNIST: ``python benchmarks/mnist/subset/draw.py FOLDER``."""

import gzip
import struct
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from benchmarks.mnist.data import FILES, read_idx

SIZES = (10_000, 2_000)


def main(source: Path, target: Path) -> None:
    """Write a stratified sample of each half, in the original order, as gzipped IDX files."""
    for (image_name, label_name), size in zip(FILES, SIZES):
        images, labels = (read_idx(source / f"{name}.gz") for name in (image_name, label_name))
        kept, _ = train_test_split(np.arange(len(labels)), train_size=size, stratify=labels, random_state=0)
        kept.sort()
        write_idx(target / f"{image_name}.gz", images[kept])
        write_idx(target / f"{label_name}.gz", labels[kept])


def write_idx(path: Path, values: NDArray[np.uint8]) -> None:
    """Write unsigned bytes as a gzipped IDX file, the same bytes every time."""
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    path.write_bytes(gzip.compress(header + values.tobytes(), 9, mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).parent)
