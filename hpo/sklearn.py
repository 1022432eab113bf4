"""Searching the hyperparameters of a scikit-learn estimator by scikit-learn's own protocol."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.model_selection import check_cv
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import check_random_state

from hpo.checks import whole
from hpo.searchers import Searcher, SearchSpaceExhausted, resolve
from hpo.space import Parameter, Space, SpaceError
from hpo.study import Study
from hpo.warn import warn


class SearchCV(BaseSearchCV):  # type: ignore[misc]
    """Cross-validated search with any searcher of hpo; a drop-in for `RandomizedSearchCV`.

    Parameters
    ----------
    estimator : estimator
    space : Space or mapping
        Names as in ``estimator.set_params`` (``step__name`` in a pipeline). Of the notation of
        `RandomizedSearchCV` lists and ``scipy.stats``' randint, uniform and loguniform are accepted; what
        it says by a list of spaces, ``when`` says here. A parameter that is absent from a configuration
        keeps the estimator's own value.
    searcher : str or Searcher
    n_trials : int
        Configurations to evaluate; fewer where the space has fewer.
    scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        As in `RandomizedSearchCV`. Configurations are tried one after another, so `n_jobs` spreads
        the folds. With several metrics, `refit` names the one that is maximised; where it is False or a
        function, that is the first.
    random_state : int, RandomState or None

    Attributes
    ----------
    study_ : Study
        The search itself, one trial a configuration.
    cv_results_, best_params_, best_score_, best_estimator_, best_index_, n_splits_, ...
        As in `RandomizedSearchCV`. A configuration with which every fold failed is a failed trial
        of `study_` and has no row in `cv_results_`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> import hpo
    >>> X, y = load_iris(return_X_y=True)
    >>> search = hpo.SearchCV(SVC(), {"C": hpo.Float(1e-2, 1e3, log=True)}, searcher="random", n_trials=5)
    >>> search.fit(X, y).best_score_ > 0.9
    True
    """

    def __init__(
        self,
        estimator: Any,
        space: Space | Mapping[str, Any],
        *,
        searcher: str | Searcher = "gp",
        n_trials: int = 50,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: bool | str | Callable[..., Any] = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        random_state: Any = None,
        error_score: float | str = np.nan,
        return_train_score: bool = False,
    ) -> None:
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.space = space
        self.searcher = searcher
        self.n_trials = n_trials
        self.random_state = random_state

    def __sklearn_clone__(self) -> SearchCV:
        twin: SearchCV = super().__sklearn_clone__()
        # scikit-learn copies the values of a dict apart. Estimators are told by identity: those of a
        # condition must stay those among the choices.
        twin.space = copy.deepcopy(self.space)
        return twin

    def _run_search(
        self, evaluate_candidates: Callable[..., dict[str, Any]], *, callback_ctx: Any = None
    ) -> None:
        if callback_ctx is None:  # scikit-learn before 1.9 has no callbacks
            self._search(evaluate_candidates)
            return
        n_trials = whole("n_trials", self.n_trials, 1)
        search = callback_ctx.subcontext(task_name="search", max_subtasks=n_trials)
        search.call_on_fit_task_begin(estimator=self)

        def evaluate(candidates: list[dict[str, Any]], cv: Any) -> dict[str, Any]:
            trial = search.subcontext(
                task_name="trial", max_subtasks=self.n_splits_, sequential_subtasks=False
            ).call_on_fit_task_begin(estimator=self)
            try:
                return evaluate_candidates(candidates, cv=cv, callback_ctx=trial)
            finally:
                trial.call_on_fit_task_end(estimator=self)

        self._search(evaluate)
        search.call_on_fit_task_end(estimator=self)

    def _search(self, evaluate_candidates: Callable[..., dict[str, Any]]) -> None:
        # Set before the first fit: what was found until an error or Ctrl-C is there to be looked at.
        self.study_ = study = self._new_study()
        # Splits from an iterator are used up by now; scikit-learn keeps them itself.
        splits = None if isinstance(self.cv, Iterator) else _SplitOnce(self.cv, is_classifier(self.estimator))
        all_failed: ValueError | None = None
        results: dict[str, Any] = {}
        for _ in range(int(self.n_trials)):
            try:
                trial = study.ask()
            except SearchSpaceExhausted:
                break
            try:
                with warnings.catch_warnings():
                    # It would come with every later configuration again, with all scores so far.
                    warnings.filterwarnings("ignore", "One or more of the", UserWarning)
                    results = evaluate_candidates([trial.params], cv=splits)
            except ValueError as error:
                # scikit-learn ends the whole search when each fit of one call failed.
                if self.error_score == "raise" or "fits failed" not in str(error):
                    raise
                all_failed = error
                study.tell(trial, state="failed", reason=str(error).strip())
                continue
            score = float(results[self._target(results)][-1])
            if math.isfinite(score):
                study.tell(trial, score)
            else:
                study.tell(trial, state="failed", reason=f"its mean test score is {score}")
        if not results and all_failed is not None:
            raise all_failed
        n_without = sum(trial.value is None for trial in study.trials)
        if n_without:
            warn(f"{n_without} of {len(study.trials)} configurations have no finite score")

    def _new_study(self) -> Study:
        """Study of this search; raises ValueError where a field is not usable."""
        n_trials = whole("n_trials", self.n_trials, 1)
        try:
            generator = check_random_state(self.random_state)
        except ValueError:
            raise ValueError(
                f"random_state={self.random_state!r}: must be a whole number from 0 to 2**32 - 1, "
                "a numpy.random.RandomState or None"
            ) from None
        space = Space.of(self.space)
        for name in space.names:
            _check_name(name, space, self.estimator)
        return Study(
            space,
            direction="maximize",
            searcher=resolve(self.searcher, n_trials),
            seed=int(generator.randint(2**31 - 1)),
        )

    def _target(self, results: Mapping[str, Any]) -> str:
        """Column of the results that is maximised."""
        columns = [name for name in results if name.startswith("mean_test_")]
        # A metric may be called "score", too; where there is one alone, `refit` need not name it.
        if columns == ["mean_test_score"] or not self.refit or callable(self.refit):
            return columns[0]
        column = f"mean_test_{self.refit}"
        if column not in columns:
            metrics = [name.removeprefix("mean_test_") for name in columns]
            raise ValueError(f"refit={self.refit!r}: must name the metric to maximise, one of {metrics}")
        return column


def _check_name(name: str, space: Space, estimator: Any) -> None:
    """Raise SpaceError where what has the parameter in some configuration has none of that name."""
    parameter = space.parameters[name]
    step, rest = _searched_step(name, space)
    owners, is_each = _owners(step, parameter, space, estimator) if step else ([estimator], True)
    example = parameter.value(parameter.first)
    without = [owner for owner in owners if not _takes(owner, rest, example)]
    if not without or (len(without) < len(owners) and not is_each):
        return
    kinds = " or ".join(dict.fromkeys(type(owner).__name__ for owner in without))
    message = f"space: {name!r}: {kinds} has no parameter {rest!r}"
    if known := sorted({prefixed for owner in without for prefixed in _names(owner)}):
        message += f"; it has {', '.join(known)}"
    if len(without) < len(owners):
        message += f"; where {name!r} exists only with some choices of {step!r}, say when={{{step!r}: [...]}}"
    raise SpaceError(message)


def _owners(step: str, parameter: Parameter, space: Space, estimator: Any) -> tuple[list[Any], bool]:
    """What may stand at a step that is searched where `parameter`, below it, exists; whether each does."""
    above, when = space.parameters[step], parameter.when or {}
    if step in when:
        return list(when[step]), len(when) == 1
    choices = list(getattr(above, "choices", [above.value(above.first)]))
    if above.when is None:
        return choices, not when
    return [*choices, estimator.get_params().get(step)], False  # its own stands there where nothing else does


def _searched_step(name: str, space: Space) -> tuple[str, str]:
    """The longest ``step`` of ``step__rest`` that is a parameter of the space, if any, and the rest."""
    parts = name.split("__")
    for n in range(len(parts) - 1, 0, -1):
        if (step := "__".join(parts[:n])) in space.parameters:
            return step, "__".join(parts[n:])
    return "", name


def _takes(owner: Any, name: str, example: Any) -> bool:
    """Whether `owner` has a parameter of that name, or takes it all the same, as LightGBM's estimators do."""
    if name in _names(owner):
        return True
    try:
        clone(owner).set_params(**{name: example})
    except Exception:
        return False
    return True


def _names(owner: Any) -> list[str]:
    has_some = hasattr(owner, "get_params") and not isinstance(owner, type)
    return list(owner.get_params(deep=True)) if has_some else []


class _SplitOnce:
    """A splitter that keeps its first splits, so that every configuration is scored on the same folds."""

    def __init__(self, cv: Any, classifier: bool) -> None:
        self._cv = cv
        self._classifier = classifier
        self._splits: list[tuple[Any, Any]] | None = None

    def split(self, X: Any, y: Any = None, **params: Any) -> Iterator[tuple[Any, Any]]:
        if self._splits is None:
            splitter = check_cv(self._cv, y, classifier=self._classifier)
            self._splits = list(splitter.split(X, y, **params))
        return iter(self._splits)
