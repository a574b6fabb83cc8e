"""Did the rate of growth change?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from densing_bayes.cli.answers import context, gate, refuse, say_section
from densing_bayes.cli.options import Data, FitPath, Json, Seed, SkipBad, Spec
from densing_bayes.errors import InputError


def regimes(
    series: Annotated[Path | None, typer.Argument(
        help="CSV of your own series; none: density since GPT-3 on the tables.")] = None,
    date: Annotated[str, typer.Option("--date", help="Column of dates.")] = "date",
    value: Annotated[str, typer.Option("--value", help="Column of values.")] = "value",
    sd: Annotated[str | None, typer.Option("--sd", help="Column of measurement sd.")] = None,
    log: Annotated[bool, typer.Option("--log", help="Take logs of the values.")] = False,
    break_date: Annotated[str | None, typer.Option(
        "--break", help="Suspected date of change (YYYY-MM-DD); else it is looked for.")] = None,
    records: Annotated[bool, typer.Option(
        "--records/--all", help="Points are records only / all points (default).")] = False,
    until: Annotated[str | None, typer.Option(
        "--until", help="With --records: date until which no further record was seen.")] = None,
    frontier: Annotated[bool, typer.Option(
        "--frontier", help="Points lie below a frontier.")] = False,
    spec: Spec = "densing",
    data: Data = None, skip_bad: SkipBad = False, seed: Seed = None,
    fit: FitPath = None,
    as_json: Json = False,
) -> None:
    """Did the rate of growth change, and how sure can one be?

    Example: densing regimes my-series.csv --log
    """
    from densing_bayes.progress import Steps

    if records and frontier:
        raise InputError("--records and --frontier exclude each other")
    if series is None and (records or frontier or log or sd or until):
        raise InputError("--records, --until, --frontier, --log and --sd belong to a SERIES.csv of "
                         "your own")
    with Steps() as progress:
        if series is None:
            from densing_bayes.regimes.designs import check_break
            from densing_bayes.sections.regimes import judge_densities, told

            check_break(break_date)
            ctx = context(spec, data, seed, fit, progress, skip_bad)
            refuse(ctx)
            found, verdict, sources = judge_densities(ctx, break_date)
            section = told(ctx, found, verdict, sources)
        else:
            progress("reading the series")
            from densing_bayes.regimes import judge, read_series
            from densing_bayes.sections import regimes as words

            kind = "records" if records else "frontier" if frontier else "all"
            points = read_series(series, date=date, value=value, sd=sd, log=log, kind=kind,
                                 end=until)
            verdict = judge(points, break_date=break_date, seed=seed, progress=progress)
            section = words.section(verdict)
    if as_json:
        from densing_bayes.outputs import json_text

        typer.echo(json_text(verdict.summary() | {"forecast": section.summary["regimes_forecast"]}))
    else:
        say_section(section, False)
    gate(verdict.passed, "regimes")
