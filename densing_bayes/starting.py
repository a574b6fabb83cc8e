"""Templates to begin with: tables, a study, a model spec, a series; and what columns mean."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from densing_bayes.errors import InputError, Problem, did_you_mean
from densing_bayes.outputs import check_file, check_out, replacing, whole_folder
from densing_bayes.reading import cut
from densing_bayes.schemas import EXAMPLES, TABLES
from densing_bayes.shelf import find
from densing_bayes.tables import load_tables

OWN = ("models", "scores")  # what a user brings; the ruler and the benchmarks are shipped
SERIES = {"date": ("day, month (YYYY-MM), quarter (YYYY-Qn) or year", "2024-05-13"),
          "value": ("what grows; above 0 for --log", "5.4"),
          "sd": ("its measurement sd, in the unit of the value; or low and high", ""),
          "low": ("lower end of its 95% interval", "2.9"),
          "high": ("upper end of its 95% interval", "10.1"),
          "label": ("name of the point", "GPT-4")}


def columns(names: Iterable[str] = ()) -> list[dict[str, Any]]:
    """What the columns of tables mean.

    Parameters
    ----------
    names
        Tables; none is all of them.

    Returns
    -------
    list of dict
        ``table``, ``column``, ``what`` (with its unit), ``allowed``, ``need`` ('filled', 'may be
        empty' or 'may be missing'), ``key`` (whether it names the row), ``example``.
    """
    unknown = [name for name in names if name not in TABLES]
    if unknown:
        raise InputError([Problem("no such table", given=cut(name), allowed=", ".join(TABLES),
                                  hint=did_you_mean(name, TABLES)) for name in unknown])
    return [
        {"table": name, "column": column, "what": spec.what, "allowed": spec.allowed,
         "need": "may be missing" if spec.extra else "filled" if spec.filled else "may be empty",
         "key": column in TABLES[name].key,
         "example": EXAMPLES.get(f"{name}.{column}", EXAMPLES.get(column, ""))}
        for name in names or TABLES for column, spec in TABLES[name].columns.items()]


def new_tables(folder: Path) -> list[Path]:
    """A folder with empty models.csv and scores.csv, the shipped ruler, and COLUMNS.md.

    Benchmarks, ladder and pairs are those of the shelf; a benchmark of one's own is a further
    line of benchmarks.csv.
    """
    shelf = load_tables()
    check_out(folder)
    with whole_folder(folder) as out:
        for name in OWN:
            said = [row["column"] for row in columns([name]) if row["need"] != "may be missing"]
            (out / f"{name}.csv").write_text(",".join(said) + "\n", encoding="utf-8")
        # without named sets, so that benchmarks of one's own count; anchored as the default fit is
        usual = shelf.benchmarks["sets"].str.split(";").map(lambda names: "default" in names)
        marks = shelf.benchmarks.drop(columns="sets")
        marks["anchor"] = marks["anchor"].where(usual, "")
        suites = set(marks["anchor"]) - {""}
        for name, frame in (("runs", shelf.runs[shelf.runs["suite"].isin(suites)]),
                            ("pairs", shelf.pairs[shelf.pairs["suite"].isin(suites)]),
                            ("benchmarks", marks)):
            frame[[column for column in frame if not column.endswith("_width")]].to_csv(
                out / f"{name}.csv", index=False, date_format="%Y-%m-%d")
        (out / "COLUMNS.md").write_text(_guide(), encoding="utf-8")
    return [folder / name for name in ("models.csv", "scores.csv", "COLUMNS.md")]


def _guide() -> str:
    """The documentation of the columns, as a page to read beside the tables."""
    lines = ["# Columns", "", "Fill models.csv and scores.csv; runs.csv, pairs.csv and "
             "benchmarks.csv are the shipped ruler. `densing validate` says what is wrong, "
             "`densing growth --data` answers. An empty cell is unknown."]
    for name in (*OWN, "benchmarks", "prices"):
        lines += ["", f"## {name}.csv: {TABLES[name].what}", "",
                  "| column | meaning | cell | need | example |", "|---|---|---|---|---|"]
        lines += [f"| {row['column']} | {row['what']} | {row['allowed']} | {row['need']} | "
                  f"{row['example']} |" for row in columns([name])]
    return "\n".join(lines) + "\n"


def new_series(path: Path) -> list[Path]:
    """A CSV of the columns that `densing regimes` reads, with a line that says what they are."""
    target = _file(path, "series.csv")
    said = io.StringIO()
    csv.writer(said, lineterminator="\n").writerow(SERIES)
    _write(target, said.getvalue())
    return [target]


def new_spec(path: Path, kind: str) -> list[Path]:
    """A copy of the shipped model spec, or of the default study, to be changed.

    Parameters
    ----------
    path
        The file, or the folder of a file of the usual name.
    kind
        'spec' or 'study'.
    """
    shipped = find("densing", "models") if kind == "spec" else find("default", "models/studies")
    target = _file(path, "my-densing.toml" if kind == "spec" else "my-study.toml")
    text = shipped.read_text(encoding="utf-8")
    _write(target, f"# A copy of the shipped {kind} '{shipped.stem}': change what you want to ask "
           f"otherwise.\n{text}")
    return [target]


def _file(path: Path, usual: str) -> Path:
    """The file to write: as named, or of the usual name in a folder."""
    target = path if path.suffix in (".toml", ".csv") else path / usual
    check_file(target)
    if target.exists():
        raise InputError(Problem("the file is there already", given=str(target),
                                 hint="nothing was changed; name another"))
    return target


def _write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as new:
        new.write_text(text, encoding="utf-8")
