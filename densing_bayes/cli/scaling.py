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
        "--law",
        help="chinchilla, coupled, densing, kaplan or broken (repeat for several).")] = None,
    predict: Annotated[list[str] | None, typer.Option(
        "--predict", help="A model to predict: params=25e9,tokens=6e11.")] = None,
    compute: Annotated[list[float] | None, typer.Option(
        "--compute", parser=number(1e9, 1e33),
        help="Budget in FLOP for the compute-optimal allocation.")] = None,
    suite: Annotated[list[str] | None, typer.Option(
        "--suite", help="Ladders of the table to use.")] = None,
    params: Annotated[str | None, typer.Option(
        "--params", help="Column of RUNS that counts parameters, if not 'params'.")] = None,
    tokens: Annotated[str | None, typer.Option(
        "--tokens", help="Column of RUNS that counts tokens, if not 'tokens'.")] = None,
    loss: Annotated[str | None, typer.Option(
        "--loss", help="Column of RUNS with the loss, if not 'loss'.")] = None,
    task: Annotated[list[str] | None, typer.Option(
        "--task", help="Predict scores on this benchmark ('all' for every one) from pairs of "
                       "loss and score: those of RUNS, of --data, or the shipped ones.")] = None,
    chance: Annotated[float | None, typer.Option(
        "--chance", parser=number(0, 0.99),
        help="With --task: the score by guessing, where no table says it.")] = None,
    data: Data = None, seed: Seed = None, as_json: Json = False,
) -> None:
    """Classic scaling laws: what to train, and what small runs foretell.

    Example: densing scaling --predict params=7e9,tokens=2e12
    """
    from densing_bayes.progress import Steps

    if runs is not None and data is not None:
        raise InputError("give either a CSV of runs or --data, not both")
    columns = {name: column for name, column in (
        ("params", params), ("tokens", tokens), ("loss", loss)) if column is not None}
    if columns and runs is None:
        raise InputError("--params, --tokens and --loss name columns of a CSV of runs: give one")
    with Steps() as progress:
        from densing_bayes.verbs.scaling import scaling as ask

        found = ask(runs, data, laws=law, predict=predict or (), compute=compute or (),
                    suites=suite, columns=columns, tasks=task or (), chance=chance, seed=seed,
                    progress=progress)
    answer(found, as_json)
