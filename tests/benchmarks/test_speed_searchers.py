"""What is timed is one ask and tell on top of the trials that are said to be there."""

import pytest

from benchmarks.speed import searchers

optuna = pytest.importorskip("optuna")


@pytest.mark.parametrize("space", [searchers.FLOATS, searchers.MIXED])
def test_optunas_study_holds_as_many_trials_of_the_space_before_it_is_timed(space, monkeypatch):
    made = []
    create = optuna.create_study
    monkeypatch.setattr(optuna, "create_study", lambda **options: made.append(create(**options)) or made[-1])
    turn = searchers._optuna(space, 12, "TPESampler")
    (study,) = made
    assert isinstance(study.sampler, optuna.samplers.TPESampler)
    assert len(study.trials) == 12 + 2
    turn()
    assert len(study.trials) == 12 + 3
    assert all(t.state.name == "COMPLETE" and set(t.params) <= set(space.names) for t in study.trials)
