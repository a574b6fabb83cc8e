"""Tables and model specs: checked, listed, shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from densing_bayes.cli.answers import say, say_problems
from densing_bayes.cli.options import Data, Json


def validate(paths: Annotated[list[Path], typer.Argument(help="Tables, folders or specs.")],
             as_json: Json = False) -> None:
    """Check tables and specs: every kind of problem with file, rows and column.

    Example: densing validate my-tables/
    """
    from densing_bayes.verbs.shelf import inspect

    problems, warnings = inspect(paths)
    if as_json:
        from dataclasses import asdict

        say([asdict(problem) for problem in problems], True, "")
    else:
        say_problems(problems)
    say_problems(warnings, "suspicious, not wrong:")
    if problems:
        raise typer.Exit(2)
    if not as_json:
        typer.echo("nothing wrong" + (", but see the warnings" if warnings else ""))


def data_list(data: Data = None, as_json: Json = False) -> None:
    """List the tables, with rows and checksums.

    Example: densing data list --json
    """
    from densing_bayes.tables import list_tables

    rows = list_tables(data)
    say(rows, as_json, "\n".join(
        f"{row['name']:12s} {row['rows']:>6} rows  {row['what']}" for row in rows))


def data_show(name: str, data: Data = None, as_json: Json = False) -> None:
    """Print one table, or every cell of one model with its source and whether it was checked.

    Example: densing data show benchmarks
    """
    from densing_bayes.schemas import TABLES

    if name in TABLES:
        from densing_bayes.tables import show_table

        frame = show_table(name, data)
        say(frame.to_dict("records") if as_json else None, as_json, frame.to_string(index=False))
        return
    from densing_bayes.provenance import of_model
    from densing_bayes.tables import load_tables

    found = of_model(load_tables(data), name)
    parts = [f"{key:16s} {_told(value)}" for key, value in found["about"].items()]
    for key in ("cells", "answers"):
        frame = found[key].map(_told)
        frame = frame[[column for column in frame if (frame[column] != "").any()]]
        parts += ["", frame.to_string(index=False)] if len(frame) else []
    say({"about": found["about"], **{key: found[key].to_dict("records")
                                     for key in ("cells", "answers")}}, as_json, "\n".join(parts))


def data_unchecked(data: Data = None, as_json: Json = False) -> None:
    """List the sources whose scores nobody has compared yet, and count what was compared.

    Example: densing data unchecked
    """
    from densing_bayes.provenance import tally, unchecked
    from densing_bayes.tables import load_tables

    tables = load_tables(data)
    count, rows = tally(tables), unchecked(tables)
    head = (f"{count['cells_checked']} of {count['cells']} scores and {count['dates_checked']} of "
            f"{count['dates']} release dates compared with their sources")
    lines = [f"{row.unchecked:>5} of {row.cells:<5} {row.source}" for row in rows.itertuples()]
    say({**count, "sources": rows.to_dict("records")}, as_json,
        "\n".join([head, *(["", "not compared:", *lines] if lines else [])]))


def _told(value: Any) -> str:
    """A cell as a reader writes it: no time of day, no trailing zeros, nothing for the unknown."""
    import pandas as pd

    if pd.isna(value):
        return ""
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def models_list(as_json: Json = False) -> None:
    """List the model specs.

    Example: densing models list
    """
    from densing_bayes.shelf import names
    from densing_bayes.specs import load_model

    specs = [load_model(name) for name in names("models")]
    say([{"name": spec.name, "family": spec.family, "title": spec.title} for spec in specs],
        as_json, "\n".join(f"{spec.name:16s} {spec.family:12s} {spec.title}" for spec in specs))


def models_show(name: str, as_json: Json = False) -> None:
    """Print one model spec, every prior with its reason.

    Example: densing models show densing
    """
    from densing_bayes.specs import load_model

    spec = load_model(name)
    say({"name": spec.name, "family": spec.family, "title": spec.title, "hash": spec.hash,
         "options": spec.options,
         "priors": {key: {"dist": prior.dist, **prior.args, "unit": prior.unit, "why": prior.why}
                    for key, prior in spec.priors.items()}},
        as_json, spec.text)
