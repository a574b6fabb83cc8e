"""From cells as text to a checked table of numbers, days and text.

`typed` reads the cells, with a message that says what a wrong one looks like; pandera, which is
imported only then, checks ranges, choices, keys and relations within a row.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.errors import Problem, did_you_mean
from densing_bayes.reading import Raw, cut, parse_date, parse_number
from densing_bayes.schemas import LONGEST_NAME, TABLES, Column
from densing_bayes.stamps import key_of, stamp, stamped

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")


def _number(text: str) -> float | str:
    """The number that a cell holds, or what is wrong with the cell."""
    try:
        return parse_number(text)
    except ValueError as error:
        return str(error)


def _date(text: str) -> tuple[datetime.date, int] | str:
    """The day that a cell holds and its width in days, or what is wrong with the cell."""
    try:
        return until_today(*parse_date(text))
    except ValueError as error:
        return str(error)


def until_today(day: datetime.date, width: int) -> tuple[datetime.date, int]:
    """A day and its width, of a month, quarter or year that is not over yet those until today."""
    gone = (today() - (day - datetime.timedelta(days=width // 2))).days
    if 0 <= gone < width:
        day, width = today() - datetime.timedelta(days=gone - gone // 2), gone
    return day, width


def _clean(text: str) -> str:
    """Free text without control characters and line breaks."""
    return _CONTROL.sub(" ", text)


def _numeric(words: Iterable[str]) -> bool:
    """Whether the filled cells of a column are numbers, and there is one."""
    filled = [word for word in words if word]
    return bool(filled) and all(isinstance(_number(word), float) for word in filled)


def typed(name: str, raw: Raw) -> tuple[pd.DataFrame, set[tuple[int, str]]]:
    """Text cells as numbers, days and text; with the cells that could not be read.

    Columns that the contract does not know become numbers if every filled cell is one. Columns
    that may be missing are added, empty; so is, for every column of dates, ``<column>_width``:
    the days that the date may be anywhere in (0 for a day). Problems are appended to ``raw``.
    """
    columns = TABLES[name].columns
    cells = raw.frame
    assert cells is not None
    frame: dict[str, pd.Series] = {}
    unread: set[tuple[int, str]] = set()
    for column, text in cells.items():
        codes, words = pd.factorize(text)  # a column repeats words: read each of them once
        spec = columns.get(column)
        kind = spec.kind if spec is not None else "number" if _numeric(words) else "text"
        if kind == "name":
            frame[column] = text
            continue
        parse = {"number": _number, "date": _date, "text": _clean}[kind]
        values = [parse(word) if word else None for word in words]
        if kind == "text":
            frame[column] = pd.Series(np.array([value or "" for value in values], object)[codes],
                                      index=text.index, dtype=str)
            continue
        said = {word: value for word, value in zip(words, values, strict=True)
                if isinstance(value, str)}
        for row, word in text[text.isin(list(said))].items() if said else ():
            unread.add((row, column))
            raw.problems.append(Problem(said[word], file=raw.file, row=row, column=column,
                                        given=cut(word), allowed=spec.allowed))
        known = [None if isinstance(value, str) else value for value in values]
        if kind == "date":
            width = np.array([value[1] if value else 0 for value in known], float)
            frame[f"{column}_width"] = pd.Series(width[codes], index=text.index)
            known = [value and value[0] for value in known]
        known = np.array(known, dtype="datetime64[us]" if kind == "date" else float)
        frame[column] = pd.Series(known[codes], index=text.index)
    for column, spec in columns.items():
        if column not in frame and spec.extra:
            blank = {"number": np.nan, "date": pd.NaT}.get(spec.kind, "")
            dtype = {"number": float, "date": "datetime64[us]"}.get(spec.kind, str)
            frame[column] = pd.Series(blank, index=cells.index, dtype=dtype)
            if spec.kind == "date":
                frame[f"{column}_width"] = pd.Series(0.0, index=cells.index)
    for column, spec in columns.items():
        if spec.otherwise in frame and column in frame:
            frame[column] = frame[column].where(frame[column] != "", frame[spec.otherwise])
    return pd.DataFrame(frame, index=cells.index), unread


def check(name: str, raw: Raw) -> pd.DataFrame | None:
    """The typed table; every problem is appended to ``raw``. None without a usable header."""
    if raw.frame is None:
        return None
    schema = TABLES[name]
    missing = [column for column, spec in schema.columns.items()
               if column not in raw.frame and not spec.extra]
    unknown = [column for column in raw.frame if column not in schema.columns][:100]
    for column in missing:
        raw.problems.append(Problem(
            "the column is missing", file=raw.file, row=1, column=column,
            allowed="a column of this name; its cells may be empty"
            if not schema.columns[column].filled else None,
            hint=did_you_mean(column, unknown)))
    frame, unread = typed(name, raw)
    _check_values(name, frame, raw, unread)
    return frame


def _check_values(name: str, frame: pd.DataFrame, raw: Raw, unread: set[tuple[int, str]]) -> None:
    here = Path(__file__)
    # what lies in the future today need not tomorrow
    key = key_of(name, raw.sha256, str(today()), sources=(here, here.with_name("schemas.py")))
    if not raw.skipped and stamped(key):
        return
    import pandera.pandas as pa
    from pandera.errors import SchemaErrors

    schema = TABLES[name]
    tomorrow = pd.Timestamp(today() + datetime.timedelta(days=1))

    def checks(spec: Column) -> Iterator[Any]:
        if spec.filled:
            yield pa.Check(lambda cells: cells.notna() & (cells.astype(object) != ""),
                           error="empty", ignore_na=False)
        if spec.kind == "date":
            yield pa.Check.ge(pd.Timestamp(spec.low), error="early")
            yield pa.Check.le(tomorrow, error="late")
        if spec.kind == "number" and spec.low is not None:
            yield (pa.Check.gt if spec.above else pa.Check.ge)(spec.low, error="small")
        if spec.kind == "number" and spec.high is not None:
            yield (pa.Check.lt if spec.below else pa.Check.le)(spec.high, error="large")
        if spec.choices:
            yield pa.Check.isin([*spec.choices, ""], error="choice")
        if spec.kind == "name":
            yield pa.Check(lambda cells: ~cells.isin(
                [word for word in cells.unique() if not word.isprintable()]), error="unprintable")
            yield pa.Check(lambda cells: cells.str.len() <= LONGEST_NAME, error="long")

    def relations() -> Iterator[Any]:
        key = [column for column in schema.key if column in frame]
        if len(key) == len(schema.key):
            yield pa.Check(lambda table: ~table.duplicated(key), error="double")
        for small, large in schema.ordered:
            if small in frame and large in frame:
                yield pa.Check(lambda table, small=small, large=large:
                               ~(table[small] > table[large]), error=f"{small} > {large}")

    checker = pa.DataFrameSchema(
        {column: pa.Column(None, list(checks(spec)), nullable=True)
         for column, spec in schema.columns.items() if column in frame},
        checks=list(relations()))
    try:
        checker.validate(frame, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
    else:
        if raw.sha256 and not raw.skipped and not unread:
            stamp(key)
        return
    cells = {column: raw.frame[column].to_list() for column in schema.columns
             if column in raw.frame}
    place = dict(zip(raw.frame.index, range(len(raw.frame)), strict=True))
    first: dict[int, int] = {}  # row on which a key stands first
    if (cases["check"] == "double").any():
        same = frame.groupby(list(schema.key), dropna=False, sort=False).ngroup()
        for row, key in same.items():
            first.setdefault(key, row)
    # a check of whole rows fails once per column: one problem is enough
    whole = cases["check"].eq("double") | cases["check"].str.contains(" > ", regex=False)
    cases = cases[~(whole & cases.duplicated(["check", "index"]))]
    bad = unread | set(zip(cases["index"][~whole], cases["column"][~whole], strict=True))
    for failed, column, row in zip(cases["check"], cases["column"], cases["index"], strict=True):
        if failed == "double":
            said = [cells[part][place[row]] for part in schema.key if part in cells]
            raw.problems.append(Problem(
                "duplicate key", file=raw.file, row=row, column=", ".join(schema.key),
                given=cut(", ".join(filter(None, said)), 200),
                hint=f"as in row {first[same[row]]}"))
        elif " > " in failed:
            small, large = failed.split(" > ")
            if {(row, small), (row, large)} & bad:
                continue
            raw.problems.append(Problem(
                failed, file=raw.file, row=row, column=small,
                given=cut(cells[small][place[row]]),
                allowed=f"at most {large}, here {cut(cells[large][place[row]])}"))
        elif (row, column) not in unread:
            raw.problems.append(_problem(failed, schema.columns[column], raw.file, row, column,
                                         cells[column][place[row]]))


# words that people use for those of the contract
MEANT = {"chat": "instruct", "sft": "instruct", "rlhf": "instruct",
          "instruction-tuned": "instruct", "it": "instruct", "fine-tuned": "instruct",
          "post-trained": "instruct",
          "pretrained": "base", "pre-trained": "base", "foundation": "base", "pt": "base",
          "mixture of experts": "moe", "mixture-of-experts": "moe", "sparse": "moe",
          "true": "yes", "false": "no", "1": "yes", "0": "no", "y": "yes", "n": "no",
          "proprietary": "closed", "api-only": "closed", "open-weights": "open"}


def _problem(failed: str, spec: Column, file: str, row: int, column: str, given: str) -> Problem:
    """The problem that a failed check of one cell stands for."""
    where = {"file": file, "row": row, "column": column, "allowed": spec.allowed}
    if failed == "empty":
        return Problem(f"missing {column}", **where)
    hint = None
    if failed == "choice":
        meant = MEANT.get(given.casefold())
        what = "unknown word"
        hint = (f"did you mean {meant!r}?" if meant in spec.choices
                else did_you_mean(cut(given), spec.choices))
    elif failed == "unprintable":
        what = "unprintable character"
    elif failed == "long":
        what = f"longer than {LONGEST_NAME} characters"
    elif failed == "early":
        what = f"{column} is before {spec.low}"
    elif failed == "late":
        what = f"{column} lies in the future"
    elif failed == "small":
        what = f"{column} is {'not above' if spec.above else 'below'} {spec.low:g}"
        if float(given) == 0 and not spec.filled:
            hint = "leave the cell empty if it is unknown"
        elif spec.unit == "billions" and float(given) > 0:
            hint = "this looks like billions or millions: write the number in full, e.g. 7e9"
    else:
        what = f"{column} is {'not below' if spec.below else 'above'} {spec.high:g}"
        if spec.unit == "percent" and 1 < float(given) <= 100:
            hint = "this looks like percent: divide by 100"
    return Problem(what, given=cut(given), hint=hint, **where)


def today() -> datetime.date:
    """Today, in one place so that a test can choose it."""
    return datetime.date.today()
