"""``make reference``: the public names and what they do, from their docstrings, as pages to look at."""

import inspect
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import pdoc

import hpo
import hpo.compare

MODULES = ("hpo", "hpo.plots", "benchmarks.mnist")


def write(folder: Path) -> None:
    """Write the pages into `folder`."""
    # pdoc looks at what a module and a class hold themselves: names come when they are first used, and what
    # a class has from one that is not public is its own to whoever uses it.
    for name in hpo.__all__:
        vars(hpo)[name] = getattr(hpo, name)
    for module in (hpo, hpo.compare):
        for public in _classes(module):
            for base in public.__mro__[1:]:
                if base.__module__.startswith("hpo.") and base.__name__ not in hpo.__all__:
                    _give(public, base)
    pdoc.render.configure(docformat="numpy", show_source=False)
    pdoc.pdoc(*MODULES, output_directory=folder)


def _classes(module: ModuleType) -> Iterable[type]:
    named = (vars(module)[name] for name in module.__all__)
    return [public for public in named if inspect.isclass(public)]


def _give(public: type, base: type) -> None:
    for name, member in vars(base).items():
        if not name.startswith("_") and name not in vars(public):
            setattr(public, name, member)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    print(f"reference: {sys.argv[1]}/index.html")
