import numpy as np
import pytest

from hpo.gp.warping import half_rank
from hpo.searchers.gp import GPSearcher
from hpo.searchers.surprise import BELIEF, FARTHEST, LATEST, surprise
from hpo.space import Float, Space
from hpo.trial import History
from tests.searchers.test_gp import run

SPACE = Space({"x": Float(0, 1)})


def measured(history, warp="half-rank"):
    return surprise(history, warp, half_rank)


def predicted(errors, n_unpredicted=6, noise=0.0):
    """History whose predictions were off by so many of their sds."""
    rng = np.random.default_rng(0)
    values = rng.standard_normal(n_unpredicted + len(errors))
    infos = [{"reason": "initial"}] * n_unpredicted
    for k, error in enumerate(errors, start=n_unpredicted):
        outcome = half_rank(values[:k], values[k : k + 1])[0]
        sd = 0.2
        spread = np.sqrt(sd**2 + noise)
        theta = [0.0, 0.0, float(np.log(noise)) if noise else -1000.0]
        infos.append(
            {"mean": float(outcome - error * spread), "sd": sd, "gp": {"theta": theta, "warp": "half-rank"}}
        )
    return History.build(SPACE, [{"x": 0.5}] * len(values), values.tolist(), infos=infos)


def test_nothing_is_surprising_before_predictions_or_when_they_come_true():
    assert measured(predicted([])) == 1.0
    assert measured(predicted([0.1, -0.2, 0.0])) == 1.0


@pytest.mark.parametrize("noise", [0.0, 0.25])
def test_errors_count_in_sds_with_the_noise(noise):
    n = 10
    expected = np.sqrt((BELIEF + 4.0 * n) / (BELIEF + n))
    assert measured(predicted([2.0, -2.0] * (n // 2), noise=noise)) == pytest.approx(expected)


def test_one_wild_trial_counts_as_one_that_is_three_sds_off():
    expected = np.sqrt((BELIEF + FARTHEST**2) / (BELIEF + 1))
    assert measured(predicted([1000.0])) == pytest.approx(expected)


def test_only_the_latest_count():
    assert measured(predicted([3.0] * 5 + [0.0] * LATEST)) == 1.0
    assert measured(predicted([0.0] * LATEST + [3.0] * 5)) > 1.0


def test_what_others_noted_is_passed_over():
    history = predicted([2.0])
    strange = [{}, {"mean": None, "sd": 1.0}, {"mean": "much", "sd": 1}, {"mean": 1.0, "sd": 1.0, "gp": None}]
    strange += [{"mean": float("nan"), "sd": 1.0, "gp": {"theta": [0.0], "warp": "half-rank"}}]
    mixed = History.build(
        SPACE,
        [{"x": 0.5}] * 12,
        [*history.y.tolist(), *range(len(strange))],
        infos=[*history.infos, *strange],
    )
    assert measured(mixed) == pytest.approx(measured(history))


def test_what_was_predicted_under_another_warp_is_in_other_units():
    assert measured(predicted([2.0] * 5), "raw") == 1.0


def test_the_searcher_notes_it_and_is_less_sure_for_it():
    space = Space({f"x{j}": Float(0, 1) for j in range(4)})

    def jumpy(p):
        return sum((v - 0.4) ** 2 for v in p.values()) + 0.4 * (sum(p.values()) * 37 % 1)

    configurations, values, infos = run(space, jumpy, 20)
    history = History.build(space, configurations[:-1], values[:-1], infos=infos[:-1])
    noted = infos[-1]["gp"]["surprise"]
    assert noted == pytest.approx(measured(history), rel=1e-5)
    assert GPSearcher.inflation(4, noted) > GPSearcher.inflation(4, 1.0)
