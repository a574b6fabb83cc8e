"""Tables and model specs: checked, listed, shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from densing_bayes.cli.answers import say, say_problems
from densing_bayes.cli.options import Data, Json


def validate(paths: Annotated[list[Path], typer.Argument(help="Tables, folders or specs.")],
             as_json: Json = False) -> None:
    """Check tables and specs; every problem with file, row and column."""
    from densing_bayes.tables import validate as check

    problems = check(paths)
    if as_json:
        from dataclasses import asdict

        say([asdict(problem) for problem in problems], True, "")
    else:
        say_problems(problems)
    if problems:
        raise typer.Exit(2)
    if not as_json:
        typer.echo("nothing wrong")


def data_list(data: Data = None, as_json: Json = False) -> None:
    """List the tables, with rows and checksums."""
    from densing_bayes.tables import list_tables

    rows = list_tables(data)
    say(rows, as_json, "\n".join(
        f"{row['name']:12s} {row['rows']:>6} rows  {row['what']}" for row in rows))


def data_show(name: str, data: Data = None, as_json: Json = False) -> None:
    """Print one table."""
    from densing_bayes.tables import show_table

    frame = show_table(name, data)
    say(frame.to_dict("records") if as_json else None, as_json, frame.to_string(index=False))


def models_list(as_json: Json = False) -> None:
    """List the model specs."""
    from densing_bayes.shelf import names
    from densing_bayes.specs import load_model

    specs = [load_model(name) for name in names("models")]
    say([{"name": spec.name, "family": spec.family, "title": spec.title} for spec in specs],
        as_json, "\n".join(f"{spec.name:16s} {spec.family:12s} {spec.title}" for spec in specs))


def models_show(name: str, as_json: Json = False) -> None:
    """Print one model spec, every prior with its reason."""
    from densing_bayes.specs import load_model

    spec = load_model(name)
    say({"name": spec.name, "family": spec.family, "title": spec.title, "hash": spec.hash,
         "options": spec.options,
         "priors": {key: {"dist": prior.dist, **prior.args, "unit": prior.unit, "why": prior.why}
                    for key, prior in spec.priors.items()}},
        as_json, spec.text)
