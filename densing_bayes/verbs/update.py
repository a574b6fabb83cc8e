"""``update``: rows added to a folder of tables, the fit made again, and what they changed."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from densing_bayes.errors import InputError, Problem, TableError
from densing_bayes.outputs import replacing
from densing_bayes.schemas import TABLES
from densing_bayes.shelf import shelf
from densing_bayes.specs import ModelSpec
from densing_bayes.tables import load_tables
from densing_bayes.verbs.answer import Answer
from densing_bayes.verbs.compare import changes, state_of
from densing_bayes.verbs.opening import opened
from densing_bayes.verbs.steps import Progress, steps


def update(folder: str | Path, add: Sequence[str | Path | pd.DataFrame], *,
           spec: str | Path | ModelSpec = "densing", seed: int | None = None,
           progress: Progress = False, **options: Any) -> Answer:
    """Add rows to a folder of tables, fit again from where the last fit stood, and compare.

    Nothing of the folder changes before the rows are checked and the new fit has passed its
    diagnostics; then its tables are replaced one by one, each whole.

    Parameters
    ----------
    folder
        Of tables. Where it is not there or empty it becomes a copy of the shipped ones, with the
        rows.
    add
        CSV files (or DataFrames) with rows of models or scores, in any order of their columns;
        columns that may be empty may be missing.
    spec, seed, progress, options
        As in `densing_bayes.growth`.

    Returns
    -------
    Answer
        ``values`` as those of `densing_bayes.compare`, with the ``rows`` added by table.

    Raises
    ------
    InputError
        For rows that are wrong or there already, with their file and line: nothing is changed.
    GateError
        The new fit did not pass its diagnostics: nothing is changed.
    """
    folder = Path(folder)
    if not add:
        raise InputError(Problem("no rows to add", hint="name a CSV file: --add scores.csv"))
    new = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    base = shelf("data") if new else folder
    with steps(progress) as step, TemporaryDirectory() as place:
        trial = Path(place) / "tables"
        trial.mkdir()
        for path in sorted(base.glob("*.csv")):
            shutil.copyfile(path, trial / path.name)
        step("checking the rows")
        counts = _merged(trial, add)
        sums = load_tables(trial).sha256
        before = opened(base, spec=spec, seed=seed, progress=step, keep=True, tell=_quietly,
                        **options)
        was = state_of(before)
        step("fitting again, with the new rows")
        after = opened(trial, spec=spec, seed=seed, progress=step, keep=True, tell=_quietly,
                       start=before, **options)
        values, lines = changes(was, state_of(after))
        folder.mkdir(parents=True, exist_ok=True)
        # scores last, since they name models: at any moment the folder is one that passes
        for path in sorted(trial.glob("*.csv"), key=lambda path: path.stem == "scores"):
            if new or path.stem in counts:
                with replacing(folder / path.name) as temporary:
                    shutil.copyfile(path, temporary)
    rows = " and ".join(f"{count} of {name}" for name, count in counts.items())
    lines = [f"Added to {folder}: rows {rows}.", *lines]
    values = {"folder": str(folder), "rows": counts, "tables_sha256": sums, **values}
    return Answer(" ".join(lines), pd.DataFrame(values["growth"]), values, values,
                  printed="\n".join(lines),
                  source=replace(after, given=lambda: load_tables(folder)))


def _quietly(*_: Any) -> None:
    """What is suspicious in the tables is said by ``validate``, and was by earlier questions."""


def _merged(trial: Path, add: Sequence[str | Path | pd.DataFrame]) -> dict[str, int]:
    """Rows of files put behind those of the tables in a folder, and checked; how many of each."""
    counts: dict[str, int] = {}
    places: dict[str, list[tuple[int, int, str]]] = {}  # first and last row there, and their file
    for one in add:
        file, header, rows = _rows(one)
        name = _table_of(file, header)
        path = trial / f"{name}.csv"
        with open(path, newline="", encoding="utf-8-sig") as opened_file:
            there = list(csv.reader(opened_file))
        columns = [*there[0], *(column for column in header if column not in there[0])]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        for row in there[1:]:
            writer.writerow([*row, *[""] * (len(columns) - len(there[0]))] if row else row)
        first = text.getvalue().count("\n") + 1
        for row in rows:
            cells = dict(zip(header, row, strict=False))
            writer.writerow([cells.get(column, "") for column in columns])
        path.write_text(text.getvalue(), encoding="utf-8")
        places.setdefault(name, []).append((first, first + len(rows), file))
        counts[name] = counts.get(name, 0) + len(rows)
    try:
        load_tables(trial)
    except TableError as error:
        raise TableError([_placed(problem, places) for problem in error.problems]) from None
    return dict(sorted(counts.items()))


def _rows(one: str | Path | pd.DataFrame) -> tuple[str, list[str], list[list[str]]]:
    """Name, header and rows of a file or a DataFrame; every row as long as the header."""
    try:
        text = (one.to_csv(index=False, date_format="%Y-%m-%d") if isinstance(one, pd.DataFrame)
                else Path(one).read_text(encoding="utf-8-sig"))
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except OSError as error:
        raise InputError(Problem("the rows cannot be read", given=str(one),
                                 hint=error.strerror)) from None
    except (UnicodeDecodeError, csv.Error):
        raise InputError(Problem("not a CSV file in UTF-8", given=str(one))) from None
    file = "DataFrame" if isinstance(one, pd.DataFrame) else Path(one).name
    header = [cell.strip() for cell in rows[0]] if rows else []
    body = [row for row in rows[1:] if any(cell.strip() for cell in row)]
    wrong = [Problem("the row has another number of cells than the header", file=file,
                     row=number, given=len(row), allowed=str(len(header)))
             for number, row in enumerate(body, 2) if len(row) != len(header)]
    if wrong:
        raise TableError(wrong)
    if not body:
        raise InputError(Problem("the file has no rows", file=file))
    return file, header, body


def _table_of(file: str, header: list[str]) -> str:
    """The table that a header is of: it has the columns that may not be empty there."""
    needed = {name: [column for column, spec in TABLES[name].columns.items() if spec.filled]
              for name in ("scores", "models")}
    for name, columns in needed.items():
        if set(columns) <= set(header):
            return name
    raise InputError(Problem(
        "rows of no table that can be added to", file=file, row=1, given=", ".join(header)[:200],
        allowed="; ".join(f"{name}: {', '.join(columns)}" for name, columns in needed.items())))


def _placed(problem: Problem, places: dict[str, list[tuple[int, int, str]]]) -> Problem:
    """A problem of the tables with the rows, where it is in the file that was given."""
    name = (problem.file or "").removesuffix(".csv")
    for first, last, file in places.get(name, ()):
        if problem.row is not None and first <= problem.row < last:
            return replace(problem, file=file, row=problem.row - first + 2)
    return problem
