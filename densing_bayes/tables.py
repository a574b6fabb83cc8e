"""Tables of a folder: read, checked one by one and against each other, and listed.

`load_tables` gives the checked tables or raises `TableError` with every problem; `validate`
gives the problems of files, folders and specs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from densing_bayes import specs
from densing_bayes.cells import check
from densing_bayes.errors import InputError, Problem, TableError, did_you_mean
from densing_bayes.reading import Raw, cut, read_cells, shown
from densing_bayes.schemas import REQUIRED, TABLES
from densing_bayes.shelf import shelf


@dataclass(frozen=True)
class Tables:
    """The checked tables of one folder.

    Numbers are float (NaN: unknown), days are datetime64 (NaT: unknown), text is str ('' is
    unknown); extra columns are kept. A table that need not be there and is not is None.

    Parameters
    ----------
    folder
        Where the tables were read.
    sha256
        Checksum of each file, by table name.
    """

    folder: Path
    models: pd.DataFrame
    scores: pd.DataFrame
    benchmarks: pd.DataFrame
    runs: pd.DataFrame
    pairs: pd.DataFrame
    prices: pd.DataFrame | None = None
    hardware: pd.DataFrame | None = None
    published: pd.DataFrame | None = None
    compression: pd.DataFrame | None = None
    flags: pd.DataFrame | None = None
    sha256: dict[str, str] = field(default_factory=dict)


def load_tables(folder: str | Path | None = None) -> Tables:
    """The tables of a folder, checked.

    Parameters
    ----------
    folder
        Replaces all tables; None is the shelf's.

    Raises
    ------
    TableError
        With every problem of every table.
    """
    folder = shelf("data") if folder is None else Path(folder)
    raws, frames, problems = _read_folder(folder, full=False)
    problems += [problem for raw in raws.values() for problem in raw.problems]
    if problems:
        raise TableError(problems)
    return Tables(folder=folder, sha256={name: raw.sha256 for name, raw in raws.items()},
                  **{name: frame.reset_index(drop=True) for name, frame in frames.items()})


def _read_folder(folder: Path, full: bool) -> tuple[dict[str, Raw], dict[str, pd.DataFrame],
                                                    list[Problem]]:
    """Every known table of a folder, and what is wrong with the folder itself."""
    try:
        present = {path.name for path in folder.iterdir()}
    except OSError as error:
        return {}, {}, [Problem("the folder of tables cannot be read", given=shown(folder),
                                hint=error.strerror)]
    problems = [
        Problem("the table is missing", file=f"{name}.csv",
                hint=did_you_mean(f"{name}.csv", sorted(present)[:200])
                or f"put it into {shown(folder)}")
        for name in REQUIRED if f"{name}.csv" not in present
    ]
    paths = {name: folder / f"{name}.csv" for name in TABLES if f"{name}.csv" in present}
    raws, frames = _read(paths, full)
    return raws, frames, problems


def _read(paths: dict[str, Path], full: bool) -> tuple[dict[str, Raw], dict[str, pd.DataFrame]]:
    """Tables read and checked, each and against each other; ``full`` names whole paths."""
    raws = {name: read_cells(path, None if full else path.name) for name, path in paths.items()}
    checked = {name: check(name, raw) for name, raw in raws.items()}
    frames = {name: frame for name, frame in checked.items() if frame is not None}
    whole = {name: frame for name, frame in frames.items() if raws[name].whole}
    for table, column, other in (("scores", "model", "models"),
                                 ("scores", "benchmark", "benchmarks"),
                                 ("pairs", "benchmark", "benchmarks"),
                                 ("flags", "model", "models"),
                                 ("benchmarks", "variant_of", "benchmarks"),
                                 ("benchmarks", "contamination_pair", "benchmarks")):
        if table in frames and other in whole:
            raws[table].problems += _unknown_names(
                frames[table], column, whole[other], TABLES[other].key[0], raws[table].file,
                f"a {TABLES[other].key[0]} of {other}.csv")
    if {"benchmarks", "runs", "pairs"} <= set(whole):
        raws["benchmarks"].problems += _anchor_problems(
            whole["benchmarks"], whole["runs"], whole["pairs"], raws["benchmarks"].file)
    for raw in raws.values():
        raw.problems.sort(key=lambda problem: problem.row or 0)
    return raws, frames


def _unknown_names(frame: pd.DataFrame, column: str, other: pd.DataFrame, key: str, file: str,
                   allowed: str) -> list[Problem]:
    """Cells that name nothing in another table, with the nearest name there is."""
    if column not in frame or key not in other:
        return []
    cells = frame[column][(frame[column] != "") & ~frame[column].isin(other[key])]
    if cells.empty:
        return []
    names = other[key].unique()
    plain = {_plain(name): name for name in names}
    hints = {}
    for name in cells.unique():
        same = plain.get(_plain(name))
        if same is not None:
            hints[name] = f"did you mean {same!r}?"
        elif len(names) * (len(hints) + 1) <= 20_000:  # comparing all with all takes minutes
            hints[name] = did_you_mean(cut(name), names)
    return [Problem(f"unknown {key}", file=file, row=row, column=column, given=cut(name),
                    allowed=allowed, hint=hints.get(name)) for row, name in cells.items()]


def _plain(name: str) -> str:
    """Letters and digits only, in lower case: what most misspelt names agree in."""
    return "".join(c for c in name.casefold() if c.isalnum())


def _anchor_problems(benchmarks: pd.DataFrame, runs: pd.DataFrame, pairs: pd.DataFrame,
                     file: str) -> list[Problem]:
    """What an anchor lacks: a ladder of two sizes and two token counts, and pairs."""
    if not ({"benchmark", "anchor"} <= set(benchmarks) and {"suite", "eval_set", "loss_unit",
            "params", "tokens"} <= set(runs) and {"suite", "benchmark", "eval_set", "loss_unit",
            "score_format"} <= set(pairs)):
        return []  # reported as missing columns
    anchored = benchmarks[benchmarks["anchor"] != ""]
    if anchored.empty:
        return [Problem("no benchmark is anchored", file=file, column="anchor",
                        allowed="a suite of runs.csv for at least one benchmark")]
    problems = []
    for row, mark in anchored.iterrows():
        name, suite = mark["benchmark"], mark["anchor"]

        def refuse(what: str, row: Any = row, suite: str = suite, **more: str | None) -> None:
            problems.append(Problem(what, file=file, row=row, column="anchor", given=cut(suite),
                                    **more))  # type: ignore[arg-type]

        ladder, both = ladder_of(runs, suite, name), pairs_of(pairs, mark)
        if suite not in set(runs["suite"]):
            refuse("unknown suite", allowed="a suite of runs.csv",
                   hint=did_you_mean(cut(suite), runs["suite"].unique()[:1000]))
            continue
        if ladder["params"].nunique() < 2 or ladder["tokens"].nunique() < 2:
            refuse(f"runs.csv has no ladder of this suite with eval_set {cut(name)!r}",
                   allowed="runs of at least two sizes and two numbers of tokens")
        if both.empty:
            form = mark["score_format"]
            refuse(f"pairs.csv has no pair of this suite with benchmark and eval_set "
                   f"{cut(name)!r}" + (f" and score_format {cut(form)!r}" if form else ""),
                   hint="the score that a loss stands for is learnt from pairs")
        units = sorted({*ladder["loss_unit"], *both["loss_unit"]} - {""})
        if len(units) > 1:
            refuse("losses of one anchor in several units (runs.csv, pairs.csv)",
                   allowed="one loss_unit",
                   hint="found " + ", ".join(repr(cut(unit)) for unit in units[:5]))
    return problems


def ladder_of(runs: pd.DataFrame, suite: str, benchmark: str) -> pd.DataFrame:
    """Runs of a suite whose losses are on the benchmark."""
    return runs[(runs["suite"] == suite) & (runs["eval_set"] == benchmark)]


def pairs_of(pairs: pd.DataFrame, mark: Any) -> pd.DataFrame:
    """Pairs that belong to an anchored benchmark, given as its row of benchmarks.csv."""
    return pairs[(pairs["suite"] == mark["anchor"]) & (pairs["eval_set"] == mark["benchmark"])
                 & (pairs["benchmark"] == mark["benchmark"])
                 & ((mark["score_format"] == "") | (pairs["score_format"] == mark["score_format"]))]


# -- validate ---------------------------------------------------------------------------------


def validate(paths: Iterable[str | Path]) -> list[Problem]:
    """Everything wrong with tables (by file name), folders of tables or specs, and specs.

    A table that is given alone is compared with the other tables of its folder.
    """
    problems: list[Problem] = []
    files: dict[Path, list[Path]] = {}
    for path in dict.fromkeys(map(Path, paths)):
        try:
            kind = "folder" if path.is_dir() else "file" if path.exists() else "none"
        except (OSError, ValueError):  # a name that no file system can hold
            kind = "none"
        if kind == "none":
            problems.append(Problem("no such file or folder", file=shown(path)))
        elif kind == "folder":
            problems += _folder_problems(path)
        elif path.suffix == ".toml":
            problems += _spec_problems(path)
        elif path.suffix == ".csv" and path.stem in TABLES:
            files.setdefault(path.parent, []).append(path)
        else:
            known = [f"{name}.csv" for name in TABLES]
            problems.append(Problem(
                "not the name of a table or of a spec", file=shown(path),
                allowed=", ".join([*known, "*.toml"]), hint=did_you_mean(cut(path.name), known)))
    for folder, given in files.items():
        raws, _ = _read({name: folder / f"{name}.csv" for name in TABLES
                         if (folder / f"{name}.csv").is_file() or folder / f"{name}.csv" in given},
                        full=True)
        for path in given:
            problems += raws[path.stem].problems
    return problems


def _folder_problems(folder: Path) -> list[Problem]:
    """Problems of a folder of tables, or of the specs in a folder without tables."""
    if not any(folder.glob("*.csv")):
        found = sorted(folder.rglob("*.toml"))
        if not found:
            return [Problem("the folder holds neither tables nor specs", file=shown(folder),
                            allowed=", ".join(f"{name}.csv" for name in TABLES))]
        return [problem for path in found for problem in _spec_problems(path)]
    raws, _, problems = _read_folder(folder, full=True)
    return problems + [problem for raw in raws.values() for problem in raw.problems]


def _spec_problems(path: Path) -> list[Problem]:
    """Problems of a spec: of a report or a study where it has their keys, else of a model."""
    try:
        table, _ = specs.read_toml(path)
        if "sections" in table:
            specs.load_report(path)
        elif "axes" in table:
            from densing_bayes.studies.spec import load_study

            load_study(path)
        else:
            specs.load_model(path)
    except InputError as error:
        return error.problems
    return []


# -- list and show ----------------------------------------------------------------------------


def registry() -> dict[str, dict[str, Any]]:
    """The shelf's register of tables: file, what, units, licence, rows and sha256 by name."""
    path = shelf("data") / "registry.toml"
    return specs.read_toml(path)[0].get("tables", {}) if path.is_file() else {}


def list_tables(folder: str | Path | None = None) -> list[dict[str, Any]]:
    """What tables there are, each a dict.

    Parameters
    ----------
    folder
        None is the shelf's.

    Returns
    -------
    list of dict
        ``name``, ``file``, ``what``, ``rows``, ``sha256``; ``registered``: whether the file is
        the published one, by its checksum, and only then its ``licence``, else ''.
    """
    known = registry()
    folder = shelf("data") if folder is None else Path(folder)
    if not folder.is_dir():
        raise InputError(Problem("no such folder of tables", given=shown(folder)))
    found = []
    for name, schema in TABLES.items():
        path = folder / f"{name}.csv"
        if path.is_file():
            raw = read_cells(path, path.name)
            same = known.get(name, {}).get("sha256") == raw.sha256
            found.append({
                "name": name, "file": path.name, "what": schema.what,
                "rows": 0 if raw.frame is None else len(raw.frame),
                "licence": known[name]["licence"] if same else "", "sha256": raw.sha256,
                "registered": same,
            })
    return found


def show_table(name: str, folder: str | Path | None = None) -> pd.DataFrame:
    """One checked table; InputError naming the tables there are, TableError if it is wrong."""
    folder = shelf("data") if folder is None else Path(folder)
    path = folder / f"{name}.csv"
    if name not in TABLES or not path.is_file():
        present = [known for known in TABLES if (folder / f"{known}.csv").is_file()]
        raise InputError(Problem("no such table", given=cut(name), allowed=", ".join(present),
                                 hint=did_you_mean(name, present)))
    raw = read_cells(path, path.name)
    frame = check(name, raw)
    if raw.problems or frame is None:
        raise TableError(raw.problems)
    return frame.reset_index(drop=True)
