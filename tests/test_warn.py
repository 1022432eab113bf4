"""Every warning points at the line of the user's that led to it."""

import ast
import inspect
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import cross_val_score

import hpo

SPACE = {"x": hpo.Float(0, 1)}


def broken(params):
    raise ArithmeticError


def search():
    X, y = load_iris(return_X_y=True)
    found = hpo.SearchCV(DummyClassifier(), {"strategy": ["prior", "uniform"]}, searcher="grid", cv=2)
    return found.set_params(scoring=lambda dummy, *_: np.nan if dummy.strategy == "prior" else 1.0), X, y


CALLS = {
    "minimize": lambda: hpo.minimize(broken, SPACE, n_trials=3, progress=False),
    "maximize": lambda: hpo.maximize(broken, SPACE, n_trials=3, progress=False),
    "optimize": lambda: hpo.Study(SPACE).optimize(broken, 3, progress=False),
    "window": lambda: hpo.minimize(lambda p: 1.0, SPACE, n_trials=1, window=1, n_jobs=2, progress=False),
    "SearchCV": lambda: search()[0].fit(*search()[1:]),
    "SearchCV in scikit-learn": lambda: cross_val_score(*search(), cv=2),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_warning_points_at_the_line_that_was_called_from(call):
    called = CALLS[call]
    with pytest.warns(UserWarning, match=r"all 3 trials|window=1|have no finite score") as found:
        called()
    assert {(w.filename, w.lineno) for w in found} == {(__file__, inspect.getsourcelines(called)[1])}


def test_nobody_in_the_package_warns_otherwise():
    package = Path(hpo.__file__).parent
    calls = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "warnings.warn"
    }
    assert calls == {"warn.py"}
