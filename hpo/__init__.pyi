# What type checkers and editors read in place of `__init__.py`, where the names come when they are used.

from hpo import plots as plots
from hpo import storage as storage
from hpo.compare.comparison import Comparison as _Comparison
from hpo.compare.experiment import compare as _compare
from hpo.compare.task import Task as Task
from hpo.execution import LiveTrial as LiveTrial
from hpo.execution import TrialPruned as TrialPruned
from hpo.pruning import ASHAPruner as ASHAPruner
from hpo.pruning import HyperbandPruner as HyperbandPruner
from hpo.pruning import MedianPruner as MedianPruner
from hpo.pruning import Pruner as Pruner
from hpo.searchers import Searcher as Searcher
from hpo.searchers import SearchSpaceExhausted as SearchSpaceExhausted
from hpo.searchers.genetic import GeneticSearcher as GeneticSearcher
from hpo.searchers.gp import GPSearcher as GPSearcher
from hpo.searchers.grid import GridSearcher as GridSearcher
from hpo.searchers.optuna import OptunaSearcher as OptunaSearcher
from hpo.searchers.random import RandomSearcher as RandomSearcher
from hpo.shortcuts import load_study as load_study
from hpo.shortcuts import maximize as maximize
from hpo.shortcuts import minimize as minimize
from hpo.sklearn import SearchCV as SearchCV
from hpo.space import Categorical as Categorical
from hpo.space import Float as Float
from hpo.space import InfeasibleSpaceError as InfeasibleSpaceError
from hpo.space import Int as Int
from hpo.space import Ordinal as Ordinal
from hpo.space import Space as Space
from hpo.space import SpaceError as SpaceError
from hpo.study import Study as Study
from hpo.trial import History as History
from hpo.trial import Suggestion as Suggestion
from hpo.trial import Trial as Trial
from hpo.trial import TrialState as TrialState

__version__: str

class _Compare:
    """The package `hpo.compare`, which is a function as well."""

    Comparison = _Comparison
    Task = Task
    compare = staticmethod(_compare)
    __call__ = staticmethod(_compare)

compare: _Compare
