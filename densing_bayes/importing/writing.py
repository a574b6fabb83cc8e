"""From rows of readers to a checked folder of tables, with an account of both."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from densing_bayes.arrays import FEWEST_MODELS
from densing_bayes.errors import InputError, Problem
from densing_bayes.importing import (
    epoch,
    helm,
    litellm,
    llm_prices,
    lm_eval,
    mapped,
    metr,
    open_llm_leaderboard,
)
from densing_bayes.importing.filling import anchor_scores, key_of, merge, price_key, shelf_names
from densing_bayes.importing.known import MARKS, mark_of
from densing_bayes.importing.opening import as_table, open_all
from densing_bayes.importing.rows import Row, Rows, day, text
from densing_bayes.outputs import check_out, whole_folder
from densing_bayes.problems import by_kind
from densing_bayes.reading import cut, shown
from densing_bayes.schemas import REQUIRED, TABLES
from densing_bayes.tables import Tables, load_tables, read_folder

READERS: dict[str, ModuleType] = {
    "lm-evaluation-harness results": lm_eval, "METR time horizons": metr,
    "LiteLLM prices": litellm, "llm-prices": llm_prices, "HELM": helm,
    "Open LLM Leaderboard": open_llm_leaderboard, "Epoch AI": epoch, "sheets": mapped}
FEWEST_ANCHORED = 10  # models on a benchmark that may anchor all others


@dataclass
class Imported:
    """What was made of the sources.

    Parameters
    ----------
    folder
        Where the tables are.
    read
        Reader -> files.
    took
        Table -> rows.
    filled
        What came from the shipped tables or off a name: words -> how often.
    left
        What was not taken: reason -> how often.
    hand
        What a person should look at.
    ask
        Commands that answer from the folder.
    """

    folder: Path
    read: dict[str, int] = field(default_factory=dict)
    took: dict[str, int] = field(default_factory=dict)
    filled: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    hand: list[str] = field(default_factory=list)
    ask: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The account for people."""
        def of(counts: dict[str, int]) -> list[str]:
            return [f"  {count:>7,}  {words}" for words, count in counts.items()]

        parts = [("read (files)", of(self.read)), ("took (rows)", of(self.took)),
                 ("filled in", of(self.filled)), ("left out", of(self.left)),
                 ("needs a hand", [f"  {words}" for words in self.hand]),
                 ("ask", [f"  {command}" for command in self.ask])]
        return [line for name, lines in parts if lines for line in (f"{name}:", *lines)] + [
            f"tables: {shown(self.folder)}"]


def import_files(sources: Sequence[str | Path], out: str | Path, *, mapping: Sequence[str] = (),
                 date: str | None = None) -> Imported:
    """Read exports and write a checked folder of tables.

    Parameters
    ----------
    sources
        Files, folders or archives.
    out
        A new or empty folder.
    mapping
        Columns of a sheet (`densing_bayes.importing.mapped.columns_of`); all sources are then
        sheets.
    date
        The day from which prices hold that have no date.

    Raises
    ------
    InputError
        Sources that are not there or that no reader knows, with what each has.
    """
    check_out(Path(out))
    asked = mapped.columns_of(mapping)
    rows, unread = _read([Path(source) for source in sources], asked)
    if not (rows.scores or rows.prices or rows.series):
        raise InputError(_alike(unread) or [Problem(
            "nothing to make tables of: no scores, no prices and no series in these files",
            hint="; ".join(f"{words}: {count}" for words, count in rows.left.items()) or None)])
    for kind in by_kind(replace(problem, file=None) for problem in unread):
        first = next(problem for problem in unread if problem.what == kind[0].what)
        rows.left[f"files, such as {first.file}: {first.what}"] += len(kind)
    shelf = load_tables()
    done = Imported(Path(out), read=dict(rows.read))
    tables, filled = _tables(rows, shelf, date, done)
    with whole_folder(done.folder) as folder:
        _write(folder, tables, rows.left)
    done.took = {name: len(table) for name, table in tables.items() if name in (
        "models", "scores", "prices", "series") and len(table)}
    done.filled = {words: count for words, count in filled.items() if count}
    done.left = {words: count for words, count in rows.left.most_common() if count}
    done.hand = list(dict.fromkeys(rows.hand + done.hand))
    return done


def _alike(problems: list[Problem]) -> list[Problem]:
    """One problem of each kind, with how many files it has."""
    said = []
    for kind in by_kind(replace(problem, file=None) for problem in problems):
        first = next(problem for problem in problems if problem.what == kind[0].what)
        said.append(first if len(kind) == 1 else replace(
            first, what=f"{first.what} ({len(kind):,} files, this one first)"))
    return said


def _read(paths: list[Path], asked: dict[str, str]) -> tuple[Rows, list[Problem]]:
    """Rows of every file that a reader knows, and what is wrong with the others."""
    rows, problems, opened = Rows(), [], []
    for found in open_all(paths):
        (problems if isinstance(found, Problem) else opened).append(found)
    for one in helm.join_runs(opened):
        known = [(name, reader) for name, reader in READERS.items() if reader.knows(one)]
        if not known or asked:
            one = as_table(one)
            known = [("sheets", mapped)] if one.is_table and (asked or mapped.knows(one)) else known
        name, reader = known[0] if known else ("", None)
        if reader is None:
            columns = ", ".join(map(str, one.value.columns)) if one.is_table else ", ".join(
                map(str, one.value)) if isinstance(one.value, dict) else ""
            problems.append(Problem(
                "no reader knows this shape", file=shown(one.name),
                given=cut(columns, 200) or None,
                hint="name its columns: --map model=THEIRS --map score:MMLU=THEIRS ..."
                if one.is_table else None))
            continue
        rows.add(mapped.read(one, asked) if reader is mapped else reader.read(one))
        rows.read[name] += 1
    return rows, problems


# -- tables -----------------------------------------------------------------------------------


def _tables(rows: Rows, shelf: Tables, date: str | None,
            done: Imported) -> tuple[dict[str, list[Row] | pd.DataFrame], Counter[str]]:
    """Every table of the folder, as rows or as the shelf's frames."""
    tables: dict[str, Any] = {}
    filled: Counter[str] = Counter()
    if rows.series:
        tables["series"] = rows.series
        log = all(row["value"] > 0 for row in rows.series)
        ends = any(row.get("low") and row.get("prob") for row in rows.series)
        done.ask.append(f"densing regimes {done.folder / 'series.csv'}" + " --log" * log
                        + f" --low low --high high --prob {rows.series[0].get('prob')}" * ends)
    if rows.scores:
        names = [row["model"] for row in rows.scores]
        models, called, filled = merge(
            rows.models + [{"model": name} for name in names], shelf.models)
        scores = _scores(rows, called)
        scored = {row["model"] for row in scores}
        out = sum(row["model"] not in scored for row in models)
        rows.left["models without a score"] += out
        models = [row for row in models if row["model"] in scored]
        for row in models:
            row.setdefault("source", next(score["source"] for score in scores
                                          if score["model"] == row["model"]))
        marks = _benchmarks(scores, models, shelf, rows, filled)
        anchor = next(mark for mark in marks if mark["anchor"])
        tables |= {"models": models, "scores": scores, "benchmarks": marks,
                   **{name: table[(table["suite"] == anchor["anchor"])
                                  & (table["eval_set"] == anchor["benchmark"])]
                      for name, table in (("runs", shelf.runs), ("pairs", shelf.pairs))}}
        _usable(models, rows)
        done.ask.append(f"densing growth --data {done.folder}")
        done.ask.append(f"densing report --data {done.folder} --out {done.folder.name}-report")
    if rows.prices:
        tables["prices"] = _prices(rows, shelf, date)
        for name in REQUIRED if "models" not in tables else ():
            tables[name] = getattr(shelf, name)
            filled["tables of the shelf beside the prices"] += 1
        done.ask.append(f"densing prices --data {done.folder}")
    return tables, filled


def _scores(rows: Rows, called: dict[str, str]) -> list[Row]:
    """Scores with the contract's names; a cell that is there twice is taken once."""
    scores, seen = [], set()
    for row in rows.scores:
        harness = row.get("harness") or ""
        name = mark_of(row["benchmark"], harness if harness.startswith("lm-eval") else "")
        row = row | {"model": called[row["model"]], "benchmark": name or text(row["benchmark"])}
        key = tuple(str(row.get(part) or "") for part in TABLES["scores"].key)
        if key in seen:
            rows.left["scores that are there twice (one is taken)"] += 1
            continue
        seen.add(key)
        scores.append(row)
    return scores


def _benchmarks(scores: list[Row], models: list[Row], shelf: Tables, rows: Rows,
                filled: Counter[str]) -> list[Row]:
    """Rows of the benchmarks that have scores, one of them anchored; adds to ``scores``."""
    sized = {row["model"] for row in models if row.get("params_total") and row.get("release_date")}
    on: dict[str, set[str]] = {}
    for row in scores:
        on.setdefault(row["benchmark"], set()).add(row["model"])
    known = {row["benchmark"]: row for row in shelf.benchmarks.to_dict("records")}
    anchors = [name for name, row in known.items() if row["anchor"]]
    enough = sorted((name for name in anchors if len(on.get(name, set()) & sized) >= FEWEST_MODELS),
                    key=lambda name: -min(len(on[name] & sized), FEWEST_ANCHORED))
    anchor = enough[0] if enough else anchors[0]
    if not enough:
        more = anchor_scores(models, shelf.scores, anchor)
        scores += more
        on.setdefault(anchor, set()).update(row["model"] for row in more)
        filled[f"scores on {anchor}, which anchors the ruler, from the shipped tables"] += len(more)
        if len(on[anchor] & sized) < FEWEST_MODELS:
            rows.hand.append(
                f"no answer yet: the ruler is anchored on {' or '.join(anchors)}, and "
                f"{len(on[anchor] & sized)} models here have a size, a date and a score on it; "
                f"add such scores ({FEWEST_MODELS} models at least)")
    marks: list[Row] = []
    guessed: list[str] = []
    for name in dict.fromkeys([anchor, *on]):
        row = {key: "" if pd.isna(value) else value for key, value in known.get(name, {}).items()
               if key in TABLES["benchmarks"].columns and key not in ("variant_of", "sets")}
        if "released" in row and row["released"] != "":
            row["released"] = str(pd.Timestamp(row["released"]).date())
        if not row:
            row = _unknown_mark(name, scores, guessed)
        row["anchor"] = row.get("anchor", "") if name == anchor else ""
        row["contamination_pair"] = ""
        marks.append(row)
    if guessed:
        rows.hand.append("n_items and chance (0) are guesses in benchmarks.csv for "
                         f"{len(guessed)} of its benchmarks: {', '.join(guessed)}")
    if enough and len(set(anchors) & set(on)) > 1:
        rows.hand.append(f"{anchor} anchors the ruler; others could: fill the column anchor of "
                         f"benchmarks.csv")
    return marks


def _unknown_mark(name: str, scores: list[Row], guessed: list[str]) -> Row:
    """Items and chance of a benchmark that the shelf does not have; adds to ``guessed``."""
    if name in MARKS:
        mark = MARKS[name]
        return {"benchmark": name, "n_items": mark.items, "chance": mark.chance,
                "domain": mark.domain, "source": mark.source}
    mine = [row for row in scores if row["benchmark"] == name]
    items = [row["n_items"] for row in mine if row.get("n_items")]
    items += [row["score"] * (1 - row["score"]) / row["stderr"] ** 2 for row in mine
              if row.get("stderr") and 0 < row["score"] < 1 and not row.get("n_items")]
    count = sorted(items)[len(items) // 2] if items else 500
    guessed.append(f"{name} ({count:.0f}{', from its scores' if items else ''})")
    return {"benchmark": name, "n_items": max(round(count), 1), "chance": 0,
            "source": "importing: to be checked"}


def _usable(models: list[Row], rows: Rows) -> None:
    """What keeps imported models out of the fit, counted."""
    for column in ("params_total", "release_date"):
        lacking = [row["model"] for row in models if not row.get(column)]
        if lacking:
            rows.hand.append(f"{column} of {len(lacking)} of {len(models)} models is unknown (they "
                             f"stay outside the fit), such as {', '.join(lacking[:3])}")
    base = sum(row.get("type") != "instruct" for row in models)
    if base < len(models):
        rows.hand.append(f"{len(models) - base} of {len(models)} models are post-trained: the "
                         "default spec fits base models (types in a spec of your own changes it)")


def _prices(rows: Rows, shelf: Tables, date: str | None) -> list[Row]:
    """Prices with dates and, where a model is known by name, MMLU."""
    if date is not None and not day(date):
        raise InputError(Problem("--date is not a day", given=cut(date), allowed="YYYY-MM-DD"))
    names = shelf_names(shelf.models)
    released = dict(zip(shelf.models["model"], shelf.models["release_date"], strict=True))
    sold: dict[str, Any] = {}
    prices = pd.DataFrame(columns=[*TABLES["prices"].columns]) if shelf.prices is None else (
        shelf.prices)
    for row in prices[prices["mmlu"].notna()].itertuples():
        sold.setdefault(price_key(row.model), row)
    first = prices.groupby(prices["model"].map(key_of))["date"].min().to_dict()
    kept, seen, guessed = [], set(), 0
    for row in rows.prices:
        key = key_of(row["model"])
        if not row.get("date"):
            known = first.get(key, released.get(names.get(key, "")))
            row["date"] = date or _day_in(row["model"]) or (
                "" if known is None or pd.isna(known) else str(known.date()))
            guessed += bool(row["date"]) and date is None
        if not row["date"]:
            rows.left["prices without a date (--date gives the day of the list)"] += 1
            continue
        place = (row["model"], row["provider"], row["date"], row.get("tier") or "")
        if place in seen:
            rows.left["prices that are there twice (one is taken)"] += 1
            continue
        seen.add(place)
        version = sold.get(price_key(row["model"]))
        if version is not None:
            row |= {"mmlu": version.mmlu, "mmlu_source": version.mmlu_source,
                    "note": f"MMLU as of {version.model}"}
        kept.append(row)
    if guessed:
        rows.hand.append(f"{guessed} prices have no date in the source: dated at the release of "
                         "their model, too early for prices that changed since (--date sets one)")
    scored = sum("mmlu" in row for row in kept)
    rows.hand.append(f"capability: {scored} of {len(kept)} prices are of models with a known MMLU "
                     "score; scores.csv or the column mmlu give more")
    return kept


def _day_in(name: str) -> str:
    """The day that a model's name ends in, such as gpt-4o-2024-08-06."""
    found = re.search(r"(20\d\d)-?([01]\d)-?([0-3]\d)(?!\d)", name)
    return day("-".join(found.groups())) if found else ""


# -- files ------------------------------------------------------------------------------------


def _write(folder: Path, tables: dict[str, Any], left: Counter[str]) -> None:
    """CSV files; rows that break the contract are left out, by kind."""
    for name, table in tables.items():
        _frame(name, table).to_csv(folder / f"{name}.csv", index=False)
    if "models" not in tables:
        return
    for _ in range(8):
        raws, _, problems = read_folder(folder, full=False)
        bad = {name: sorted({problem.row for problem in raw.problems if (problem.row or 0) > 1})
               for name, raw in raws.items()}
        if not any(bad.values()):
            break
        for kind in by_kind(problem for raw in raws.values() for problem in raw.problems
                            if problem.row):
            left[f"{kind[0].file}: {kind[0].what}"] += len(kind)
        for name, rows in bad.items():
            path = folder / f"{name}.csv"
            frame = pd.read_csv(path, dtype=str, keep_default_na=False)
            frame.drop(index=[row - 2 for row in rows if row]).to_csv(path, index=False)
    problems += [problem for raw in raws.values() for problem in raw.problems]
    if problems:
        raise InputError(problems)


def _frame(name: str, table: Any) -> pd.DataFrame:
    """Rows as text cells, in the contract's order of columns."""
    columns = (list(TABLES[name].columns) if name in TABLES else
               ["date", "value", "sd", "low", "high", "label", "unit", "source"])
    frame = table if isinstance(table, pd.DataFrame) else pd.DataFrame(
        [{key: row.get(key) for key in columns} for row in table], columns=columns, dtype=object)
    frame = frame[[column for column in columns if column in frame]]
    optional = [column for column in frame if name in TABLES and TABLES[name].columns[column].extra]
    frame = frame.drop(columns=[column for column in optional
                                if frame[column].map(lambda cell: _cell(cell) == "").all()])
    return pd.DataFrame({column: [_cell(cell) for cell in frame[column]] for column in frame},
                        dtype=str)


def _cell(value: Any) -> str:
    if value is None or value is pd.NaT or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, pd.Timestamp):
        return str(value.date())
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.10g}"
    return " ".join(str(value).split()).lstrip("=+@")  # no spreadsheet takes it for a formula
