"""A table of training runs: read, its units recognised, divided into ladders.

Needed are params, loss, and tokens (or compute in FLOP, from which tokens = C / 6N), under these
names or mapped to them (`densing_bayes.scaling_laws.columns`). run, suite, eval_set, loss_unit,
held_out and further columns are kept where they are. Runs of one suite, evaluation set and loss
unit form a ladder: their losses are comparable, others' are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.cells import typed
from densing_bayes.errors import InputError, Problem, TableError, did_you_mean
from densing_bayes.reading import read_cells, shown
from densing_bayes.scaling_laws.classic import FLOP_PER_PARAM_TOKEN
from densing_bayes.scaling_laws.columns import in_their_words, rename, suggestion
from densing_bayes.scaling_laws.geometry import Design, design
from densing_bayes.scaling_laws.units import (
    LEAST,
    band_problem,
    mixed_units,
    unit_notes,
    unit_problems,
)
from densing_bayes.shelf import shelf

NEEDED = ("params", "tokens", "loss")
LEAST_FLOP, MOST_FLOP = 1e9, 1e33  # budgets; none has come near either end
MOST = 1e21  # parameters or tokens
FEWEST_RUNS, FEWEST_SIZES, FEWEST_PLACES = 5, 2, 3
SAME = 1e-6  # relative: losses or sizes that differ by less are the same


@dataclass(frozen=True)
class Ladder:
    """Runs whose losses are comparable, as arrays; sizes centred at their geometric means.

    Parameters
    ----------
    name
        Suite, and evaluation set where a suite has several.
    frame
        The rows.
    centre
        (ln N0, ln D0), geometric means of parameters and tokens.
    """

    name: str
    frame: pd.DataFrame
    centre: tuple[float, float]

    @cached_property
    def size(self) -> np.ndarray:
        """ln(N/N0) of each run."""
        return np.log(self.frame["params"].to_numpy()) - self.centre[0]

    @cached_property
    def token(self) -> np.ndarray:
        """ln(D/D0) of each run."""
        return np.log(self.frame["tokens"].to_numpy()) - self.centre[1]

    @cached_property
    def log_loss(self) -> np.ndarray:
        """Log loss of each run."""
        return np.log(self.frame["loss"].to_numpy())

    @cached_property
    def design(self) -> Design:
        """What the runs can tell: a surface of the loss, or a line of it."""
        return design(self.size + self.centre[0], self.token + self.centre[1])

    def of(self, params: Any, tokens: Any) -> tuple[np.ndarray, np.ndarray]:
        """Centred ln-sizes of any models, in this ladder's terms."""
        return (np.log(np.asarray(params, dtype=float)) - self.centre[0],
                np.log(np.asarray(tokens, dtype=float)) - self.centre[1])

    def part(self, rows: Any) -> Ladder:
        """The ladder of some of the runs (a mask), about their own centre."""
        return ladder(self.name, self.frame[np.asarray(rows)])


@dataclass(frozen=True)
class Runs:
    """The ladders of a table, what was held out of them, and what was left out and why."""

    ladders: dict[str, Ladder]
    held_out: dict[str, pd.DataFrame] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    file: str = ""


def ladder(name: str, frame: pd.DataFrame) -> Ladder:
    """A ladder from rows with params, tokens and loss."""
    centre = tuple(float(np.log(frame[column]).mean()) for column in ("params", "tokens"))
    return Ladder(name, frame.reset_index(drop=True), centre)  # type: ignore[arg-type]


def read_runs(source: str | Path | pd.DataFrame | None = None, *,
              suites: list[str] | None = None,
              columns: Mapping[str, str] | None = None) -> Runs:
    """The ladders of a table of runs.

    Parameters
    ----------
    source
        A CSV file, a DataFrame with the same columns, or None for the shelf's runs.csv.
    suites
        Names of suites or ladders to keep; None keeps all.
    columns
        Our names (params, tokens, loss, compute) to those of the table, where they differ.

    Raises
    ------
    TableError
        With every problem: missing columns, counts in billions, losses that are no losses or in
        two units, one size at one token count, constant loss, too few runs. In a table of several
        ladders, one that is too small is left out with a note.
    """
    columns = dict(columns or {})
    frame, file = _frame(source, columns)
    problems = _check_columns(frame, file)
    if not problems:
        frame = _counted(frame)
        problems = unit_problems(frame, file) or _check_cells(frame, file)
    if problems:
        raise TableError(in_their_words(problems, columns))
    return _divide(frame, file, suites)


def _frame(source: Any, columns: Mapping[str, str]) -> tuple[pd.DataFrame, str]:
    """The table as typed columns under our names, indexed by the row of the file."""
    if isinstance(source, pd.DataFrame):
        frame = source.set_axis(pd.RangeIndex(2, len(source) + 2))
        return rename(frame, columns, "the table of runs"), "the table of runs"
    path = shelf("data") / "runs.csv" if source is None else Path(source)
    raw = read_cells(path, shown(path) if source is not None else path.name)
    frame = pd.DataFrame()
    if raw.frame is not None:
        raw.frame = rename(raw.frame, columns, raw.file)
        frame, _ = typed("runs", raw)
    if raw.problems:
        raise TableError(in_their_words(raw.problems, columns))
    return frame, raw.file


def _check_columns(frame: pd.DataFrame, file: str) -> list[Problem]:
    """Missing columns, and columns that are no numbers."""
    problems = []
    for column in NEEDED:
        if column == "tokens" and "tokens" not in frame and "compute" in frame:
            column = "compute"
        if column not in frame:
            problems.append(Problem(
                "the column is missing", file=file, row=1, column=column,
                hint=suggestion(column, [str(name) for name in frame if name not in NEEDED])
                or ("or give compute (FLOP)" if column == "tokens" else None)))
        elif not pd.api.types.is_numeric_dtype(frame[column]):
            problems.append(Problem("the column is not numbers", file=file, column=column))
    if not problems and frame.empty:
        problems.append(Problem("the table has no rows", file=file))
    return problems


def _counted(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with tokens, computed from compute where they are missing."""
    frame = frame.copy()
    if "compute" in frame and pd.api.types.is_numeric_dtype(frame["compute"]):
        from_compute = frame["compute"] / (FLOP_PER_PARAM_TOKEN * frame["params"])
        frame["tokens"] = frame["tokens"].fillna(from_compute) if "tokens" in frame else (
            from_compute)
    return frame


def _check_cells(frame: pd.DataFrame, file: str) -> list[Problem]:
    """Cells that are missing, or no counts, or no losses."""
    problems = []
    for column in NEEDED:
        values = frame[column]
        bad = values[~(values > LEAST.get(column, 0.0)) | ~np.isfinite(values)]
        problems += [
            Problem(f"missing {column}" if np.isnan(value) else f"{column} is no such number",
                    file=file, row=int(row), column=column,
                    given=None if np.isnan(value) else f"{value:g}",
                    allowed=f"a number above {LEAST.get(column, 0.0):g}",
                    hint="are these billions? write the number in full, e.g. 7e9"
                    if 0 < value < LEAST.get(column, 0.0) else None)
            for row, value in bad.items()
        ]
    return problems


def _divide(frame: pd.DataFrame, file: str, suites: list[str] | None) -> Runs:
    """Ladders of a checked table, with what cannot be one left out."""
    for column, default in (("suite", "runs"), ("eval_set", ""), ("loss_unit", "")):
        values = frame[column].fillna("") if column in frame else pd.Series("", frame.index)
        frame[column] = values.astype(str).where(values.astype(str) != "", default)
    if "run" not in frame:
        frame["run"] = [f"row {row}" for row in frame.index]
    frame["loss_unit"], notes = _one_spelling(frame)
    several = frame.drop_duplicates(["suite", "eval_set", "loss_unit"])["suite"].value_counts()
    ladders, held_out = {}, {}
    bands: list[Problem] = []
    problems: list[Problem] = []
    known: list[str] = []
    for (suite, eval_set, unit), rows in frame.groupby(["suite", "eval_set", "loss_unit"],
                                                       sort=False):
        name = str(suite) if several[str(suite)] == 1 else f"{suite}, {eval_set or unit}"
        name = f"{name} ({unit or 'no unit'})" if name in known else name
        known.append(name)
        if suites is not None and suite not in suites and name not in suites:
            continue
        out = rows["held_out"].eq("yes") if "held_out" in rows else pd.Series(False, rows.index)
        what = _unusable(rows[~out])
        if what is not None:
            notes.append(f"{name} is left out: {what}")
            problems.append(Problem(what, file=file, column=None, given=name))
            continue
        lower = mixed_units(rows)
        if lower is not None:
            bands.append(band_problem(rows, lower, file, name))
        notes += [f"{name}: {note}" for note in unit_notes(rows)]
        ladders[name] = ladder(name, rows[~out])
        if out.any():
            held_out[name] = rows[out].reset_index(drop=True)
    if suites is not None:
        for name in suites:
            if name not in known and name not in set(frame["suite"]):
                raise InputError(Problem("no such suite", file=file, given=name,
                                         allowed=", ".join(known),
                                         hint=did_you_mean(name, known)))
    if bands or not ladders:
        raise TableError(bands or problems)
    return Runs(ladders, held_out, notes, file)


def _one_spelling(frame: pd.DataFrame) -> tuple[pd.Series, list[str]]:
    """Units of loss, one spelling each; blanks are the unit of their ladder, if it has one."""
    units, notes = frame["loss_unit"].copy(), []
    plain = units.str.lower().str.replace(r"\s+", "", regex=True).str.replace(
        r"^(nat|bit)/", r"\1s/", regex=True)
    first = units.groupby(plain).transform("first")
    units = first.where(plain != "", "")
    for (suite, eval_set), rows in units.groupby([frame["suite"], frame["eval_set"]]):
        said, blank = rows[rows != ""].unique(), rows.index[rows == ""]
        if len(said) == 1 and len(blank):
            units[blank] = said[0]
            notes.append(
                f"{', '.join(part for part in (suite, eval_set) if part)}: {len(blank)} runs "
                f"without a loss_unit are taken to be in {said[0]}, like the others")
    return units, notes


def _unusable(rows: pd.DataFrame) -> str | None:
    """Why rows are no ladder, or None."""
    if len(rows) < FEWEST_RUNS:
        return f"{len(rows)} runs, and a law needs at least {FEWEST_RUNS}"
    sizes, tokens = (np.log(rows[name].to_numpy()).round(4) for name in ("params", "tokens"))
    if len(np.unique(sizes)) < FEWEST_SIZES and len(np.unique(tokens)) < FEWEST_PLACES:
        return ("a single model size and fewer than three token counts: nothing tells how the "
                "loss depends on either")
    if np.ptp(np.log(rows["loss"].to_numpy())) < SAME:
        return "constant loss: no law can be learnt from it"
    return None


def point(text: str) -> dict[str, float]:
    """A model to predict, from text such as ``params=25e9,tokens=6e11``.

    Examples
    --------
    >>> point("params=25e9,tokens=6e11")
    {'params': 25000000000.0, 'tokens': 600000000000.0}
    >>> point("params=25e9,compute=9e22")["tokens"]
    600000000000.0
    """
    values: dict[str, float] = {}
    problems = []
    for part in text.split(","):
        name, _, number = (piece.strip() for piece in part.partition("="))
        if name not in ("params", "tokens", "compute"):
            problems.append(Problem("unknown quantity", given=name,
                                    allowed="params, tokens, compute",
                                    hint=did_you_mean(name, ("params", "tokens", "compute"))))
            continue
        try:
            values[name] = float(number)
        except ValueError:
            problems.append(Problem(f"{name} is not a number", given=number, hint="such as 7e9"))
    if problems:
        raise InputError(problems)
    return checked_point(values)


def checked_budgets(budgets: Iterable[float]) -> list[float]:
    """Budgets in FLOP as numbers; InputError for each that no run could have.

    Examples
    --------
    >>> checked_budgets([1e21, 3e23])
    [1e+21, 3e+23]
    """
    found = [float(one) for one in budgets]
    bad = [Problem("a budget of compute is a number of FLOP", given=f"{one:g}",
                   allowed=f"from {LEAST_FLOP:g} to {MOST_FLOP:g}", hint="such as 1e23")
           for one in found if not LEAST_FLOP <= one <= MOST_FLOP]
    if bad:
        raise InputError(bad)
    return found


def checked_point(values: dict[str, float]) -> dict[str, float]:
    """Sizes of a model in full from two of params, tokens and compute; counts checked."""
    values = {name: float(value) for name, value in values.items()}
    if "compute" in values and len(values) == 2:
        compute = values.pop("compute")
        (name, other), = values.items()
        values["params" if name == "tokens" else "tokens"] = (
            compute / (FLOP_PER_PARAM_TOKEN * other) if other else np.inf)
    if set(values) != {"params", "tokens"}:
        raise InputError(Problem("a model to predict needs two of params, tokens, compute",
                                 given=", ".join(values), hint="such as params=7e9,tokens=2e12"))
    bad = [Problem(f"{name} is no count", given=f"{value:g}",
                   allowed=f"above {LEAST[name]:g}, at most {MOST:g}",
                   hint="write it in full: 7e9, not 7")
           for name, value in values.items()
           if not (LEAST[name] < value <= MOST)]
    if bad:
        raise InputError(bad)
    return {name: values[name] for name in ("params", "tokens")}
