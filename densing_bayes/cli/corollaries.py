"""What follows from the density: prices, forecasts, compressed children."""

from __future__ import annotations

from typing import Annotated

import typer

from densing_bayes.cli.answers import context, gate, refuse, say_section
from densing_bayes.cli.options import Data, Device, FitPath, Json, Seed, SkipBad, Spec, number
from densing_bayes.errors import InputError


def prices(
    threshold: Annotated[list[float] | None, typer.Option(
        "--threshold", parser=number(0, 1),
        help="Capability: a score of the anchored benchmark, 0 to 1.")] = None,
    source: Annotated[str | None, typer.Option(
        "--source", help="Family of evaluations that the scores are taken from.")] = None,
    spec: Spec = "densing",
    data: Data = None, skip_bad: SkipBad = False, seed: Seed = None,
    fit: FitPath = None,
    as_json: Json = False,
) -> None:
    """How fast does the price of a fixed capability fall?"""
    from densing_bayes.outputs import json_text
    from densing_bayes.progress import Steps

    with Steps() as progress:
        ctx = context(spec, data, seed, fit, progress, skip_bad)
        refuse(ctx)
        from densing_bayes.corollaries.ask import ask_prices

        found, lines, study = ask_prices(
            ctx.tables, interval=ctx.interval, rate=ctx.derived["rate"].values,
            thresholds=threshold or None, source=source, seed=seed, progress=progress)
    typer.echo(json_text(found) if as_json else "\n".join(lines))
    gate(study.passed, "prices")


def forecast(
    size: Annotated[float | None, typer.Option(
        "--size", parser=number(1e3, 1e18), help="Parameters, such as 8e9.")] = None,
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
    """When will a model of a size, or on a device, match another; what will fit at a date?"""
    import datetime as dt

    from densing_bayes.outputs import json_text
    from densing_bayes.progress import Steps

    if size is not None and device is not None:
        raise InputError(f"name a size or a device, not both (given {size:g}, {device!r})")
    if sum(aim is not None for aim in (match, score, effective)) > 1:
        raise InputError("name one thing to match: --match, --score or --effective")
    if match is None and score is None and effective is None and date is None:
        raise InputError("name what to reach (--match, --score, --effective) or a day (--date)")
    day = None
    if date is not None:
        try:
            day = dt.date.fromisoformat(date)
        except ValueError:
            raise InputError(f"--date: {date!r} is no day (allowed: YYYY-MM-DD)") from None
    with Steps() as progress:
        ctx = context(spec, data, seed, fit, progress, skip_bad)
        refuse(ctx)
        from densing_bayes.corollaries.ask import ask_forecast
        from densing_bayes.corollaries.capacity import Use
        from densing_bayes.corollaries.run import posterior_of

        found, lines = ask_forecast(
            posterior_of(ctx), ctx.tables, as_of=dt.date.today(), interval=ctx.interval,
            size=size, device=device, match=match, score=score, effective=effective, date=day,
            use=Use(bits=bits, tokens_per_second=tokens_per_second), seed=seed,
            progress=progress)
    typer.echo(json_text(found) if as_json else "\n".join(lines))


def compression(device: Device = None, data: Data = None, seed: Seed = None,
                as_json: Json = False) -> None:
    """Are pruned, distilled and quantised children denser than their parents?"""
    from densing_bayes.progress import Steps
    from densing_bayes.specs import load_model

    spec = load_model("compression")
    with Steps() as progress:
        progress("reading tables")
        from densing_bayes.tables import load_tables

        tables = load_tables(data)
        if tables.compression is None:
            raise InputError("the tables have no compression.csv")
        from densing_bayes.compression import run_compression
        from densing_bayes.sections import compression as words

        result = run_compression(tables, spec, seed, device=device, progress=progress)
        section = words.section(result)
    say_section(section, as_json)
    gate(result.diagnostics["passed"], "compression")
