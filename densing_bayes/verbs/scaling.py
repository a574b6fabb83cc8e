"""``scaling``: the classic laws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from densing_bayes.errors import InputError
from densing_bayes.outputs import clean
from densing_bayes.reports import Picture
from densing_bayes.scaling_laws import pictures
from densing_bayes.scaling_laws.run import Scaling
from densing_bayes.scaling_laws.run import scaling as ask
from densing_bayes.scaling_laws.tasks import task_scores
from densing_bayes.verbs.answer import Answer
from densing_bayes.verbs.opening import Data, tables_of
from densing_bayes.verbs.steps import Progress, steps


def scaling(runs: str | Path | pd.DataFrame | None = None, data: Data = None, *,
            laws: Sequence[str] | None = None, predict: Sequence[str | dict[str, float]] = (),
            compute: Sequence[float] = (), suites: Sequence[str] | None = None,
            columns: Mapping[str, str] | None = None, tasks: Sequence[str] = (),
            chance: float | None = None, seed: int | None = None, skip_bad: bool = False,
            progress: Progress = False) -> Answer:
    """The classic scaling laws: what to train, and what small runs foretell.

    Parameters
    ----------
    runs
        CSV file or DataFrame of training runs; None: the ladders of ``data``.
    laws
        Of chinchilla, coupled, densing, kaplan, broken; None: the spec's.
    predict
        Models whose loss to predict: ``"params=25e9,tokens=6e11"``, or dicts of the same.
    compute
        Budgets in FLOP for which to give the compute-optimal size and tokens.
    suites
        Ladders of the table to use; None for all.
    columns
        What ``runs`` calls params, tokens and loss, where it has other names.
    tasks
        Benchmarks whose scores to predict instead, or ``"all"``; ``runs`` is then a table of
        pairs of loss and score (None: those of ``data``).
    chance
        Score by guessing of these tasks, where neither pairs nor benchmarks.csv say it.
    data, seed, skip_bad, progress
        As in `densing_bayes.growth`.

    Returns
    -------
    Answer
        ``values`` is a `densing_bayes.scaling_laws.run.Scaling`; ``table`` its parameters, or the
        predictions where some are asked for. With tasks, a
        `densing_bayes.scaling_laws.tasks.TaskAnswers` and its table of scores.
    """
    if runs is not None and data is not None:
        raise InputError("give either a CSV of runs or --data, not both")
    if chance is not None and not tasks:
        raise InputError("chance is of a task: name the task")
    if tasks and (compute or suites):
        raise InputError("a task is asked for its scores: ask for compute and suites without it")
    with steps(progress) as step:
        if tasks:
            return _scores(runs, data, tasks, predict, laws, columns, chance, seed, skip_bad, step)
        step("reading runs")
        table: Any = runs if data is None else tables_of(data, skip_bad=skip_bad).runs
        result = ask(table, laws or None, predict or (), compute or (), suites=suites or None,
                     columns=columns, seed=seed, progress=step)
    lines = [clean(line) for line in result.lines()]
    shown = result.predictions if len(result.predictions) else result.parameters
    return Answer(" ".join(lines[:2]), shown, result.summary(), result,
                  lambda: _pictures(result, compute), "\n".join(lines))


def _scores(pairs: Any, data: Data, tasks: Sequence[str], predict: Any, laws: Any, columns: Any,
            chance: float | None, seed: int | None, skip_bad: bool, step: Any) -> Answer:
    """Scores of larger models; the chance of a task is that of benchmarks.csv, if not given."""
    step("reading pairs")
    tables = tables_of(data, skip_bad=skip_bad) if pairs is None or chance is None else None
    known = {} if tables is None else dict(zip(
        tables.benchmarks["benchmark"], tables.benchmarks["chance"], strict=True))
    found = task_scores(tables.pairs if pairs is None and tables is not None else pairs, tasks,
                        predict, chances=known, chance=chance, laws=laws or None, columns=columns,
                        seed=seed, progress=step)
    lines = [clean(line) for line in found.lines()]
    return Answer(" ".join(lines[:2]), found.table, found.summary(), found, tuple, "\n".join(lines))


def _pictures(result: Scaling, compute: Sequence[float]) -> list[Picture]:
    """Compute-optimal size over compute, a picture per ladder that can tell it."""
    flop = max(compute) if compute else None
    out: list[Picture] = []
    for name, fit in result.fits.items():
        if fit.ladder.design.line:  # its runs do not tell size from tokens
            continue
        law = fit.laws.get("chinchilla", fit.best)
        at = flop or 6.0 * float((fit.ladder.frame["params"] * fit.ladder.frame["tokens"]).max())
        out.append(Picture(
            f"scaling-allocation-{len(out)}", f"Compute-optimal size on {name}",
            "Compute-optimal parameters over compute with a band.",
            partial(pictures.allocation_band, fit=law, budget=at, interval=result.interval),
            7, 4.6))
    return out
