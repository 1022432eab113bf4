"""Gaussian-process mathematics on NumPy and SciPy: arrays in, arrays out; knows no trial."""
