"""``make reference``: the public names and what they do, from their docstrings, as pages to look at."""

import sys
from pathlib import Path

import pdoc

import hpo

MODULES = ("hpo", "hpo.plots", "benchmarks.mnist")


def write(folder: Path) -> None:
    """Write the pages into `folder`."""
    for name in hpo.__all__:  # pdoc looks at what a module holds, and these come when they are first used
        vars(hpo)[name] = getattr(hpo, name)
    pdoc.render.configure(docformat="numpy", show_source=False)
    pdoc.pdoc(*MODULES, output_directory=folder)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    print(f"reference: {sys.argv[1]}/index.html")
