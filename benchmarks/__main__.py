"""``python -m benchmarks``: one subcommand a benchmark, each imported only when it is called."""

from importlib import import_module
from typing import Any

import click

COMMANDS = {
    "mnist": "benchmarks.mnist.command",
    "notes": "benchmarks.mnist.notes",
    "parts": "benchmarks.mnist.parts",
    "tables": "benchmarks.suites.command",
    "functions": "benchmarks.suites.command",
    "bbob": "benchmarks.suites.command",
    "tuning": "benchmarks.suites.command",
    "estimators": "benchmarks.suites.command",
    "ablations": "benchmarks.ablations",
    "recommendation": "benchmarks.recommendation",
    "genetic": "benchmarks.genetic",
    "speed": "benchmarks.speed.command",
}


class LazyGroup(click.Group):
    """A click group that imports a subcommand's module on use, since each pulls in heavy packages."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        try:
            module = import_module(COMMANDS[cmd_name])
        except ImportError as error:
            return _missing(cmd_name, str(error))
        command: click.Command = getattr(module, cmd_name, None) or module.command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ImportError as error:  # of a package that only this benchmark needs
            raise click.ClickException(str(error)) from error


def _missing(name: str, why: str) -> click.Command:
    """Stands for a command whose packages are not installed: it says so in the help, and whenever called."""

    def refuse() -> None:
        raise click.ClickException(why)

    anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(name, context_settings=anything, callback=refuse, help=why)


@click.group(cls=LazyGroup)
def main() -> None:
    """Benchmarks of hpo; see the help of each subcommand."""


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
