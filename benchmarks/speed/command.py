"""``python -m benchmarks speed``: latency of the searchers, or with a flag of the network."""

from importlib import import_module

import click

SUBJECTS = {
    "searchers": "benchmarks.speed.searchers",
    "mlp": "benchmarks.speed.mlp",
    "storage": "benchmarks.speed.storage",
}


@click.command()
@click.option(
    "--searchers", "subject", flag_value="searchers", default="searchers", help="Ask + tell latency."
)
@click.option("--mlp", "subject", flag_value="mlp", help="Training and prediction of the NumPy network.")
@click.option("--storage", "subject", flag_value="storage", help="Kept studies and worker processes.")
@click.option(
    "--repeats",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="Interleaved repetitions behind each median.",
)
@click.option(
    "--quick", is_flag=True, help="Small sizes only: a check that the benchmark runs, not evidence."
)
def command(subject: str, repeats: int, quick: bool) -> None:
    """Measure the library's own speed beside its peers' in one run."""
    import_module(SUBJECTS[subject]).run(repeats=repeats, quick=quick)
