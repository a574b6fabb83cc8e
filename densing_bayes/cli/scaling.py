"""Classic scaling laws."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from densing_bayes.cli.answers import answer
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
    """Classic scaling laws: what to train, and what small runs foretell.

    Example: densing scaling --predict params=7e9,tokens=2e12
    """
    from densing_bayes.progress import Steps

    if runs is not None and data is not None:
        raise InputError("give either a CSV of runs or --data, not both")
    with Steps() as progress:
        from densing_bayes.verbs.scaling import scaling as ask

        found = ask(runs, data, laws=law, predict=predict or (), compute=compute or (),
                    suites=suite, seed=seed, progress=progress)
    answer(found, as_json)
