"""The app: its commands, and the package's errors as messages and exit statuses.

Exit status: 0 done, 1 the diagnostics gate refused, 2 what was given cannot be used, 3 the
machine failed (disk, memory, time) or the program did, 130 stopped by the user.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from densing_bayes.cli import (
    corollaries,
    doctor,
    growth,
    importing,
    regimes,
    report,
    scaling,
    shelf,
    studies,
    update,
    whatif,
)
from densing_bayes.cli.answers import say_problems
from densing_bayes.errors import (
    TRACEBACK,
    DensingError,
    GateError,
    InputError,
    explain,
    faults_are_shown,
    machine_error,
)


class _Group(typer.core.TyperGroup):
    """Turns errors into messages and exit statuses, for every command; no traceback is printed."""

    def invoke(self, ctx: Any) -> Any:
        status = 0
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()  # an answer that cannot be printed is an error, while it can be told
            return result
        except InputError as error:
            say_problems(error.problems)
            status = error.status
        except DensingError as error:
            with contextlib.suppress(OSError):
                for line in getattr(error, "answer", ()):
                    typer.echo(line)
            refused = "refused by the diagnostics gate: " if isinstance(error, GateError) else ""
            complain(f"{refused}{error}")
            status = error.status
        except BrokenPipeError:  # who read the answer has read enough
            status = hush(0)
        except (OSError, MemoryError) as error:
            complain(machine_error(error))
            status = hush(3)
        except KeyboardInterrupt:
            complain("stopped; what was finished is kept")
            status = 130
        except Exception as error:
            if type(error).__module__.partition(".")[0] in ("typer", "click"):
                raise
            if faults_are_shown():
                raise
            complain(f"the program failed; this is a fault of its own: {explain(error)} "
                     f"({TRACEBACK}=1 in the environment shows the traceback: please report it)")
            status = 3
        raise typer.Exit(status)


def complain(text: object) -> None:
    """One message on stderr, if there is one."""
    with contextlib.suppress(OSError):
        from densing_bayes.outputs import clean

        typer.echo(clean(text), err=True)


def hush(status: int) -> int:
    """Let nothing more be written to a stdout that cannot be written to; gives the status back."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


app = typer.Typer(
    cls=_Group, no_args_is_help=True, pretty_exceptions_enable=False,
    help="How fast language models get denser, with honest uncertainty.")
data_app = typer.Typer(no_args_is_help=True, help="The tables on the shelf.")
models_app = typer.Typer(no_args_is_help=True, help="The model specs on the shelf.")
app.add_typer(data_app, name="data")
app.add_typer(models_app, name="models")

for command in (report.report, report.compare, shelf.validate, growth.fit, growth.growth,
                growth.density,
                regimes.regimes, corollaries.compression, corollaries.prices,
                corollaries.forecast, whatif.whatif, update.update, scaling.scaling, studies.study,
                studies.calibrate, doctor.doctor):
    app.command()(command)
app.command("new")(importing.new)
app.command("import")(importing.import_)
data_app.command("columns")(importing.data_columns)
data_app.command("list")(shelf.data_list)
data_app.command("show")(shelf.data_show)
data_app.command("unchecked")(shelf.data_unchecked)
models_app.command("list")(shelf.models_list)
models_app.command("show")(shelf.models_show)


def print_version(asked: bool) -> None:
    """Print the version, if it was asked for, and end."""
    if asked:
        from importlib.metadata import version

        typer.echo(f"densing-bayes {version('densing-bayes')}")
        raise typer.Exit


@app.callback()
def shared(shelf: Annotated[Path | None, typer.Option(
        "--shelf", help="Folder with models/, data/ or reports/ of your own.")] = None,
        version: Annotated[bool, typer.Option(
            "--version", is_eager=True, callback=print_version,
            help="Print the version and exit.")] = False) -> None:
    """How fast language models get denser, with honest uncertainty."""
    if shelf is not None:
        if not shelf.is_dir():
            raise InputError(f"--shelf: no such folder ({str(shelf)!r})")
        os.environ["DENSING_SHELF"] = str(shelf)


def main() -> None:
    """Entry point of the console script."""
    gc.set_threshold(100_000, 50, 100)  # imports make objects that stay: a tenth of an answer
    app()
