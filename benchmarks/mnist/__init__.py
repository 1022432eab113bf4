"""The main benchmark: a NumPy network on handwritten digits."""

from benchmarks.mnist.data import load_mnist
from benchmarks.mnist.mlp import MLP

__all__ = ["MLP", "load_mnist"]
