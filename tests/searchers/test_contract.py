"""The contract suite over every searcher."""

from importlib.util import find_spec

import pytest

import hpo
from tests.contract import SearcherContract


class TestGrid(SearcherContract):
    deterministic = True

    @staticmethod
    def make():
        return hpo.GridSearcher(resolution=30)


class TestRandom(SearcherContract):
    @staticmethod
    def make():
        return hpo.RandomSearcher()


class TestSobol(SearcherContract):
    @staticmethod
    def make():
        return hpo.RandomSearcher("sobol")


class TestGenetic(SearcherContract):
    @staticmethod
    def make():
        return hpo.GeneticSearcher(population_size=6)


@pytest.mark.skipif(find_spec("optuna") is None, reason="needs Optuna")
class TestTPE(SearcherContract):
    repeats = True

    @staticmethod
    def make():
        return hpo.OptunaSearcher()


@pytest.mark.skipif(find_spec("hpo.searchers.gp") is None, reason="not written yet")
class TestGP(SearcherContract):
    @staticmethod
    def make():
        return hpo.GPSearcher()
