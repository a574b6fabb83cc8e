"""What commands share: how they open a fit, print an answer and refuse one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from densing_bayes.errors import GateError, InputError

MOST_PROBLEMS = 200


def say_problems(problems: list[Any]) -> None:
    """Print problems to stderr, the first 200 of them."""
    from densing_bayes.outputs import clean

    for problem in problems[:MOST_PROBLEMS]:
        typer.echo(clean(problem), err=True)
    if len(problems) > MOST_PROBLEMS:
        typer.echo(f"and {len(problems) - MOST_PROBLEMS} more", err=True)


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
            progress: Any) -> Any:
    """A context that answers from a saved fit where there is one, and keeps a new one."""
    from densing_bayes.specs import load_model

    model = load_model(spec).with_seed(seed)
    if model.family != "densing":
        raise InputError(f"spec '{model.name}' is of family '{model.family}': this question needs "
                         f"one of family 'densing'")
    progress("reading tables")
    from densing_bayes.tables import load_tables

    tables = load_tables(data)
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
