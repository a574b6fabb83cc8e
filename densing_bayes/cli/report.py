"""The main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from densing_bayes.cli.answers import answer, read_tables
from densing_bayes.cli.options import Data, Json, Seed, SkipBad


def report(spec: Annotated[str, typer.Argument(help="Report spec: doubling-time, full or a "
                                                    "path.")] = "doubling-time",
           out: Annotated[Path | None, typer.Option("--out", help="Folder to write.")] = None,
           seed: Seed = None, data: Data = None, skip_bad: SkipBad = False,
           listed: Annotated[bool, typer.Option(
               "--list", help="List the report specs on the shelf, and end.")] = False) -> None:
    """Fit, check, derive, draw: the main job, as a page, a PDF, tables and summary.json.

    Example: densing report doubling-time --out report
    """
    from densing_bayes.outputs import check_out
    from densing_bayes.progress import Steps
    from densing_bayes.specs import load_report

    if listed:
        from densing_bayes.shelf import names

        for name in names("reports"):
            one = load_report(name)
            typer.echo(f"{name:16s} {one.title}\n{'':16s} model {one.model.name}; sections "
                       f"{', '.join(one.sections)}")
        return
    asked = load_report(spec)
    asked.model.with_seed(seed)
    if out is not None:
        check_out(out)
    with Steps() as progress:
        progress("reading tables")
        tables = read_tables(data, skip_bad)
        from densing_bayes.verbs.report import report as ask

        found = ask(asked, tables, out=out, seed=seed, progress=progress)
    answer(found, False)


def compare(before: Annotated[Path, typer.Argument(help="Report folder.")],
            after: Annotated[Path, typer.Argument(help="Another one.")],
            as_json: Json = False) -> None:
    """What changed from one report to another, and what stands behind it.

    Example: densing compare report-october report-november
    """
    from densing_bayes.verbs.compare import compare as ask

    answer(ask(before, after), as_json)
