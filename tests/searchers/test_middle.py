"""The belief in the middles of fine ranges."""

import numpy as np
import pytest

import hpo
from hpo.searchers.middle import Belief, toward_middle
from hpo.space import Space

SPACE = Space({
    "fine": hpo.Float(0, 1), "few": hpo.Ordinal([1, 2, 3]), "name": hpo.Categorical(["a", "b"]),
    "sometimes": hpo.Float(0, 1, when={"name": "a"}),
})  # fmt: skip


def test_only_fine_ranges_are_squeezed():
    corner = np.array([[0.0, 0.0, 0.0, 1.0]])
    squeezed = toward_middle(SPACE, corner, 0.6)[0]
    assert squeezed[[0, 3]] == pytest.approx([0.2, 0.8])
    assert squeezed[[1, 2]] == pytest.approx(SPACE.snap(corner)[0][[1, 2]])


def test_the_belief_falls_to_the_ends_of_fine_ranges_and_fades():
    points = np.array([[0.5, 0.1, 0.2, 0.5], [1.0, 0.1, 0.2, 0.5], [1.0, 0.9, 0.2, np.nan]])
    early, late = (Belief.after(n, SPACE, 10.0).log_density(points)[0] for n in (10, 1000))
    assert early == pytest.approx([0.0, -0.5 * (0.5 / 0.3) ** 2, -0.5 * (0.5 / 0.3) ** 2])
    assert late == pytest.approx(early / 100)


def test_its_gradient():
    belief, u = Belief.after(7, SPACE, 10.0), np.array([0.3, 0.5, 0.5, 0.9])
    steps = 1e-6 * np.eye(4)
    expected = [
        (belief.log_density((u + e)[None])[0][0] - belief.log_density((u - e)[None])[0][0]) / 2e-6
        for e in steps
    ]
    assert belief.log_density(u[None])[1][0] == pytest.approx(expected, abs=1e-6)


def test_where_nothing_is_known_corners_wait():
    space = {f"x{j}": hpo.Float(0, 1) for j in range(8)}
    study = hpo.minimize(lambda params: 1.0, space, n_trials=12, progress=False)
    by_model = np.array([list(trial.params.values()) for trial in study.trials[6:]])
    assert np.abs(by_model - 0.5).mean() < 0.25  # corners have 0.5, points of the whole cube 0.25


def test_a_best_in_a_corner_is_found():
    space = {f"x{j}": hpo.Float(0, 1) for j in range(5)}
    study = hpo.minimize(lambda params: -sum(params.values()), space, n_trials=25, progress=False)
    assert study.best_value < -4.95
