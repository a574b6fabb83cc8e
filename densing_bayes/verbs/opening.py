"""What a verb is given, opened: tables from a folder or frames, a spec, a fit that passed."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from densing_bayes.context import Context, refusal
from densing_bayes.errors import GateError, InputError, Problem, did_you_mean
from densing_bayes.kept import key_of, place, read
from densing_bayes.outputs import default_out
from densing_bayes.problems import told
from densing_bayes.progress import Steps
from densing_bayes.questions.density import densities
from densing_bayes.questions.frontier import on_last_day
from densing_bayes.schemas import TABLES
from densing_bayes.specs import ModelSpec
from densing_bayes.tables import Tables, checksums, load_tables
from densing_bayes.verbs.spec import spec_of

Data = None | str | Path | Mapping[str, pd.DataFrame] | Tables | Context
# seconds of a first question on the shipped tables and two processors, to tell the time left
USUAL = {"preparing the joint model": 3.0, "sampling the joint posterior": 22.0,
         "deriving densities, gaps and records": 2.0}
Tell = Callable[[list[str], list[str]], None]
KEPT = 2  # fits of this process that are kept, so that the next question need not fit again

_kept: OrderedDict[str, Context] = OrderedDict()


class SuspiciousData(UserWarning):
    """Something in the tables is suspicious, not wrong."""


def warn(skipped: Iterable[str], suspicious: Iterable[str]) -> None:
    """`SuspiciousData` for every kind of row left out and of suspicious value."""
    for line in (*skipped, *suspicious):
        warnings.warn(line, SuspiciousData, stacklevel=4)


def tables_of(data: Data, *, skip_bad: bool = False,
              progress: Callable[..., None] = lambda name, **_: None, tell: Tell = warn) -> Tables:
    """Checked tables.

    Parameters
    ----------
    data
        None for the shipped ones; a folder; a dict of DataFrames by table name, with the columns
        of the CSV files; tables or a context that were opened before.
    skip_bad
        Leave out rows that have problems.
    tell
        Takes a line for every kind of row left out, and for every kind of suspicious value.

    Raises
    ------
    InputError
        With every problem. Rows are numbered as in a file, whose header is row 1.

    Warns
    -----
    SuspiciousData
        Where values are suspicious, and where rows were left out.
    """
    if isinstance(data, Context):
        return data.tables
    if isinstance(data, Tables):
        return data
    progress("reading tables")
    tables = _of_frames(data, skip_bad) if isinstance(data, Mapping) else load_tables(
        data, skip_bad=skip_bad)
    tell(told(tables.skipped), told(tables.warnings))
    return tables


def _of_frames(frames: Mapping[str, pd.DataFrame], skip_bad: bool) -> Tables:
    """Tables of DataFrames: written as CSV and read again, so that there is one way of reading."""
    unknown = [Problem("no such table", given=str(name), allowed=", ".join(TABLES),
                       hint=did_you_mean(str(name), TABLES)) for name in frames
               if name not in TABLES]
    unknown += [Problem("not a DataFrame", file=f"{name}.csv", given=type(frame).__name__)
                for name, frame in frames.items() if not isinstance(frame, pd.DataFrame)]
    if unknown:
        raise InputError(unknown)
    with TemporaryDirectory() as folder:
        for name, frame in frames.items():
            frame.to_csv(Path(folder) / f"{name}.csv", index=False, date_format="%Y-%m-%d")
        return replace(load_tables(folder, skip_bad=skip_bad), folder=Path("DataFrames"))


def opened(data: Data = None, *, spec: str | Path | ModelSpec = "densing",
           seed: int | None = None, fit: str | Path | None = None, skip_bad: bool = False,
           progress: Callable[..., None] = lambda name, **_: None, keep: bool = False,
           tell: Tell = warn, start: Context | None = None, **options: Any) -> Context:
    """The tables and the spec of a question, fitted and passed by the gate.

    Parameters
    ----------
    data, skip_bad
        As `tables_of` takes them. A context is taken as it is.
    spec, seed, options
        A model spec, with another seed and other options (``benchmarks=["MMLU"]``,
        ``since="2024-01-01"``, ...).
    fit
        A saved fit (fit.nc) to answer from. None: made, and kept for the next question of this
        process (the last two are).
    keep
        Keep the fit in ``densing-out/`` too, and what questions need of it beside it; answer from
        them when they are there, without reading the tables.
    tell
        As `tables_of` takes it. Tables that answered before in this process are not told again.
    start
        A run of other tables, from the middle of whose draws the chains start.

    Raises
    ------
    InputError
        For data, spec or options that cannot be used.
    GateError
        Where the fit did not pass its diagnostics.
    """
    if isinstance(data, Context):
        if options or seed is not None or fit is not None:
            raise InputError("a context has its own spec, seed and fit: open another one")
        context = data
    else:
        model = spec_of(spec, seed, options)
        # a folder is read only where no answer of its content is kept
        if data is None or isinstance(data, str | Path):
            tables, sums = None, checksums(data)
        else:
            tables = tables_of(data, skip_bad=skip_bad, progress=progress, tell=tell)
            sums = tables.sha256
        saved = Path(fit) if fit is not None else (
            default_out(model.name, model.hash, sums) / "fit.nc" if keep else None)
        key = memory_key(model, sums, saved, skip_bad)
        if key not in _kept or not sums:
            kept = saved and read(place(saved), key_of(saved, model.hash, sums))
            if kept and kept.said["skipped"] and not skip_bad:
                kept = None
            if kept and tables is None:
                tell(kept.said["skipped"], kept.said["suspicious"])
            elif tables is None:
                tables = tables_of(data, skip_bad=skip_bad, progress=progress, tell=tell)
            _kept[key] = Context(
                tables or partial(tables_of, data, skip_bad=skip_bad, tell=lambda *_: None), model,
                saved=saved, must_exist=fit is not None, kept=kept or None, start=start)
        _kept.move_to_end(key)
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
        context = _kept[key]
        context.progress = progress
    if isinstance(progress, Steps) and "_gated" not in vars(context) and not (
            context.saved is not None and context.saved.is_file()):
        progress.expect(USUAL)
    why = refusal(context)
    if why:
        raise GateError(why)
    if keep and context.kept is None and not isinstance(data, Context):
        densities(context), on_last_day(context)  # of all draws: remembered with the fit
        context.keep(skipped=told(context.tables.skipped), suspicious=told(context.tables.warnings))
    return context


def memory_key(model: ModelSpec, checksums: Mapping[str, str], saved: Path | None = None,
               skip_bad: bool = False) -> str:
    """By what a fit of this process is known."""
    return repr((model.hash, sorted(checksums.items()), saved and str(saved), skip_bad))
