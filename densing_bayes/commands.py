"""The questions beside the main job, one command each; registered by `densing_bayes.cli`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from densing_bayes.errors import GateError, InputError

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Data = Annotated[Path | None, typer.Option(
    "--data", help="Folder of tables that replaces the shipped ones.")]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Seed of every random stream.")]
Device = Annotated[str | None, typer.Option(
    "--device", help="Device of hardware.csv, such as 'RTX 4090'.")]


def register(app: typer.Typer) -> None:
    """Add every command of this module to the app."""
    for command in (regimes, compression, prices, forecast, scaling, study, calibrate):
        app.command()(command)


def say_section(section: Any, as_json: bool) -> None:
    """A section as text on the terminal, or its summary as JSON."""
    import pandas as pd

    from densing_bayes.outputs import clean, json_text

    if as_json:
        typer.echo(json_text(section.summary))
        return
    for paragraph in section.text:
        typer.echo(clean(paragraph) + "\n")
    for table in section.tables:
        typer.echo(clean(table.caption))
        frame = table.frame.copy()
        for column, form in table.formats.items():
            frame[column] = [form.format(value) if pd.notna(value) else "" for value in
                             frame[column]]
        typer.echo(clean_table(frame.to_string(index=False)) + "\n")


def clean_table(text: str) -> str:
    """A printed table without control characters, its lines kept."""
    from densing_bayes.outputs import clean

    return "\n".join(clean(line) for line in text.splitlines())


def gate(passed: bool, what: str) -> None:
    """Raise where a fit's diagnostics did not pass."""
    if not passed:
        raise GateError(f"{what}: the draws do not represent the posterior")


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
    spec: Annotated[str, typer.Option("--spec", help="Model spec of the density fit.")] =
    "densing",
    data: Data = None, seed: Seed = None,
    fit: Annotated[Path | None, typer.Option("--fit", help="Saved density fit.")] = None,
    as_json: Json = False,
) -> None:
    """Did the rate of growth change, and how sure can one be?"""
    from densing_bayes.progress import Steps

    if records and frontier:
        raise InputError("--records and --frontier exclude each other")
    if series is None and (records or frontier or log or sd or until):
        raise InputError("--records, --until, --frontier, --log and --sd belong to a SERIES.csv of "
                         "your own")
    with Steps() as progress:
        if series is None:
            from densing_bayes.cli import context, refuse
            from densing_bayes.regimes.designs import check_break
            from densing_bayes.sections.regimes import judge_densities, told

            check_break(break_date)
            ctx = context(spec, data, seed, fit, progress)
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


def cost_density(context: Any, device: str, names: list[str], as_json: bool) -> None:
    """Print densities that count what inference costs on a device."""
    from densing_bayes.errors import Problem, did_you_mean
    from densing_bayes.outputs import json_text
    from densing_bayes.sections.costs import density_rows
    from densing_bayes.writers import cost_study

    study, _ = cost_study(context, device)
    import numpy as np

    known = [str(name) for name in study.models["model"]]
    unknown = [Problem("no such model with scores", given=name, hint=did_you_mean(name, known))
               for name in names if name not in known]
    if unknown:
        raise InputError(unknown)
    rows = density_rows(study, np.flatnonzero(np.isin(known, names or known)))
    if as_json:
        typer.echo(json_text({"device": study.devices[0].name, "cost_density": rows}))
        return
    import pandas as pd

    typer.echo(f"device {study.devices[0].name}; {context.interval}")
    printed = [{key: "{median:.2f} [{low:.2f}, {high:.2f}]".format(**value)
                if isinstance(value, dict) else value for key, value in row.items()}
               for row in rows]
    typer.echo(clean_table(pd.DataFrame(printed).to_string(index=False)))


def prices(
    threshold: Annotated[list[float] | None, typer.Option(
        "--threshold", help="Capability: a score of the anchored benchmark, 0 to 1.")] = None,
    source: Annotated[str | None, typer.Option(
        "--source", help="Family of evaluations that the scores are taken from.")] = None,
    spec: Annotated[str, typer.Option("--spec", help="Model spec of the density fit.")] =
    "densing",
    data: Data = None, seed: Seed = None,
    fit: Annotated[Path | None, typer.Option("--fit", help="Saved density fit.")] = None,
    as_json: Json = False,
) -> None:
    """How fast does the price of a fixed capability fall?"""
    from densing_bayes.cli import context, refuse
    from densing_bayes.outputs import json_text
    from densing_bayes.progress import Steps

    with Steps() as progress:
        ctx = context(spec, data, seed, fit, progress)
        refuse(ctx)
        from densing_bayes.corollaries.ask import ask_prices

        found, lines, study = ask_prices(
            ctx.tables, interval=ctx.interval, rate=ctx.derived["rate"].values,
            thresholds=threshold or None, source=source, seed=seed, progress=progress)
    typer.echo(json_text(found) if as_json else "\n".join(lines))
    gate(study.passed, "prices")


def forecast(
    size: Annotated[float | None, typer.Option("--size", help="Parameters, such as 8e9.")] = None,
    device: Device = None,
    match: Annotated[str | None, typer.Option(
        "--match", help="Model to match, such as GPT-4.")] = None,
    score: Annotated[float | None, typer.Option(
        "--score", help="Score of the anchored benchmark to reach, 0 to 1.")] = None,
    effective: Annotated[float | None, typer.Option(
        "--effective", help="Effective parameters to reach.")] = None,
    date: Annotated[str | None, typer.Option("--date", help="Day, YYYY-MM-DD.")] = None,
    bits: Annotated[float, typer.Option("--bits", help="Bits per weight on a device.")] = 4.0,
    tokens_per_second: Annotated[float, typer.Option(
        "--tokens-per-second", help="Speed asked of a device.")] = 10.0,
    spec: Annotated[str, typer.Option("--spec", help="Model spec of the density fit.")] =
    "densing",
    data: Data = None, seed: Seed = None,
    fit: Annotated[Path | None, typer.Option("--fit", help="Saved density fit.")] = None,
    as_json: Json = False,
) -> None:
    """When will a model of a size, or on a device, match another; what will fit at a date?"""
    import datetime as dt

    from densing_bayes.cli import context, refuse
    from densing_bayes.outputs import json_text
    from densing_bayes.progress import Steps

    day = None
    if date is not None:
        try:
            day = dt.date.fromisoformat(date)
        except ValueError:
            raise InputError(f"--date: {date!r} is no day (allowed: YYYY-MM-DD)") from None
    with Steps() as progress:
        ctx = context(spec, data, seed, fit, progress)
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


def scaling(
    runs: Annotated[Path | None, typer.Argument(
        help="CSV of training runs; none: the shipped ladders.")] = None,
    law: Annotated[list[str] | None, typer.Option(
        "--law", help="chinchilla, densing, kaplan or broken (repeat for several).")] = None,
    predict: Annotated[list[str] | None, typer.Option(
        "--predict", help="A model to predict: params=25e9,tokens=6e11.")] = None,
    compute: Annotated[list[float] | None, typer.Option(
        "--compute", help="Budget in FLOP for the compute-optimal allocation.")] = None,
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


def study(
    spec: Annotated[str, typer.Argument(help="Study spec: a name or a path.")] = "default",
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the study.")] = None,
    executor: Annotated[str, typer.Option(
        "--executor", help="serial, processes:N or dask:tcp://host:port.")] = "serial",
    resume: Annotated[bool, typer.Option(
        "--resume", help="Go on with what the folder has.")] = False,
    data: Data = None, as_json: Json = False,
) -> None:
    """Sensitivity study: how much the answer depends on benchmarks, ruler, rules, priors."""
    from densing_bayes.executors import check_executor
    from densing_bayes.studies.names import check_names
    from densing_bayes.studies.spec import load_study

    check_executor(executor)
    asked = load_study(spec)
    check_names(asked, data)
    from densing_bayes.studies.bar import CaseProgress

    with CaseProgress() as progress:
        progress("reading tables")
        from densing_bayes.tables import load_tables

        tables = load_tables(data)
        from densing_bayes.outputs import clean, json_text
        from densing_bayes.sections import studies as words
        from densing_bayes.studies.study import run_study

        folder = out or Path("densing-out") / f"study-{asked.name}"
        found = run_study(asked, tables, folder, executor, progress, resume=resume)
        told = words.report(found, folder / "report", progress)
    section = words.section(found)
    if as_json:
        typer.echo(json_text(section.summary))
    else:
        typer.echo("\n\n".join(clean(paragraph) for paragraph in section.text))
        typer.echo(f"report: {told / 'index.html'}")
    refused = words.refusal(found)
    if refused:
        raise GateError(refused)


def calibrate(
    quick: Annotated[bool, typer.Option(
        "--quick", help="A few minutes: a look, not a certificate.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Folder; resumed when there.")] = None,
    executor: Annotated[str, typer.Option(
        "--executor", help="serial, processes:N or dask:tcp://host:port.")] = "serial",
    data: Data = None, as_json: Json = False,
) -> None:
    """Are the intervals true? SBC, coverage on made-up worlds, back-test on real releases."""
    from densing_bayes.outputs import json_text
    from densing_bayes.progress import Steps

    with Steps() as progress:
        progress("reading tables")
        from densing_bayes.calibration.certificate import calibrate as run
        from densing_bayes.tables import load_tables

        tables = load_tables(data)
        from densing_bayes.executors import open_executor
        from densing_bayes.sections import calibration as words

        folder = out or Path("densing-out") / ("calibration-quick" if quick else "calibration")
        if executor == "serial":
            result = run(quick=quick, out=folder, tables=tables, progress=progress)
        else:
            with open_executor(executor) as workers:
                result = run(quick=quick, out=folder, tables=tables, progress=progress,
                             executor=workers.executor)
    if as_json:
        typer.echo(json_text(result))
    else:
        say_section(words.section(result), False)
