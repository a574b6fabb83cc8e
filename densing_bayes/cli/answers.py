"""What commands share: how they open a fit, print an answer and refuse one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from densing_bayes.errors import GateError, InputError

MOST_KINDS = 40


def say_problems(problems: list[Any], heading: str = "") -> None:
    """Print problems to stderr, a line for each kind and at most 40."""
    from densing_bayes.outputs import clean
    from densing_bayes.problems import told

    lines = told(problems)
    if heading and lines:
        typer.echo(heading, err=True)
    for line in lines[:MOST_KINDS]:
        typer.echo(clean(line), err=True)
    if len(lines) > MOST_KINDS:
        typer.echo(f"and {len(lines) - MOST_KINDS} more kinds", err=True)
    if len(problems) > len(lines):
        typer.echo(f"in all {len(problems):,} of {len(lines)} kinds", err=True)


def read_tables(data: Path | None, skip_bad: bool = False) -> Any:
    """The checked tables; what was left out and what is suspicious goes to stderr."""
    from densing_bayes.tables import load_tables

    tables = load_tables(data, skip_bad=skip_bad)
    say_problems(tables.skipped, "rows left out:")
    say_problems(tables.warnings, "suspicious, not wrong:")
    return tables


def say(value: Any, as_json: bool, text: str) -> None:
    """Print a result as JSON or as text."""
    from densing_bayes.outputs import json_text

    typer.echo(json_text(value) if as_json else text)


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


def context(spec: str, data: Path | None, seed: int | None, fit: Path | None,
            progress: Any, skip_bad: bool = False) -> Any:
    """A context that answers from a saved fit where there is one, and keeps a new one."""
    from densing_bayes.specs import load_model

    model = load_model(spec).with_seed(seed)
    if model.family != "densing":
        raise InputError(f"spec '{model.name}' is of family '{model.family}': this question needs "
                         f"one of family 'densing'")
    progress("reading tables")
    tables = read_tables(data, skip_bad)
    from densing_bayes.context import Context
    from densing_bayes.outputs import default_out

    saved = fit or default_out(model.name, model.hash, tables.sha256) / "fit.nc"
    return Context(tables, model, progress, saved=saved, must_exist=fit is not None)


def refuse(context: Any) -> None:
    """Raise where the gate refuses: no number of such a fit is printed."""
    from densing_bayes.pipeline import refusal

    why = refusal(context)
    if why:
        raise GateError(why)


def gate(passed: bool, what: str) -> None:
    """Raise where a fit's diagnostics did not pass."""
    if not passed:
        raise GateError(f"{what}: the draws do not represent the posterior")
