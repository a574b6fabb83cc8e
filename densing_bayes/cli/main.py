"""The app: its commands, and the package's errors as messages and exit statuses.

Exit status: 0 done, 1 the diagnostics gate refused, 2 what was given cannot be used.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from densing_bayes.cli import corollaries, growth, regimes, report, scaling, shelf, studies
from densing_bayes.cli.answers import say_problems
from densing_bayes.errors import GateError, InputError


class _Group(typer.core.TyperGroup):
    """Turns the package's errors into messages and exit statuses, for every command."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as error:
            say_problems(error.problems)
            raise typer.Exit(2) from None
        except GateError as error:
            typer.echo(f"refused by the diagnostics gate: {error}", err=True)
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=_Group, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="How fast language models get denser, with honest uncertainty.")
data_app = typer.Typer(no_args_is_help=True, help="The tables on the shelf.")
models_app = typer.Typer(no_args_is_help=True, help="The model specs on the shelf.")
app.add_typer(data_app, name="data")
app.add_typer(models_app, name="models")

for command in (report.report, shelf.validate, growth.fit, growth.growth, growth.density,
                regimes.regimes, corollaries.compression, corollaries.prices,
                corollaries.forecast, scaling.scaling, studies.study, studies.calibrate):
    app.command()(command)
data_app.command("list")(shelf.data_list)
data_app.command("show")(shelf.data_show)
models_app.command("list")(shelf.models_list)
models_app.command("show")(shelf.models_show)


@app.callback()
def shared(shelf: Annotated[Path | None, typer.Option(
        "--shelf", help="Folder with models/, data/ or reports/ of your own.")] = None) -> None:
    """How fast language models get denser, with honest uncertainty."""
    if shelf is not None:
        if not shelf.is_dir():
            raise InputError(f"--shelf: no such folder ({str(shelf)!r})")
        os.environ["DENSING_SHELF"] = str(shelf)


def main() -> None:
    """Entry point of the console script."""
    app()
