"""Own tables: made from what others export, or begun from templates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from densing_bayes.cli.answers import say
from densing_bayes.cli.options import Json


def import_(
    sources: Annotated[list[Path], typer.Argument(
        metavar="SOURCE...", help="Files, folders or zip archives.")],
    out: Annotated[Path, typer.Option("--out", help="New folder of tables to write.")],
    mapping: Annotated[list[str] | None, typer.Option(
        "--map", help="COLUMN=THEIRS for a sheet of your own; score:BENCHMARK=THEIRS for a column "
                      "of scores, COLUMN:=TEXT for a fixed text (repeat for several).")] = None,
    date: Annotated[str | None, typer.Option(
        "--date", help="Day from which prices hold that have none, YYYY-MM-DD.")] = None,
    as_json: Json = False,
) -> None:
    """Make tables of exports: evaluation results, leaderboards, hubs, price lists, sheets."""
    from dataclasses import asdict

    from densing_bayes.importing import import_files
    from densing_bayes.outputs import clean

    done = import_files(sources, out, mapping=mapping or (), date=date)
    say(asdict(done) | {"folder": str(done.folder)}, as_json,
        "\n".join(clean(line) for line in done.lines()))
