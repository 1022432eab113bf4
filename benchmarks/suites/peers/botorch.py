"""BoTorch."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import hpo


@dataclass(frozen=True)
class BoTorchSearcher(hpo.Searcher):
    """BoTorch's introductory recipe: SingleTaskGP on the relaxed unit cube, log expected improvement."""

    name: ClassVar[str] = "botorch"
    libraries: ClassVar[tuple[str, ...]] = ("botorch", "gpytorch", "torch")

    def suggest(self, space: hpo.Space, history: hpo.History, rng: np.random.Generator) -> hpo.Suggestion:
        """Configuration to try next."""
        import torch
        from botorch.acquisition import LogExpectedImprovement
        from botorch.fit import fit_gpytorch_mll
        from botorch.models import SingleTaskGP
        from botorch.optim import optimize_acqf
        from gpytorch.mlls import ExactMarginalLogLikelihood

        if history.complete.sum() < 10:
            return hpo.Suggestion(space.decode(space.sample(1, rng))[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(int(rng.integers(2**31)))
            X = torch.tensor(np.nan_to_num(history.X[history.complete], nan=0.5))
            y = -history.y[history.complete]
            target = torch.tensor((y - y.mean()) / (y.std() or 1.0))[:, None]
            model = SingleTaskGP(X, target)
            fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
            bounds = torch.tensor([[0.0] * len(space), [1.0] * len(space)], dtype=X.dtype)
            found, _ = optimize_acqf(
                LogExpectedImprovement(model, best_f=target.max()),
                bounds,
                q=1,
                num_restarts=10,
                raw_samples=512,
            )
        return hpo.Suggestion(space.decode(found.numpy())[0])
