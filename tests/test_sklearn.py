"""SearchCV keeps scikit-learn's protocol."""

import warnings

import numpy as np
import pytest
import sklearn
from scipy import stats
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, KFold, RandomizedSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import check_estimator

import hpo
from hpo.searchers import resolve
from hpo.sklearn import _check_name

X, y = load_iris(return_X_y=True)
SPACE = {"max_depth": hpo.Int(1, 6), "min_samples_leaf": hpo.Int(1, 20)}


def search(**options):
    defaults = {"searcher": "random", "n_trials": 6, "cv": 3, "random_state": 0}
    return hpo.SearchCV(DecisionTreeClassifier(random_state=0), SPACE, **(defaults | options))


class Picky(ClassifierMixin, BaseEstimator):
    """Fails at every other depth."""

    def __init__(self, depth=1):
        self.depth = depth

    def fit(self, X, y):
        if self.depth % 2:
            raise RuntimeError("odd")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X), dtype=int)


@pytest.mark.parametrize("options", [{}, {"return_train_score": True}, {"scoring": ["accuracy", "f1_macro"],
                                                                       "refit": "accuracy"}])  # fmt: skip
def test_attributes_are_those_of_randomized_search(options):
    ours = search(**options).fit(X, y)
    notation = {"max_depth": stats.randint(1, 7), "min_samples_leaf": stats.randint(1, 21)}
    theirs = RandomizedSearchCV(DecisionTreeClassifier(random_state=0), notation, n_iter=6, cv=3, **options)
    theirs.fit(X, y)
    assert set(ours.cv_results_) == set(theirs.cv_results_)
    missing = {name for name in vars(theirs) if name.endswith("_")} - set(vars(ours))
    assert not missing
    assert len(ours.cv_results_["params"]) == 6


def test_what_it_shares_with_randomized_search_has_the_same_defaults_and_is_passed_on():
    params = hpo.SearchCV(DecisionTreeClassifier(), SPACE).get_params(deep=False)
    theirs = RandomizedSearchCV(DecisionTreeClassifier(), {}).get_params(deep=False)
    shared = params.keys() & theirs.keys() - {"estimator"}
    assert repr({name: params[name] for name in shared}) == repr({name: theirs[name] for name in shared})
    assert (params["searcher"], params["n_trials"]) == ("gp", 50)
    given = {"n_jobs": 2, "verbose": 3, "pre_dispatch": 1, "return_train_score": True, "error_score": 0.5}
    assert search(**given).get_params().items() >= given.items()


def test_the_largest_score_is_the_best():
    found = search(scoring=lambda tree, X, y: float(tree.max_depth)).fit(X, y)
    scores = list(found.cv_results_["mean_test_score"])
    assert len(set(scores)) > 1
    assert found.study_.best_value == found.best_score_ == max(scores)


def test_folds_of_a_regressor_are_those_of_scikit_learn():
    found = hpo.SearchCV(Ridge(), {"alpha": [0.5]}, searcher="grid", cv=3).fit(X, y)  # classes, as numbers
    assert found.best_score_ == pytest.approx(cross_val_score(Ridge(alpha=0.5), X, y, cv=3).mean())


def test_warnings_of_a_scorer_are_heard():
    def warns(tree, X, y):
        warnings.warn("mine", UserWarning, stacklevel=1)
        return 1.0

    with pytest.warns(UserWarning, match="^mine$"):
        search(scoring=warns, n_trials=1).fit(X, y)


def test_an_error_that_is_not_of_the_fits_ends_the_search():
    found = search(scoring=lambda tree, X, y: "good", n_trials=3)
    with pytest.raises(ValueError, match="must return a number"):
        found.fit(X, y)
    assert len(found.study_.trials) == 1


@pytest.mark.filterwarnings("error:.*no finite score")  # nor is there anything to warn of
def test_best_is_what_cross_validation_says():
    found = search().fit(X, y)
    again = cross_val_score(DecisionTreeClassifier(random_state=0, **found.best_params_), X, y, cv=3).mean()
    assert found.best_score_ == pytest.approx(again)
    assert found.best_score_ == found.study_.best_value
    assert found.score(X, y) > 0.9
    assert list(found.classes_) == [0, 1, 2]


def test_same_random_state_same_trials():
    one, two = search(searcher="gp").fit(X, y), search(searcher="gp").fit(X, y)
    assert one.cv_results_["params"] == two.cv_results_["params"]
    assert one.cv_results_["params"] != search(random_state=1).fit(X, y).cv_results_["params"]


def test_clones_and_searches_a_pipeline_inside_another():
    pipe = make_pipeline(StandardScaler(), LogisticRegression())
    inner = hpo.SearchCV(pipe, {"logisticregression__C": stats.loguniform(1, 1e2)}, searcher="random",
                         n_trials=3, cv=3, random_state=0)  # fmt: skip
    assert clone(inner).get_params()["n_trials"] == 3
    assert cross_val_score(make_pipeline(StandardScaler(), inner), X, y, cv=3).mean() > 0.9


def test_a_condition_on_an_estimator_outlives_a_clone():
    linear, tree = LogisticRegression(), DecisionTreeClassifier()
    space = {
        "clf": hpo.Categorical([linear, tree]),
        "clf__C": hpo.Float(0.01, 10, log=True, when={"clf": linear}),
        "clf__max_depth": hpo.Int(1, 4, when={"clf": tree}),
    }
    for given in (space, hpo.Space(space)):
        found = hpo.SearchCV(Pipeline([("clf", linear)]), given, searcher="random", n_trials=5, cv=3,
                             random_state=0)  # fmt: skip
        assert hpo.Space.of(clone(found).space).parameters["clf"].choices[0] is not linear
        scores = cross_validate(clone(found), X, y, cv=3, error_score="raise", return_estimator=True)
        assert {len(p) for p in scores["estimator"][0].cv_results_["params"]} == {2}


@pytest.mark.filterwarnings("ignore:3 of 6 configurations")
def test_a_configuration_whose_folds_all_fail_costs_one_trial():
    depths = {"depth": hpo.Int(1, 6)}
    found = hpo.SearchCV(Picky(), depths, searcher="random", n_trials=6, cv=3, random_state=0)
    found.fit(X, y)
    assert sorted(p["depth"] for p in found.cv_results_["params"]) == [2, 4, 6]
    reasons = [t.reason for t in found.study_.trials if t.state == "failed"]
    assert len(reasons) == 3
    assert all("RuntimeError: odd" in reason and reason == reason.strip() for reason in reasons)
    with pytest.raises(ValueError, match="fits failed"):
        hpo.SearchCV(Picky(), {"depth": [1]}, searcher="random", n_trials=2).fit(X, y)
    with pytest.raises(RuntimeError, match="odd"):
        hpo.SearchCV(Picky(), {"depth": [1]}, searcher="random", error_score="raise").fit(X, y)


def test_every_configuration_is_scored_on_the_same_folds():
    found = hpo.SearchCV(
        DecisionTreeClassifier(random_state=0), {"splitter": ["best"], "max_features": [4, None]},
        searcher="random", n_trials=2, cv=KFold(3, shuffle=True), random_state=0,
    ).fit(X, y)  # fmt: skip
    # Both values mean all four features: the same tree, so the same scores on the same folds.
    assert found.cv_results_["mean_test_score"][0] == found.cv_results_["mean_test_score"][1]


@pytest.mark.parametrize("of", [iter, list])
def test_folds_may_be_an_iterable_that_is_read_once(of):
    folds = list(KFold(3, shuffle=True, random_state=0).split(X, y))
    found = search(cv=of(folds)).fit(X, y)
    assert list(found.cv_results_["params"]) == list(search(cv=folds).fit(X, y).cv_results_["params"])
    again = cross_val_score(DecisionTreeClassifier(random_state=0, **found.best_params_), X, y, cv=folds)
    assert found.best_score_ == pytest.approx(again.mean())


def test_a_searcher_by_name_knows_the_budget():
    found = search(searcher="genetic", n_trials=5).fit(X, y)
    assert found.study_.searcher == resolve("genetic", 5) != resolve("genetic")


def test_groups_and_small_spaces():
    groups = np.arange(len(y)) % 5
    found = hpo.SearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, searcher="random", n_trials=9,
                         cv=GroupKFold(5)).fit(X, y, groups=groups)  # fmt: skip
    assert found.n_splits_ == 5
    assert len(found.cv_results_["params"]) == 2


def test_of_several_metrics_the_one_of_refit_or_the_first_is_maximised():
    scoring = {"roc": "roc_auc_ovr", "loss": "neg_log_loss"}

    def values(refit):
        found = search(scoring=scoring, refit=refit, n_trials=3).fit(X, y)
        return [t.value for t in found.study_.trials], found.cv_results_

    for refit, column in [("loss", "loss"), (False, "roc"), (lambda results: 1, "roc")]:
        found, results = values(refit)
        assert found == list(results[f"mean_test_{column}"])


def test_a_metric_called_score_is_one_of_several():
    def scores(estimator, X, y):
        accuracy = estimator.score(X, y)
        return {"score": accuracy, "loss": -accuracy}

    found = search(scoring=scores, refit="loss", n_trials=4).fit(X, y)
    assert found.study_.best_value == found.best_score_ < 0


@pytest.mark.parametrize("refit", [True, "c"])
def test_a_refit_that_names_no_metric_costs_one_configuration_at_most(refit):
    fits = []

    def scores(estimator, X, y):
        fits.append(estimator)
        return {"a": 1.0, "b": 0.0}

    with pytest.raises(ValueError, match=rf"refit={refit!r}: .* one of \['a', 'b'\]"):
        search(scoring=scores, refit=refit, n_trials=4, cv=2).fit(X, y)
    assert len(fits) == 2


@pytest.mark.parametrize("n_trials", [0, True, 2.5, "3"])
def test_a_number_of_trials_that_is_none_is_refused(n_trials):
    with pytest.raises(ValueError, match=f"n_trials={n_trials!r}"):
        search(n_trials=n_trials).fit(X, y)
    assert len(search(n_trials=np.int64(2)).fit(X, y).study_.trials) == 2


LINEAR, TREE = LogisticRegression(), DecisionTreeClassifier()


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"clf__CC": hpo.Float(0.1, 1)}, "'clf__CC': Pipeline has no parameter 'clf__CC'; it has .*clf__C,"),
        (
            {"clf": [LINEAR, TREE], "clf__depth": hpo.Int(1, 3, when={"clf": TREE})},
            "'clf__depth': DecisionTreeClassifier has no parameter 'depth'; it has .*max_depth",
        ),
        (
            {"clf": [LINEAR, TREE], "clf__C": hpo.Float(0.1, 1, when={"clf": TREE})},
            "'clf__C': DecisionTreeClassifier has no parameter 'C'",
        ),
        ({"clf": [TREE], "clf__C": hpo.Float(0.1, 1)}, "'clf__C': DecisionTreeClassifier has no"),
        ({"clf": ["passthrough"], "clf__C": hpo.Float(0.1, 1)}, "'clf__C': str has no parameter 'C'$"),
        ({"clf": [LogisticRegression], "clf__C": hpo.Float(0.1, 1)}, "'clf__C': type has no parameter 'C'$"),
        ({"clf": hpo.Int(1, 2), "clf__C": hpo.Float(0.1, 1)}, "'clf__C': int has no parameter 'C'$"),
        (
            {
                "verbose": [False, True],
                "clf": hpo.Categorical([TREE], when={"verbose": True}),
                "clf__C": hpo.Float(0.1, 1, when={"clf": TREE}),
            },
            "'clf__C': DecisionTreeClassifier has no",
        ),
    ],
)
def test_a_mistyped_name_is_told_before_any_fit(space, message):
    found = hpo.SearchCV(Pipeline([("clf", LINEAR)]), space, searcher="random", n_trials=2)
    with pytest.raises(hpo.SpaceError, match=message):
        found.fit(X, y)
    assert not hasattr(found, "study_")


@pytest.mark.parametrize(
    ("choices", "when", "without"),
    [
        ([LINEAR, TREE], None, "DecisionTreeClassifier has no parameter 'C'; it has ccp_alpha, .*"),
        ([LINEAR, TREE, "passthrough"], {"clf": [LINEAR, "passthrough"]}, "str has no parameter 'C'"),
        (
            ["drop", TREE, LINEAR, DecisionTreeClassifier(max_depth=1)],
            None,
            "str or DecisionTreeClassifier has no parameter 'C'; it has .*",
        ),
    ],
)
def test_a_parameter_of_some_choices_of_a_step_is_told_to_need_a_condition(choices, when, without):
    space = {"clf": choices, "clf__C": hpo.Float(0.1, 1, when=when)}
    found = hpo.SearchCV(Pipeline([("clf", LINEAR)]), space, searcher="random", n_trials=2)
    hint = r"; where 'clf__C' exists only with some choices of 'clf', say when=\{'clf': \[\.\.\.\]\}$"
    with pytest.raises(hpo.SpaceError, match=f"'clf__C': {without}{hint}"):
        found.fit(X, y)
    assert not hasattr(found, "study_")


@pytest.mark.parametrize("when", [{"verbose": True}, {"verbose": True, "clf": [LINEAR, TREE]}])
def test_a_condition_may_lead_to_the_choice_of_a_step_by_another_parameter(when):
    space = {
        "clf": [LINEAR, TREE],
        "verbose": hpo.Categorical([True], when={"clf": LINEAR}),
        "clf__C": hpo.Float(0.1, 1, when=when),
    }
    found = hpo.SearchCV(Pipeline([("clf", LINEAR)]), space, searcher="random", n_trials=4, cv=2,
                         error_score="raise", random_state=0).fit(X, y)  # fmt: skip
    assert {len(trial.params) for trial in found.study_.trials} == {1, 3}


class Lenient(ClassifierMixin, BaseEstimator):
    """Takes any parameter, as LightGBM's estimators do."""

    def set_params(self, **params):
        vars(self).update(params)
        return self

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.anything)


def test_names_below_a_searched_step_and_those_of_lenient_estimators_are_taken():
    bag = BaggingClassifier(n_estimators=2)
    space = {
        "clf": [LINEAR, bag],
        "clf__estimator": hpo.Categorical([TREE, LINEAR], when={"clf": bag}),
        "clf__estimator__max_depth": hpo.Int(1, 3, when={"clf__estimator": TREE}),
    }
    pipe = Pipeline([("clf", LINEAR)])
    found = hpo.SearchCV(
        pipe, space, searcher="random", n_trials=6, cv=2, error_score="raise", random_state=0
    )
    found.fit(X, y)
    assert any("clf__estimator__max_depth" in trial.params for trial in found.study_.trials)
    space = {  # where the outer condition does not hold, the pipeline's own step stands there
        "kind": ["own", "bag"],
        "clf": hpo.Categorical([bag], when={"kind": "bag"}),
        "clf__C": hpo.Float(0.1, 1, when={"kind": "own"}),
    }
    _check_name("clf__C", hpo.Space(space), pipe)
    found = hpo.SearchCV(Lenient(), {"anything": [0, 1]}, searcher="grid", n_trials=2, cv=2)
    assert len(found.fit(X, y).study_.trials) == 2
    assert vars(found.estimator) == {}  # as it was given


def test_what_was_found_before_an_error_is_kept():
    def interrupted(tree, X, y):
        if tree.max_depth > 2:
            raise KeyboardInterrupt
        return tree.score(X, y)

    found = hpo.SearchCV(DecisionTreeClassifier(), {"max_depth": hpo.Int(1, 4)}, searcher="random",
                         n_trials=4, cv=2, scoring=interrupted, random_state=0)  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        found.fit(X, y)
    assert all(t.params["max_depth"] <= 2 for t in found.study_.trials if t.state == "complete")
    assert any(t.params["max_depth"] > 2 for t in found.study_.trials)


@pytest.mark.parametrize("random_state", [-1, "a", 2**32])
def test_a_random_state_that_is_none_is_refused(random_state):
    with pytest.raises(ValueError, match=f"random_state={random_state!r}: must be a whole number from 0"):
        search(random_state=random_state).fit(X, y)


def test_folds_without_a_score_fail_their_trial_and_warn_once():
    def nothing_of_odd_depths(tree, X, y):
        return np.nan if tree.max_depth % 2 else tree.score(X, y)

    with pytest.warns(UserWarning, match="3 of 6 configurations") as warned:
        found = hpo.SearchCV(DecisionTreeClassifier(), {"max_depth": hpo.Int(1, 6)}, searcher="random",
                             n_trials=9, scoring=nothing_of_odd_depths, random_state=0).fit(X, y)  # fmt: skip
    failed = [t for t in found.study_.trials if t.state == "failed"]
    assert {t.params["max_depth"] for t in failed} == {1, 3, 5}
    assert {t.reason for t in failed} == {"its mean test score is nan"}
    assert sum("finite" in str(w.message) for w in warned) == 1


@pytest.mark.parametrize("estimator", [LogisticRegression(), Ridge()], ids=["classifier", "regressor"])
@pytest.mark.filterwarnings("ignore")
def test_passes_the_checks_that_randomized_search_passes(estimator):
    ours = hpo.SearchCV(estimator, {"tol": hpo.Float(1e-4, 1e-3)}, searcher="random", n_trials=2, cv=2,
                        error_score="raise", random_state=0)  # fmt: skip
    theirs = RandomizedSearchCV(estimator, {"tol": stats.uniform(1e-4, 1e-3)}, n_iter=2, cv=2,
                                error_score="raise", random_state=0)  # fmt: skip

    def failed(search):
        return {r["check_name"] for r in check_estimator(search, on_fail=None, on_skip=None)
                if r["status"] == "failed"}  # fmt: skip

    assert failed(ours) <= failed(theirs)


def test_routed_weights_reach_the_estimator():
    weights = np.where(y == 0, 1.0, 1e-9)  # so that only the first class is worth learning
    with sklearn.config_context(enable_metadata_routing=True):
        tree = DecisionTreeClassifier(max_depth=1, random_state=0)
        tree.set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        found = hpo.SearchCV(tree, {"min_samples_leaf": [1, 2]}, searcher="grid", n_trials=2, cv=3,
                             random_state=0).fit(X, y, sample_weight=weights)  # fmt: skip
    weighted, plain = (
        DecisionTreeClassifier(max_depth=1, random_state=0, **found.best_params_).fit(X, y, w)
        for w in (weights, None)
    )
    assert np.array_equal(found.best_estimator_.tree_.value, weighted.tree_.value)
    assert not np.array_equal(found.best_estimator_.tree_.value, plain.tree_.value)


class Listener:
    """A callback of scikit-learn's that keeps the names of the tasks that ended."""

    def __init__(self):
        self.ended = []

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.ended.append(context.task_name)

    def teardown(self, estimator, context):
        pass


@pytest.mark.filterwarnings("ignore:3 of 6 configurations", "ignore::sklearn.exceptions.FitFailedWarning")
def test_callbacks_hear_of_every_configuration_and_fold():
    pytest.importorskip("sklearn.callback", reason="scikit-learn 1.9 brought callbacks")
    found, listener = hpo.SearchCV(Picky(), {"depth": hpo.Int(1, 6)}, searcher="random", n_trials=6, cv=2,
                                   random_state=0), Listener()  # fmt: skip
    found.set_callbacks(listener).fit(X, y)
    assert listener.ended[-1] == "fit"
    folds = "candidate-split-evaluation"
    assert [listener.ended.count(name) for name in ("search", "trial", folds)] == [1, 6, 12]
