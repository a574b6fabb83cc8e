"""``prices``, ``forecast``, ``compression``: what follows from the density."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.context import Context
from densing_bayes.corollaries.ask import ask_forecast, ask_prices, price_scale
from densing_bayes.corollaries.capacity import Use
from densing_bayes.corollaries.prices import reachable
from densing_bayes.corollaries.run import posterior_of
from densing_bayes.errors import InputError, Problem
from densing_bayes.specs import ModelSpec, load_model
from densing_bayes.verbs.answer import Answer
from densing_bayes.verbs.opening import Data, opened, tables_of
from densing_bayes.verbs.spec import check_forecast, day_of
from densing_bayes.verbs.steps import Progress, steps


def prices(data: Data = None, *, thresholds: Sequence[float] | None = None,
           source: str | None = None, benchmark: str | None = None, effective: bool = False,
           spec: str | Path | ModelSpec = "densing", seed: int | None = None,
           fit: str | Path | None = None, skip_bad: bool = False,
           progress: Progress = False, **options: Any) -> Answer:
    """How fast the price of a fixed capability falls, and how much of that is density.

    Parameters
    ----------
    thresholds
        Capabilities: scores, 0 to 1, or effective parameters; None: usual scores on MMLU as far
        as enough offers reach them, or one that three in five reach.
    source
        Family of evaluations that scores on MMLU are taken from.
    benchmark
        Score on this one instead, of scores.csv.
    effective
        Effective size instead, of the fit: that of models outside it by its curves.
    data, spec, seed, fit, skip_bad, progress, options
        As in `densing_bayes.growth`.

    Returns
    -------
    Answer
        ``values`` is a `densing_bayes.corollaries.prices.PriceStudy`.
    """
    from densing_bayes.sections.prices import picture

    with steps(progress) as step:
        context = opened(data, spec=spec, seed=seed, fit=fit, skip_bad=skip_bad, progress=step,
                         **options)
        prices = context.tables.prices
        if prices is None:
            raise InputError(Problem("no such table, and prices need one", file="prices.csv"))
        if not effective:  # before the fit
            assumed, scale = price_scale(context.tables, source=source, benchmark=benchmark)
            reachable(prices, assumed, scale=scale, thresholds=thresholds or None)
        found, lines, study = ask_prices(
            context.tables, interval=context.interval, rate=context.derived["rate"].values,
            thresholds=thresholds or None, source=source, benchmark=benchmark,
            sizes=_sizes(context) if effective else None, seed=seed, progress=step)
    table = pd.json_normalize(found["cases"])
    return Answer(lines[0], table, found, study,
                  lambda: [picture(case, context.interval) for case in study.cases[:1]],
                  "\n".join(lines), source=context).gated(study.passed, "prices")


def _sizes(context: Context) -> dict[str, float]:
    """Median effective size of every model with scores, in the fit or by its curves."""
    from densing_bayes.joint.outside import all_sizes

    sizes = all_sizes(context.posterior, context.derived, context.columns, context.observations,
                      context.tables, context.seed("outside"))
    median = np.exp(sizes.median(("chain", "draw")).values)
    return dict(zip(map(str, sizes["model"].values), map(float, median), strict=True))


def forecast(data: Data = None, *, size: float | None = None, device: str | None = None,
             match: str | None = None, score: float | None = None,
             effective: float | None = None, date: str | dt.date | None = None,
             bits: float = 4.0, tokens_per_second: float = 10.0,
             spec: str | Path | ModelSpec = "densing", seed: int | None = None,
             fit: str | Path | None = None, skip_bad: bool = False, progress: Progress = False,
             **options: Any) -> Answer:
    """When a model of a size, or on a device, matches another; or what fits at a date.

    Parameters
    ----------
    size, device
        One of them: parameters (8e9), or a device of hardware.csv.
    match, score, effective
        At most one: a model's name, a score on the anchored benchmark, effective parameters.
    date
        A day to ask about.
    bits, tokens_per_second
        Bits per weight, and speed, on a device.
    data, spec, seed, fit, skip_bad, progress, options
        As in `densing_bayes.growth`.
    """
    check_forecast(size, device, match, score, effective, date)
    day = day_of(date)
    with steps(progress) as step:
        context = opened(data, spec=spec, seed=seed, fit=fit, skip_bad=skip_bad, progress=step,
                         **options)
        # a size on a day needs no table, and not to read them is half of the answer's time
        aims = (device, match, score, effective)
        tables = None if all(aim is None for aim in aims) else context.tables
        found, lines = ask_forecast(
            posterior_of(context), tables, as_of=dt.date.today(),
            interval=context.interval, size=size, device=device, match=match, score=score,
            effective=effective, date=day, use=Use(bits=bits, tokens_per_second=tokens_per_second),
            seed=seed, progress=step)
    return Answer(" ".join(lines), pd.json_normalize(found), found, found,
                  printed="\n".join(lines), source=context)


def compression(data: Data = None, *, device: str | None = None, seed: int | None = None,
                skip_bad: bool = False, progress: Progress = False) -> Answer:
    """Whether pruned, distilled and quantised children are denser than their parents.

    Parameters
    ----------
    device
        Of hardware.csv, on which the cost of parent and child is compared.
    data, seed, skip_bad, progress
        As in `densing_bayes.growth`.

    Returns
    -------
    Answer
        ``values`` is a `densing_bayes.compressed.CompressionResult`.
    """
    from densing_bayes.compressed import run_compression
    from densing_bayes.sections.compression import section

    spec = load_model("compression")
    with steps(progress) as step:
        tables = tables_of(data, skip_bad=skip_bad, progress=step)
        if tables.compression is None:
            raise InputError(Problem("no such table, and compression needs one",
                                     file="compression.csv"))
        result = run_compression(tables, spec, seed, device=device, progress=step)
    return Answer.of_section(section(result), result).gated(
        result.diagnostics["passed"], "compression")
