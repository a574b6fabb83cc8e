"""New rows, and what they change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from densing_bayes.cli.answers import answer
from densing_bayes.cli.options import Benchmarks, Json, Seed, Spec


def update(folder: Annotated[Path, typer.Argument(
               help="Folder of tables; a new one becomes a copy of the shipped ones.")],
           add: Annotated[list[Path], typer.Option(
               "--add", help="CSV file with rows of models or scores (repeat for several).")],
           spec: Spec = "densing", benchmark: Benchmarks = None, seed: Seed = None,
           as_json: Json = False) -> None:
    """Add rows to tables, fit again from where the last fit stood, and say what changed.

    Rows that are wrong change nothing. Example: densing update my-tables --add new-scores.csv
    """
    from densing_bayes.progress import Steps
    from densing_bayes.verbs.spec import spec_of

    model = spec_of(spec, seed, {"benchmarks": benchmark})
    with Steps() as progress:
        from densing_bayes.verbs.update import update as ask

        found = ask(folder, add, spec=model, progress=progress)
    answer(found, as_json)
