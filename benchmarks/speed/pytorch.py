"""The same network as a PyTorch user would train it on the CPU, one thread."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn


def train(
    X: Any, y: Any, hidden: tuple[int, ...], batch: int, n_classes: int, all_on: bool, epochs: int = 2
) -> nn.Module:
    """Plain SGD; with `all_on` batch normalisation, dropout and AdamW."""
    torch.set_num_threads(1)
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y)
    widths = (X.shape[1], *hidden)
    layers: list[nn.Module] = []
    for n, m in pairwise(widths):
        parts = [nn.BatchNorm1d(m), nn.ReLU(), nn.Dropout(0.2)] if all_on else [nn.ReLU()]
        layers += [nn.Linear(n, m, bias=not all_on), *parts]
    model = nn.Sequential(*layers, nn.Linear(widths[-1], n_classes))
    optimiser: Any = torch.optim.SGD(model.parameters(), lr=0.01)
    if all_on:
        optimiser = torch.optim.AdamW(model.parameters(), lr=0.001, weight_decay=0.01)
    for _ in range(epochs):
        order = torch.randperm(len(inputs))
        for begin in range(0, len(inputs) - batch + 1, batch):
            rows = order[begin : begin + batch]
            loss = nn.functional.cross_entropy(model(inputs[rows]), targets[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return model.eval()


def predict(model: nn.Module, X: Any) -> np.ndarray:
    """Most probable classes."""
    with torch.no_grad():
        classes: np.ndarray = model(torch.from_numpy(X)).argmax(dim=1).numpy()
    return classes
