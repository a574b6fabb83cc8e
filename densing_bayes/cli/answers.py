"""What commands share: how tables are opened, an answer printed and a refused one ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from densing_bayes.errors import GateError

if TYPE_CHECKING:
    from densing_bayes.context import Context
    from densing_bayes.tables import Tables
    from densing_bayes.verbs.answer import Answer

MOST_KINDS = 40


def say_problems(problems: list[Any], heading: str = "") -> None:
    """Print problems to stderr, a line for each kind and at most 40."""
    from densing_bayes.problems import by_kind, told

    say_lines(told(problems), heading)
    kinds = len(by_kind(problems))
    if len(problems) > kinds:
        typer.echo(f"in all {len(problems):,} of {kinds} kinds", err=True)


def say_lines(lines: list[str], heading: str) -> None:
    """Print lines under a heading to stderr, at most 40."""
    from densing_bayes.outputs import clean

    if heading and lines:
        typer.echo(heading, err=True)
    for line in lines[:MOST_KINDS]:
        typer.echo(clean(line), err=True)
    if len(lines) > MOST_KINDS:
        typer.echo(f"and {len(lines) - MOST_KINDS} more kinds", err=True)


def tell(skipped: list[str], suspicious: list[str]) -> None:
    """What was left out of tables and what is suspicious in them, on stderr."""
    say_lines(skipped, "rows left out:")
    say_lines(suspicious, "suspicious, not wrong:")


def read_tables(data: Path | None, skip_bad: bool = False) -> Tables:
    """The checked tables; what was left out and what is suspicious goes to stderr."""
    from densing_bayes.tables import load_tables

    tables = load_tables(data, skip_bad=skip_bad)
    say_problems(tables.skipped, "rows left out:")
    say_problems(tables.warnings, "suspicious, not wrong:")
    return tables


def context(spec: str, data: Path | None, seed: int | None, fit: Path | None,
            progress: Callable[..., None], skip_bad: bool = False, **options: Any) -> Context:
    """The fit of a question: a saved one where there is one, else made and kept.

    The spec is looked at before the tables are read, and these before anything is fitted.
    """
    from densing_bayes.verbs.spec import spec_of

    model = spec_of(spec, seed, options)
    from densing_bayes.verbs.opening import opened

    return opened(data, spec=model, fit=fit, progress=progress, keep=True, skip_bad=skip_bad,
                  tell=tell)


def say(value: Any, as_json: bool, text: str) -> None:
    """Print a result as JSON or as text."""
    from densing_bayes.outputs import json_text

    typer.echo(json_text(value) if as_json else text)


def answer(found: Answer, as_json: bool) -> None:
    """Print what a verb returned, and end as refused where the gate refused it."""
    say(found.said, as_json, str(found))
    if found.refused:
        raise GateError(found.refused)
