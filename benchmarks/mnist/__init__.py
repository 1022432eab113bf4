"""The main benchmark: a NumPy network on handwritten digits."""

from benchmarks.mnist.cnn import CNN
from benchmarks.mnist.data import load_mnist
from benchmarks.mnist.mlp import MLP

__all__ = ["CNN", "MLP", "load_mnist"]
