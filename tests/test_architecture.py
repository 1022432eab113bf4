"""Imports run downward only, and what is heavy is loaded when it is used."""

import ast
import graphlib
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import hpo

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "hpo").rglob("*.py"))

EVERYWHERE = ("hpo.checks",)  # what any room may import

# What a room may import of ours, by prefix; rooms that are not named are on top.
MAY_IMPORT = {
    "hpo.checks": (),
    "hpo.warn": (),
    "hpo.space": ("hpo.space", "hpo.warn"),
    "hpo.trial": ("hpo.space",),
    "hpo.gp": ("hpo.gp",),
    "hpo.threads": (),
    "hpo.searchers": (
        "hpo.space",
        "hpo.trial",
        "hpo.gp",
        "hpo.threads",
        "hpo.searchers.base",
        "hpo.searchers.seeding",
        "hpo.searchers.untried",
        "hpo.searchers.hyperparameters",
        "hpo.searchers.surrogate",
        "hpo.searchers.surprise",
        "hpo.searchers.climb",
    ),
    "hpo.storage": ("hpo.space", "hpo.trial", "hpo.storage"),
    "hpo.shown": (),
    "hpo.bars": ("hpo.shown",),
    "hpo.progress": ("hpo.trial", "hpo.bars"),
    "hpo.execution": ("hpo.trial", "hpo.shown", "hpo.warn", "hpo.execution"),
    "hpo.pruning": ("hpo.trial",),
    "hpo.ledger": ("hpo.space", "hpo.trial"),
    "hpo.interrupts": (),
    "hpo.book": ("hpo.trial", "hpo.ledger", "hpo.execution", "hpo.interrupts", "hpo.warn"),
    "hpo.results": ("hpo.trial", "hpo.book", "hpo.recommendation"),
    "hpo.stored": ("hpo.space", "hpo.storage", "hpo.ledger", "hpo.book", "hpo.results"),
    "hpo.suggest": (
        "hpo.space",
        "hpo.trial",
        "hpo.ledger",
        "hpo.execution",
        "hpo.pruning",
        "hpo.searchers.base",
    ),
    "hpo.loop": ("hpo.trial", "hpo.searchers.base", "hpo.execution", "hpo.book"),
    "hpo.definition": ("hpo.space", "hpo.searchers", "hpo.pruning"),
    "hpo.recommendation": ("hpo.space", "hpo.trial", "hpo.gp", "hpo.threads"),
    "hpo.axes": ("hpo.space", "hpo.trial"),
    "hpo.compare": (
        "hpo.space",
        "hpo.trial",
        "hpo.searchers",
        "hpo.execution",
        "hpo.study",
        "hpo.axes",
        "hpo.plots",
        "hpo.bars",
        "hpo.warn",
        "hpo.compare",
    ),
}
SEARCHERS = {f"hpo.searchers.{name}" for name in ("grid", "random", "gp", "genetic", "optuna")}


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module


def within(name, room):
    return name == room or name.startswith(room + ".")


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_run_downward(path):
    module = module_of(path)
    for imported in imports_of(path):
        top = imported.split(".")[0]
        if within(module, "hpo.gp"):
            assert top in {*sys.stdlib_module_names, "numpy", "scipy", "hpo"}
        assert top != "deap" or module == "hpo.searchers.genetic"
        assert top != "optuna" or module == "hpo.searchers.optuna"
        assert top != "benchmarks"
        if top == "hpo":
            for room, allowed in MAY_IMPORT.items():
                if within(module, room):
                    assert any(within(imported, a) for a in (*EVERYWHERE, *allowed)), (
                        f"{module} imports {imported}"
                    )
            assert imported not in SEARCHERS or within(module, "hpo.searchers"), f"{module} names {imported}"


def test_no_imports_go_in_a_circle():
    modules = {module_of(path) for path in FILES}
    imported = {}
    for path in FILES:
        found = imported[module_of(path)] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):  # wherever it stands: inside of a function, too
                found |= {f"{node.module}.{a.name}" for a in node.names} & modules or {node.module} & modules
    graphlib.TopologicalSorter(imported).prepare()  # raises a CycleError that names the circle


def test_importing_hpo_loads_nothing_heavy():
    code = (
        "import sys, hpo; heavy = {'deap', 'optuna', 'pandas', 'sklearn', 'sqlalchemy'};"
        "assert not heavy & sys.modules.keys();"
        "hpo.GeneticSearcher(), hpo.OptunaSearcher();"
        "assert not {'deap', 'optuna'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_compare_is_a_function_and_the_place_of_its_comparison():
    code = (
        "import hpo, inspect; hpo.compare.Comparison.load; assert inspect.signature(hpo.compare).parameters"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    code = "from hpo import *; assert callable(compare) and compare.Task is Task"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_error_of_a_storage_is_found_before_there_is_a_storage():
    code = "import hpo, sys; assert 'sqlalchemy' not in sys.modules; assert hpo.storage.StorageError"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_type_checkers_are_told_of_the_same_public_names():
    told = {}
    for node in ast.parse((ROOT / "hpo" / "__init__.pyi").read_text()).body:
        if isinstance(node, ast.ImportFrom):
            told |= {alias.asname: (node.module, alias.name) for alias in node.names}
        elif isinstance(node, ast.AnnAssign):
            told[node.target.id] = ("hpo", node.target.id)
    told = {name: place for name, place in told.items() if not name.startswith("_")}
    assert set(told) == {*hpo.__all__, "plots", "storage"}
    for name, (module, there) in told.items():
        found = importlib.import_module(module)
        assert getattr(hpo, name) is getattr(found, there, None), f"{name}: not {module}.{there}"
