"""Real searches: estimators of scikit-learn on small data, as a person would tune them.

The value that a search sees is cross-validated, with the folds and the estimator's draws of its seed; the
value without noise is the mean over others. Nobody knows the best one.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_wine,
    make_classification,
    make_friedman1,
)
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import ElasticNet, LogisticRegression, SGDClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import SVC

import hpo

Data = tuple[NDArray[Any], NDArray[Any]]
N_FOLDS = 3
JUDGING_SEEDS = (10_001, 10_002, 10_003)  # of the folds of `truth`; no search sees them
LEAST_PROBABILITY = 1e-4  # so that one confident mistake does not make up a log loss


@dataclass(frozen=True)
class Loss:
    """How predictions are made and measured.

    Parameters
    ----------
    measure : callable
        ``measure(y, predicted) -> float``.
    method : {"predict", "predict_proba"}
    folds : type
        Of scikit-learn's cross-validators.
    of_a_guess : float
        The loss of a guess that knows nothing, among ten classes where that matters.
    """

    measure: Callable[[NDArray[Any], NDArray[Any]], float]
    method: str
    folds: Callable[..., Any]
    of_a_guess: float


@dataclass(frozen=True)
class Search:
    """One estimator, its space, and the data on which it is cross-validated.

    Parameters
    ----------
    estimator : callable
        ``estimator(params, seed)``: unfitted.
    space : hpo.Space
    data : str
        A key of `DATA`.
    loss : Loss
    """

    estimator: Callable[[Mapping[str, Any], int], Any]
    space: hpo.Space
    data: str
    loss: Loss

    def observe(self, params: Mapping[str, Any], seed: int = 0) -> float:
        """Cross-validated loss with the folds and the draws of a seed.

        Raises
        ------
        ValueError
            If the estimator diverges or cannot be fitted: the trial fails.
        """
        X, y = _data(self.data)
        folds = self.loss.folds(N_FOLDS, shuffle=True, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as that a fit has not converged: its loss tells
            predicted = cross_val_predict(
                self.estimator(params, seed), X, y, cv=folds, method=self.loss.method
            )
        if not np.isfinite(predicted).all():
            raise ValueError("the estimator diverged: what it predicts is not finite")
        return self.loss.measure(y, predicted)

    def truth(self, params: Mapping[str, Any]) -> float:
        """Mean loss over other folds and draws, that of a guess for those with which it diverges."""
        return float(np.mean([self._judged(params, seed) for seed in JUDGING_SEEDS]))

    def _judged(self, params: Mapping[str, Any], seed: int) -> float:
        try:
            return self.observe(params, seed)
        except ValueError:
            return self.loss.of_a_guess


def _log_loss(y: NDArray[Any], probabilities: NDArray[Any]) -> float:
    clipped = np.maximum(probabilities, LEAST_PROBABILITY)
    return float(log_loss(y, clipped / clipped.sum(axis=1, keepdims=True)))


LOG_LOSS = Loss(_log_loss, "predict_proba", StratifiedKFold, float(np.log(10)))
ERROR = Loss(lambda y, predicted: float(np.mean(y != predicted)), "predict", StratifiedKFold, 0.9)
SQUARED_ERROR = Loss(
    lambda y, predicted: float(np.mean((y - predicted) ** 2) / np.var(y)), "predict", KFold, 1.0
)


def _digits() -> Data:
    X, y = load_digits(return_X_y=True)
    chosen = np.random.default_rng(0).permutation(len(X))[:400]
    return X[chosen] / 16.0, y[chosen]


def _clusters() -> Data:
    X, y = make_classification(
        400, 20, n_informative=6, n_classes=3, n_clusters_per_class=2, flip_y=0.05, random_state=11
    )
    return X, y


def _friedman() -> Data:
    X, y = make_friedman1(300, 10, noise=1.0, random_state=12)
    return X, y


DATA: dict[str, Callable[[], Data]] = {
    "digits": _digits,
    "clusters": _clusters,
    "friedman": _friedman,
    "breast cancer": lambda: load_breast_cancer(return_X_y=True),
    "diabetes": lambda: load_diabetes(return_X_y=True),
    "wine": lambda: load_wine(return_X_y=True),
}


@cache
def _data(name: str) -> Data:
    return DATA[name]()


def _boosting(params: Mapping[str, Any], seed: int) -> Any:
    return HistGradientBoostingClassifier(early_stopping=False, random_state=seed, **params)


def _boosting_regressor(params: Mapping[str, Any], seed: int) -> Any:
    return HistGradientBoostingRegressor(early_stopping=False, random_state=seed, **params)


def _trees(params: Mapping[str, Any], seed: int) -> Any:
    return ExtraTreesClassifier(40, random_state=seed, **params)


def _forest(params: Mapping[str, Any], seed: int) -> Any:
    return RandomForestRegressor(40, random_state=seed, **params)


def _support_vectors(params: Mapping[str, Any], seed: int) -> Any:
    return make_pipeline(StandardScaler(), SVC(random_state=seed, **params))


def _neighbours(params: Mapping[str, Any], seed: int) -> Any:
    own = dict(params)
    reduced = PCA(own.pop("n_components"), whiten=own.pop("whiten"), random_state=seed)
    return make_pipeline(StandardScaler(), reduced, KNeighborsClassifier(**own))


def _gradient_descent(params: Mapping[str, Any], seed: int) -> Any:
    model = SGDClassifier(loss="log_loss", penalty="elasticnet", max_iter=30, random_state=seed, **params)
    return make_pipeline(StandardScaler(), model)


def _network(params: Mapping[str, Any], seed: int) -> Any:
    own = dict(params)
    layer = (own.pop("units"),)
    return make_pipeline(StandardScaler(), MLPClassifier(layer, max_iter=25, random_state=seed, **own))


def _kernel_ridge(params: Mapping[str, Any], seed: int) -> Any:
    return make_pipeline(StandardScaler(), KernelRidge(**params))


def _polynomial(params: Mapping[str, Any], seed: int) -> Any:
    own = dict(params)
    powers = PolynomialFeatures(own.pop("degree"), interaction_only=own.pop("interaction_only"))
    return make_pipeline(StandardScaler(), powers, StandardScaler(), ElasticNet(max_iter=300, **own))


def _any_classifier(params: Mapping[str, Any], seed: int) -> Any:
    own = {name.partition(": ")[2]: value for name, value in params.items() if ": " in name}
    makers: dict[str, Callable[..., Any]] = {
        "SVC": SVC,
        "neighbours": KNeighborsClassifier,
        "logistic": lambda **own: LogisticRegression(max_iter=200, **own),
        "trees": lambda **own: ExtraTreesClassifier(30, random_state=seed, **own),
        "SGD": lambda **own: SGDClassifier(penalty="elasticnet", max_iter=30, random_state=seed, **own),
    }
    return make_pipeline(StandardScaler(), makers[params["classifier"]](**own))


BOOSTING = hpo.Space(
    {
        "learning_rate": hpo.Float(0.005, 1.0, log=True),
        "max_iter": hpo.Int(10, 100, log=True),
        "max_leaf_nodes": hpo.Int(2, 31, log=True),
        "min_samples_leaf": hpo.Int(1, 60, log=True),
        "l2_regularization": hpo.Float(1e-6, 1e2, log=True),
        "max_features": hpo.Float(0.1, 1.0),
        "max_depth": hpo.Int(1, 12),
    }
)
TREES = hpo.Space(
    {
        "max_features": hpo.Float(0.02, 1.0),
        "min_samples_leaf": hpo.Int(1, 30, log=True),
        "max_depth": hpo.Int(2, 25),
        "criterion": hpo.Categorical(["gini", "entropy"]),
        "min_impurity_decrease": hpo.Float(1e-6, 1e-1, log=True),
        "bootstrap": hpo.Categorical([False, True]),
        "max_samples": hpo.Float(0.1, 1.0, when={"bootstrap": True}),
    }
)
FOREST = hpo.Space(
    {
        "max_features": hpo.Float(0.02, 1.0),
        "min_samples_leaf": hpo.Int(1, 30, log=True),
        "max_depth": hpo.Int(2, 25),
        "max_samples": hpo.Float(0.1, 1.0),
        "ccp_alpha": hpo.Float(1e-6, 1.0, log=True),
    }
)
SUPPORT_VECTORS = hpo.Space(
    {
        "C": hpo.Float(1e-3, 1e4, log=True),
        "kernel": hpo.Categorical(["rbf", "poly", "sigmoid"]),
        "gamma": hpo.Float(1e-6, 10.0, log=True),
        "degree": hpo.Int(2, 5, when={"kernel": "poly"}),
        "coef0": hpo.Float(-1.0, 1.0, when={"kernel": ["poly", "sigmoid"]}),
    }
)
NEIGHBOURS = hpo.Space(
    {
        "n_neighbors": hpo.Int(1, 60, log=True),
        "weights": hpo.Categorical(["uniform", "distance"]),
        "p": hpo.Float(1.0, 3.0),
        "n_components": hpo.Int(2, 40),
        "whiten": hpo.Categorical([False, True]),
    }
)
GRADIENT_DESCENT = hpo.Space(
    {
        "alpha": hpo.Float(1e-7, 1.0, log=True),
        "l1_ratio": hpo.Float(0.0, 1.0),
        "learning_rate": hpo.Categorical(["optimal", "constant", "invscaling", "adaptive"]),
        "eta0": hpo.Float(
            1e-5, 1.0, log=True, when={"learning_rate": ["constant", "invscaling", "adaptive"]}
        ),
        "power_t": hpo.Float(0.1, 0.9, when={"learning_rate": "invscaling"}),
        "average": hpo.Categorical([False, True]),
    }
)
NETWORK = hpo.Space(
    {
        "units": hpo.Int(2, 128, log=True),
        "alpha": hpo.Float(1e-7, 10.0, log=True),
        "learning_rate_init": hpo.Float(1e-5, 1.0, log=True),
        "batch_size": hpo.Int(8, 128, log=True),
        "activation": hpo.Categorical(["relu", "tanh", "logistic"]),
        "solver": hpo.Categorical(["adam", "sgd"]),
        "momentum": hpo.Float(0.0, 0.99, when={"solver": "sgd"}),
    }
)
KERNEL_RIDGE = hpo.Space(
    {
        "alpha": hpo.Float(1e-6, 1e2, log=True),
        "kernel": hpo.Categorical(["rbf", "laplacian", "poly"]),
        "gamma": hpo.Float(1e-6, 1e1, log=True),
        "degree": hpo.Int(1, 4, when={"kernel": "poly"}),
        "coef0": hpo.Float(0.0, 5.0, when={"kernel": "poly"}),
    }
)
POLYNOMIAL = hpo.Space(
    {
        "alpha": hpo.Float(1e-4, 10.0, log=True),
        "l1_ratio": hpo.Float(0.0, 1.0),
        "degree": hpo.Int(1, 3),
        "interaction_only": hpo.Categorical([False, True]),
    }
)
CLASSIFIERS = hpo.Space(
    {
        "classifier": hpo.Categorical(["SVC", "neighbours", "logistic", "trees", "SGD"]),
        "SVC: C": hpo.Float(1e-3, 1e4, log=True, when={"classifier": "SVC"}),
        "SVC: gamma": hpo.Float(1e-6, 10.0, log=True, when={"classifier": "SVC"}),
        "neighbours: n_neighbors": hpo.Int(1, 60, log=True, when={"classifier": "neighbours"}),
        "neighbours: weights": hpo.Categorical(["uniform", "distance"], when={"classifier": "neighbours"}),
        "neighbours: p": hpo.Float(1.0, 3.0, when={"classifier": "neighbours"}),
        "logistic: C": hpo.Float(1e-5, 1e4, log=True, when={"classifier": "logistic"}),
        "trees: max_features": hpo.Float(0.05, 1.0, when={"classifier": "trees"}),
        "trees: min_samples_leaf": hpo.Int(1, 20, log=True, when={"classifier": "trees"}),
        "SGD: alpha": hpo.Float(1e-7, 1e-1, log=True, when={"classifier": "SGD"}),
        "SGD: l1_ratio": hpo.Float(0.0, 1.0, when={"classifier": "SGD"}),
    }
)


def estimators() -> dict[str, Search]:
    """Seventeen searches by name: what is tuned, and on what."""
    return {
        "boosting on breast cancer": Search(_boosting, BOOSTING, "breast cancer", LOG_LOSS),
        "boosting on clusters": Search(_boosting, BOOSTING, "clusters", LOG_LOSS),
        "boosting on diabetes": Search(_boosting_regressor, BOOSTING, "diabetes", SQUARED_ERROR),
        "boosting on friedman": Search(_boosting_regressor, BOOSTING, "friedman", SQUARED_ERROR),
        "trees on digits": Search(_trees, TREES, "digits", LOG_LOSS),
        "trees on clusters": Search(_trees, TREES, "clusters", LOG_LOSS),
        "forest on friedman": Search(_forest, FOREST, "friedman", SQUARED_ERROR),
        "support vectors on digits": Search(_support_vectors, SUPPORT_VECTORS, "digits", ERROR),
        "support vectors on clusters": Search(_support_vectors, SUPPORT_VECTORS, "clusters", ERROR),
        "neighbours on digits": Search(_neighbours, NEIGHBOURS, "digits", ERROR),
        "gradient descent on breast cancer": Search(
            _gradient_descent, GRADIENT_DESCENT, "breast cancer", LOG_LOSS
        ),
        "network on digits": Search(_network, NETWORK, "digits", LOG_LOSS),
        "network on wine": Search(_network, NETWORK, "wine", LOG_LOSS),
        "kernel ridge on diabetes": Search(_kernel_ridge, KERNEL_RIDGE, "diabetes", SQUARED_ERROR),
        "polynomial on friedman": Search(_polynomial, POLYNOMIAL, "friedman", SQUARED_ERROR),
        "any classifier on digits": Search(_any_classifier, CLASSIFIERS, "digits", ERROR),
        "any classifier on clusters": Search(_any_classifier, CLASSIFIERS, "clusters", ERROR),
    }
