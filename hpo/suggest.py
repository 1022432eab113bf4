"""What a searcher suggests for the next trial, and what the objective of a trial is given."""

from __future__ import annotations

import json
import time
from typing import Any

from hpo.execution import LiveTrial
from hpo.ledger import Ledger
from hpo.pruning import Pruner
from hpo.searchers.base import Searcher, SearchSpaceExhausted, generator
from hpo.space import InfeasibleSpaceError, Space, SpaceError
from hpo.trial import Suggestion, Trial


def suggested(ledger: Ledger, searcher: Searcher, seed: int, window: int | None) -> Trial:
    """The next new trial, a function of its number, the seed and the results in the window.

    With ``window=None`` the searcher sees every result that is there, and the trial's info notes under
    ``"unseen"`` which are not.

    Raises
    ------
    SearchSpaceExhausted
        If the searcher has nothing left.
    InfeasibleSpaceError
        If it had nothing from the first in a space with constraints.
    SpaceError
        If what it suggests is no configuration of the space.
    TypeError
        If it suggests nothing, or with an info that is not plain JSON.
    """
    k = len(ledger)
    begin = time.perf_counter()
    try:
        suggestion = searcher.suggest(ledger.space, ledger.history(k, window), generator(seed, k))
    except SearchSpaceExhausted as error:
        if k > 0 or not ledger.space.constraints:
            raise
        raise InfeasibleSpaceError(
            f"constraints: {searcher} found nothing that they allow: {error}"
        ) from None
    suggestion = _checked(suggestion, searcher, ledger.space)
    unseen = {} if window is not None else {"unseen": sorted(ledger.unfinished)}
    return Trial(
        number=k,
        params=suggestion.params,
        info={**suggestion.info, **unseen},
        started=time.time(),
        search_seconds=time.perf_counter() - begin,
    )


def _checked(suggestion: Any, searcher: Searcher, space: Space) -> Suggestion:
    if not isinstance(suggestion, Suggestion):
        raise TypeError(f"searcher={searcher!r}: must suggest an hpo.Suggestion, not {suggestion!r}")
    try:
        info = json.loads(json.dumps(dict(suggestion.info)))  # as it will be after a restart
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"searcher={searcher!r}: info={suggestion.info!r}: must be plain JSON ({error})"
        ) from None
    try:
        return Suggestion(space.canonical(suggestion.params), info)
    except SpaceError as error:
        raise SpaceError(f"searcher={searcher!r}: suggested {suggestion.params!r}: {error}") from None


def live(trial: Trial, ledger: Ledger, pruner: Pruner | None, seed: int, window: int | None) -> LiveTrial:
    """What the objective of a trial is given; the pruner judges by the results in the window.

    Raises
    ------
    TypeError
        If the pruner's rule is no function.
    """
    if pruner is None:
        return LiveTrial(trial.number, trial.params, seed)
    rule = pruner.rule(ledger.history(trial.number, window))
    if not callable(rule):
        raise TypeError(f"pruner={pruner!r}: its rule must be a function of reports, not {rule!r}")
    return LiveTrial(trial.number, trial.params, seed, rule, ledger.sign)
