"""Did the rate of growth change?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from densing_bayes.cli.answers import answer, context
from densing_bayes.cli.options import Data, FitPath, Json, Seed, SkipBad, Spec
from densing_bayes.errors import InputError, Problem


def regimes(
    series: Annotated[Path | None, typer.Argument(
        help="CSV of your own series; none: density since GPT-3 on the tables.")] = None,
    date: Annotated[str, typer.Option(
        "--date", help="Column of dates: YYYY-MM-DD, YYYY-MM, YYYY-Qn or YYYY.")] = "date",
    value: Annotated[str, typer.Option("--value", help="Column of values.")] = "value",
    sd: Annotated[str | None, typer.Option("--sd", help="Column of measurement sd.")] = None,
    sd_scale: Annotated[str, typer.Option(
        "--sd-scale", help="Scale of --sd: value (default), or log with --log.")] = "value",
    low: Annotated[str | None, typer.Option(
        "--low", help="Column of the low end of each value's interval.")] = None,
    high: Annotated[str | None, typer.Option("--high", help="Column of the high end.")] = None,
    prob: Annotated[float, typer.Option(
        "--prob", help="Probability of the intervals from --low to --high.")] = 0.9,
    log: Annotated[bool, typer.Option("--log", help="Take logs of the values.")] = False,
    breaks: Annotated[list[str] | None, typer.Option(
        "--break", help="Suspected date of change; give it again for more. None: looked for.",
        )] = None,
    records: Annotated[bool, typer.Option(
        "--records/--all", help="Points are records only / all points (default).")] = False,
    until: Annotated[str | None, typer.Option(
        "--until", help="With --records: date until which no further record was seen.")] = None,
    frontier: Annotated[bool, typer.Option(
        "--frontier", help="Points lie on the worse side of a frontier.")] = False,
    lower: Annotated[bool | None, typer.Option(
        "--lower-is-better/--higher-is-better",
        help="Good side of a frontier or of records; default: as the trend goes.")] = None,
    out: Annotated[Path | None, typer.Option(
        "--out", help="Folder for page, PDF, figures, tables and every regime's draws.")] = None,
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
    own = {"--sd": sd, "--low": low, "--high": high, "--log": log or None, "--until": until,
           "--records": records or None, "--frontier": frontier or None,
           "--lower-is-better": lower}
    if series is None and any(given is not None for given in own.values()):
        raise InputError(Problem(
            "options of a series of your own, but no SERIES.csv is given",
            given=", ".join(name for name, given in own.items() if given is not None)))
    with Steps() as progress:
        from densing_bayes.breakpoints.designs import check_breaks

        check_breaks(breaks or ())
        if out is not None:
            from densing_bayes.outputs import check_out

            check_out(out)
        if series is None:
            ctx = context(spec, data, seed, fit, progress, skip_bad)
            from densing_bayes.verbs.regimes import regimes as ask

            found = ask(None, ctx, breaks=breaks or (), out=out, progress=progress)
        else:
            from densing_bayes.breakpoints.columns import Columns
            from densing_bayes.verbs.regimes import regimes as ask

            kind = "records" if records else "frontier" if frontier else "all"
            found = ask(series, breaks=breaks or (), seed=seed, out=out, progress=progress,
                        columns=Columns(date, value, sd, low, high, prob, sd_scale, log, kind,
                                        lower, until))
    answer(found, as_json)
