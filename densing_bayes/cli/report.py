"""The main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from densing_bayes.cli.answers import read_tables
from densing_bayes.cli.options import Data, Seed, SkipBad


def report(spec: Annotated[str, typer.Argument(help="Report spec: doubling-time, full or a "
                                                    "path.")] = "doubling-time",
           out: Annotated[Path | None, typer.Option("--out", help="Folder to write.")] = None,
           seed: Seed = None, data: Data = None, skip_bad: SkipBad = False) -> None:
    """Fit, check, derive, draw: the main job, as a page, a PDF, tables and summary.json."""
    from dataclasses import replace

    from densing_bayes.specs import load_report

    asked = load_report(spec)
    asked = replace(asked, model=asked.model.with_seed(seed))
    from densing_bayes.outputs import check_out, default_out
    from densing_bayes.progress import Steps

    if out is not None:
        check_out(out)
    with Steps() as progress:
        progress("reading tables")
        tables = read_tables(data, skip_bad)
        out = out or default_out(asked.name, asked.hash, tables.sha256)
        from densing_bayes.pipeline import run_report

        result = run_report(asked, tables, out, progress)
    for line in result["headline"]:
        typer.echo(line)
    typer.echo(f"report: {out / 'index.html'}")
