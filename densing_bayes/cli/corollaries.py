"""What follows from the density: prices, forecasts, compressed children."""

from __future__ import annotations

from typing import Annotated

import typer

from densing_bayes.cli.answers import answer, context, read_tables
from densing_bayes.cli.options import Data, Device, FitPath, Json, Seed, SkipBad, Spec, number
from densing_bayes.errors import InputError


def prices(
    threshold: Annotated[list[float] | None, typer.Option(
        "--threshold", parser=number(0, 1),
        help="Capability: a score on the benchmark, 0 to 1.")] = None,
    source: Annotated[str | None, typer.Option(
        "--source", help="Family of evaluations that scores on MMLU are taken from.")] = None,
    benchmark: Annotated[str | None, typer.Option(
        "--benchmark", help="Score on this benchmark of scores.csv.")] = None,
    effective: Annotated[list[float] | None, typer.Option(
        "--effective", parser=number(1e3, 1e21),
        help="Capability: an effective size in parameters, such as 7e9.")] = None,
    spec: Spec = "densing",
    data: Data = None, skip_bad: SkipBad = False, seed: Seed = None,
    fit: FitPath = None,
    as_json: Json = False,
) -> None:
    """How fast does the price of a fixed capability fall?

    Example: densing prices --threshold 0.6
    """
    from densing_bayes.progress import Steps

    if effective and (threshold or benchmark or source):
        raise InputError("--effective excludes --threshold, --benchmark and --source")
    with Steps() as progress:
        ctx = context(spec, data, seed, fit, progress, skip_bad)
        from densing_bayes.verbs.corollaries import prices as ask

        found = ask(ctx, thresholds=effective or threshold, source=source, benchmark=benchmark,
                    effective=bool(effective), progress=progress)
    answer(found, as_json)


def forecast(
    size: Annotated[float | None, typer.Option(
        "--size", parser=number(1e3, 1e18), help="Parameters, such as 8B or 8e9.")] = None,
    device: Device = None,
    match: Annotated[str | None, typer.Option(
        "--match", help="Model to match, such as GPT-4.")] = None,
    score: Annotated[float | None, typer.Option(
        "--score", parser=number(0, 1),
        help="Score of the anchored benchmark to reach, 0 to 1.")] = None,
    effective: Annotated[float | None, typer.Option(
        "--effective", parser=number(1e3, 1e21), help="Effective parameters to reach.")] = None,
    date: Annotated[str | None, typer.Option("--date", help="Day, YYYY-MM-DD.")] = None,
    bits: Annotated[float, typer.Option(
        "--bits", parser=number(0.1, 64), help="Bits per weight on a device.")] = 4.0,
    tokens_per_second: Annotated[float, typer.Option(
        "--tokens-per-second", parser=number(1e-3, 1e6), help="Speed asked of a device.")] = 10.0,
    spec: Spec = "densing",
    data: Data = None, skip_bad: SkipBad = False, seed: Seed = None,
    fit: FitPath = None,
    as_json: Json = False,
) -> None:
    """When will a model of a size, or on a device, match another; what will fit at a date?

    Example: densing forecast --size 8B --match GPT-4
    """
    from densing_bayes.progress import Steps
    from densing_bayes.verbs.spec import check_forecast, day_of

    check_forecast(size, device, match, score, effective, date)
    day = day_of(date)
    with Steps() as progress:
        ctx = context(spec, data, seed, fit, progress, skip_bad)
        from densing_bayes.verbs.corollaries import forecast as ask

        found = ask(ctx, size=size, device=device, match=match, score=score,
                    effective=effective, date=day, bits=bits,
                    tokens_per_second=tokens_per_second, progress=progress)
    answer(found, as_json)


def compression(device: Device = None, data: Data = None, skip_bad: SkipBad = False,
                seed: Seed = None, as_json: Json = False) -> None:
    """Are pruned, distilled and quantised children denser than their parents?

    Example: densing compression --device "RTX 4090"
    """
    from densing_bayes.progress import Steps

    with Steps() as progress:
        progress("reading tables")
        tables = read_tables(data, skip_bad)
        from densing_bayes.verbs.corollaries import compression as ask

        found = ask(tables, device=device, seed=seed, progress=progress)
    answer(found, as_json)
