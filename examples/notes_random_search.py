"""The starting notes' job in this library's words: random search of their space on all 70,000 digits.

python examples/notes_random_search.py FOLDER, a folder with MNIST's four IDX files; run from the
repository's root. Takes some minutes.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sklearn.model_selection import train_test_split

import hpo
from benchmarks.mnist import load_mnist
from benchmarks.mnist.objective import make_mlp, notes_space

NOTES_TEST_ACCURACY = 97.55  # % as the notes print it, on the same split


def main(source: str, n_trials: int = 10) -> None:
    """Search on 80 % of the training part, refit the best on all of it, score the test part once."""
    X, y = load_mnist(source)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
    X_fit, X_valid, y_fit, y_valid = train_test_split(X_train, y_train, test_size=0.2, random_state=0)

    def error(params: dict) -> float:
        return 100 * (1 - make_mlp(params, random_state=0).fit(X_fit, y_fit).score(X_valid, y_valid))

    study = hpo.minimize(error, notes_space(), searcher="random", n_trials=n_trials, seed=0)
    best = make_mlp(study.best_params, random_state=0).fit(X_train, y_train)
    print(f"best configuration: {study.best_params}, validation error {study.best_value:.2f} %")
    print(f"test accuracy: {100 * best.score(X_test, y_test):.2f} % (the notes: {NOTES_TEST_ACCURACY} %)")


if __name__ == "__main__":
    main(sys.argv[1])
