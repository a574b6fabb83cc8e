"""Many fits: sensitivity studies and calibration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from densing_bayes.cli.answers import read_tables, say_section
from densing_bayes.cli.options import Data, Executor, Json, SkipBad
from densing_bayes.errors import GateError


def study(
    spec: Annotated[str, typer.Argument(help="Study spec: a name or a path.")] = "default",
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the study.")] = None,
    executor: Executor = "serial",
    resume: Annotated[bool, typer.Option(
        "--resume", help="Go on with what the folder has.")] = False,
    data: Data = None, skip_bad: SkipBad = False, as_json: Json = False,
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
        tables = read_tables(data, skip_bad)
        from densing_bayes.outputs import clean, default_out, json_text
        from densing_bayes.sections import studies as words
        from densing_bayes.studies.study import run_study

        folder = out or default_out(f"study-{asked.name}", asked.hash, tables.sha256)
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
    executor: Executor = "serial",
    data: Data = None, as_json: Json = False,
) -> None:
    """Are the intervals true? SBC, coverage on made-up worlds, back-test on real releases."""
    from densing_bayes.outputs import default_out, json_text
    from densing_bayes.progress import Steps
    from densing_bayes.specs import load_model

    with Steps() as progress:
        progress("reading tables")
        from densing_bayes.calibration.certificate import calibrate as run
        from densing_bayes.tables import load_tables

        tables = load_tables(data)
        from densing_bayes.executors import open_executor
        from densing_bayes.sections import calibration as words

        folder = out or default_out("calibration-quick" if quick else "calibration",
                                    load_model("densing").hash, tables.sha256)
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
