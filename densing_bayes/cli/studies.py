"""Many fits: sensitivity studies and calibration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from densing_bayes.cli.answers import answer, read_tables
from densing_bayes.cli.options import Data, Executor, Json, SkipBad


def study(
    spec: Annotated[str, typer.Argument(help="Study spec: a name or a path.")] = "default",
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the study.")] = None,
    executor: Executor = "serial",
    resume: Annotated[bool, typer.Option(
        "--resume", help="Go on with what the folder has.")] = False,
    data: Data = None, skip_bad: SkipBad = False, as_json: Json = False,
) -> None:
    """Sensitivity study: how much the answer depends on benchmarks, ruler, rules, priors.

    Example: densing study benchmarks --executor processes:2
    """
    from densing_bayes.executors import check_executor
    from densing_bayes.studies.spec import load_study

    check_executor(executor)
    asked = load_study(spec)
    from densing_bayes.studies.bar import CaseProgress

    with CaseProgress() as progress:
        progress("reading tables")
        tables = read_tables(data, skip_bad)
        from densing_bayes.verbs.studies import study as ask

        found = ask(asked, tables, out=out, executor=executor, resume=resume, progress=progress)
    answer(found, as_json)


def calibrate(
    quick: Annotated[bool, typer.Option(
        "--quick", help="A few minutes: a look, not a certificate.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Folder; resumed when there.")] = None,
    executor: Executor = "serial",
    data: Data = None, skip_bad: SkipBad = False, as_json: Json = False,
) -> None:
    """Are the intervals true? SBC, coverage on made-up worlds, back-test on real releases.

    Example: densing calibrate --quick
    """
    from densing_bayes.executors import check_executor
    from densing_bayes.progress import Steps

    check_executor(executor)
    with Steps() as progress:
        progress("reading tables")
        tables = read_tables(data, skip_bad)
        from densing_bayes.verbs.studies import calibrate as ask

        found = ask(tables, quick=quick, out=out, executor=executor, progress=progress)
    answer(found, as_json)
