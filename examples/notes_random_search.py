"""The starting notes' own job in this library's words: random search of their space on all 70,000 digits.

    python examples/notes_random_search.py FOLDER

FOLDER holds MNIST's four IDX files. Ten random configurations, each scored by 5-fold cross-validation
on the 56,000 training digits, one a core; the best is refitted on all 56,000 and scored once on the
14,000 test digits. Takes a quarter of an hour on two cores.
"""

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sklearn.model_selection import cross_val_score, train_test_split

import hpo
from benchmarks.mnist import load_mnist
from benchmarks.mnist.objective import make_mlp, notes_space

NOTES_TEST_ACCURACY = 97.55  # % as the notes print it, on the same split


def main(source: str) -> None:
    """Search, refit the best configuration, score the test part once."""
    load_mnist(source)  # says which digits, and fills the cache that the workers map
    study = hpo.minimize(
        partial(cross_validation_error, source=source),
        notes_space(),
        searcher="random",
        n_trials=10,
        seed=0,
        n_jobs=-1,
    )
    X_train, X_test, y_train, y_test = notes_split(source)
    best = make_mlp(study.best_params, random_state=0).fit(X_train, y_train)
    print(study.dataframe().drop(columns=["state", "search_seconds", "failure", "reason"]).to_string())
    print(f"best configuration: {study.best_params}")
    print(f"its cross-validation error: {study.best_value:.2f} %")
    print(f"test accuracy: {100 * best.score(X_test, y_test):.2f} % (the notes: {NOTES_TEST_ACCURACY} %)")


def cross_validation_error(params: dict, source: str) -> float:
    """Mean error over five folds of the training part in %."""
    X_train, _, y_train, _ = notes_split(source)
    return 100 * (1 - cross_val_score(make_mlp(params, random_state=0), X_train, y_train, cv=5).mean())


def notes_split(source: str) -> tuple:
    """The notes' split: 56,000 digits to train on, 14,000 to test."""
    return tuple(train_test_split(*load_mnist(source, quiet=True), test_size=0.2, random_state=42))


if __name__ == "__main__":
    main(sys.argv[1])
