"""Classic scaling laws."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from densing_bayes.cli.options import Data, Json, Seed, number
from densing_bayes.errors import InputError


def scaling(
    runs: Annotated[Path | None, typer.Argument(
        help="CSV of training runs; none: the shipped ladders.")] = None,
    law: Annotated[list[str] | None, typer.Option(
        "--law", help="chinchilla, densing, kaplan or broken (repeat for several).")] = None,
    predict: Annotated[list[str] | None, typer.Option(
        "--predict", help="A model to predict: params=25e9,tokens=6e11.")] = None,
    compute: Annotated[list[float] | None, typer.Option(
        "--compute", parser=number(1e9, 1e33),
        help="Budget in FLOP for the compute-optimal allocation.")] = None,
    suite: Annotated[list[str] | None, typer.Option(
        "--suite", help="Ladders of the table to use.")] = None,
    data: Data = None, seed: Seed = None, as_json: Json = False,
) -> None:
    """Classic scaling laws: what to train, and what small runs foretell."""
    from densing_bayes.outputs import clean, json_text
    from densing_bayes.progress import Steps

    if runs is not None and data is not None:
        raise InputError("give either a CSV of runs or --data, not both")
    with Steps() as progress:
        progress("reading runs")
        from densing_bayes.scaling.run import scaling as ask

        table: Any = runs
        if data is not None:
            from densing_bayes.tables import load_tables

            table = load_tables(data).runs
        result = ask(table, law or None, predict or (), compute or (), suites=suite or None,
                     seed=seed, progress=progress)
    typer.echo(json_text(result.summary()) if as_json
               else "\n".join(clean(line) for line in result.lines()))
