"""Own tables: made from what others export, or begun from templates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from densing_bayes.cli.answers import say
from densing_bayes.cli.options import Json
from densing_bayes.errors import InputError


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
    """Make tables of exports: evaluation results, leaderboards, hubs, price lists, sheets.

    Example: densing import results/ --out my-tables
    """
    from dataclasses import asdict

    from densing_bayes.importing import import_files
    from densing_bayes.outputs import clean

    done = import_files(sources, out, mapping=mapping or (), date=date)
    say(asdict(done) | {"folder": str(done.folder)}, as_json,
        "\n".join(clean(line) for line in done.lines()))


def new(
    path: Annotated[Path, typer.Argument(help="New folder; with an option, a file or a folder.")],
    study: Annotated[bool, typer.Option("--study", help="A study spec instead.")] = False,
    spec: Annotated[bool, typer.Option("--spec", help="A model spec instead.")] = False,
    series: Annotated[bool, typer.Option("--series", help="A series for densing regimes "
                                                          "instead.")] = False,
) -> None:
    """Begin tables of your own: templates with the shipped ruler, to be filled.

    Example: densing new my-tables
    """
    from densing_bayes import starting

    if study + spec + series > 1:
        raise InputError("--study, --spec and --series exclude each other")
    if study or spec:
        made = starting.new_spec(path, "study" if study else "spec")
        use = (f"densing study {made[0]}" if study else f"densing growth --spec {made[0]}")
    elif series:
        made = starting.new_series(path)
        use = f"densing regimes {made[0]}"
    else:
        made = starting.new_tables(path)
        use = f"densing validate {path}, then densing growth --data {path}"
    typer.echo("\n".join([*(str(one) for one in made), f"fill or change, then: {use}"]))


def data_columns(
    tables: Annotated[list[str] | None, typer.Argument(metavar="[TABLE]...",
                                                       help="Tables (default: all).")] = None,
    as_json: Json = False,
) -> None:
    """What the columns of the tables mean: unit, what a cell may be, an example.

    Example: densing data columns models scores
    """
    from densing_bayes.starting import columns

    rows = columns(tables or ())
    lines: list[str] = []
    for row in rows:
        if f"{row['table']}.csv" not in lines:
            lines += ["", f"{row['table']}.csv"] if lines else [f"{row['table']}.csv"]
        mark = "*" if row["key"] else " "
        example = f", e.g. {row['example']}" if row["example"] else ""
        lines.append(f" {mark} {row['column']:24s} {row['need']:15s} {row['what']} "
                     f"({row['allowed']}{example})")
    say(rows, as_json, "\n".join([*lines, "", "* names the row"]))
