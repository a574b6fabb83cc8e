"""Tables of a folder: read, checked one by one and against each other, and listed.

`load_tables` gives the checked tables or raises `TableError` with every problem.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from densing_bayes import specs
from densing_bayes.cells import check, typed
from densing_bayes.errors import InputError, Problem, TableError, did_you_mean
from densing_bayes.reading import Raw, cut, read_cells, shown
from densing_bayes.relations import relate
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
    skipped
        What was wrong with rows that were left out, if that was asked for.
    warnings
        What is suspicious in tables other than the shelf's (`densing_bayes.plausible`).
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
    skipped: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def load_tables(folder: str | Path | None = None, *, skip_bad: bool = False) -> Tables:
    """The tables of a folder, checked.

    Parameters
    ----------
    folder
        Replaces all tables; None is the shelf's.
    skip_bad
        Leave out rows with problems, and rows that name what is then missing.

    Raises
    ------
    TableError
        With every problem of every table.
    """
    own = folder is not None
    folder = shelf("data") if folder is None else Path(folder)
    raws, frames, problems = read_folder(folder, full=False, skip_bad=skip_bad)
    problems += [problem for raw in raws.values() for problem in raw.problems]
    if problems:
        raise TableError(problems)
    return Tables(folder=folder, sha256={name: raw.sha256 for name, raw in raws.items()},
                  skipped=[problem for raw in raws.values() for problem in raw.skipped],
                  warnings=warnings_of(raws, frames) if own else [],
                  **{name: frame.reset_index(drop=True) for name, frame in frames.items()})


def checksums(folder: str | Path | None = None) -> dict[str, str]:
    """Checksum of each known table of a folder by its name; nothing where it cannot be read."""
    folder = shelf("data") if folder is None else Path(folder)
    try:
        return {path.stem: hashlib.sha256(path.read_bytes()).hexdigest()
                for path in sorted(folder.iterdir())
                if path.suffix == ".csv" and path.stem in TABLES}
    except OSError:
        return {}


def read_folder(folder: Path, full: bool, skip_bad: bool = False,
                 ) -> tuple[dict[str, Raw], dict[str, pd.DataFrame], list[Problem]]:
    """Every known table of a folder, and what is wrong with the folder itself."""
    try:
        present = {path.name for path in folder.iterdir()}
    except OSError as error:
        return {}, {}, [Problem("the folder of tables cannot be read", given=shown(folder),
                                hint=error.strerror)]
    problems = []
    for name in REQUIRED:
        if f"{name}.csv" not in present:
            other = next((file for file in sorted(present) if Path(file).stem == name), None)
            problems.append(Problem(
                "the table is missing", file=f"{name}.csv",
                hint=f"{cut(other)} is no CSV: densing import makes tables of it" if other
                else did_you_mean(f"{name}.csv", sorted(present)[:200])
                or f"put it into {shown(folder)}, or let densing new write one"))
    paths = {name: folder / f"{name}.csv" for name in TABLES if f"{name}.csv" in present}
    raws, frames = read_files(paths, full, skip_bad)
    return raws, frames, problems


def read_files(paths: dict[str, Path], full: bool, skip_bad: bool = False,
          ) -> tuple[dict[str, Raw], dict[str, pd.DataFrame]]:
    """Tables read and checked, each and against each other; ``full`` names whole paths."""
    raws = {name: read_cells(path, None if full else path.name) for name, path in paths.items()}
    frames = _checked(raws)
    while skip_bad and sum(raw.skip() for raw in raws.values()):
        frames = _checked(raws)
    return raws, frames


def _checked(raws: dict[str, Raw]) -> dict[str, pd.DataFrame]:
    """The typed tables; what is wrong is appended to ``raws``."""
    checked = {name: check(name, raw) for name, raw in raws.items()}
    frames = {name: frame for name, frame in checked.items() if frame is not None}
    relate(raws, frames, {name: frame for name, frame in frames.items() if raws[name].whole})
    for raw in raws.values():
        raw.problems.sort(key=lambda problem: problem.row or 0)
    return frames


def warnings_of(raws: dict[str, Raw], frames: dict[str, pd.DataFrame]) -> list[Problem]:
    """What is suspicious: in the files as files, and in their values where these are sound."""
    from densing_bayes.plausible import suspicious

    found = [problem for raw in raws.values() for problem in raw.warnings]
    sound = {name: frame for name, frame in frames.items() if not raws[name].problems}
    files = {name: raw.file for name, raw in raws.items()}
    known = {}
    for name in ("models", "runs", "pairs"):
        path = shelf("data") / f"{name}.csv"
        if name in sound and path.is_file():
            known[name] = _typed(path, path.stat().st_mtime_ns)
    return found + suspicious(sound, files, known)


@lru_cache(maxsize=3)
def _typed(path: Path, changed: int) -> pd.DataFrame:
    """A table of the shelf, typed but not checked, read again when it has ``changed``."""
    return typed(path.stem, read_cells(path))[0]


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
    exact = [column for column in frame if column.endswith("_width")
             and column.removesuffix("_width") in TABLES[name].columns and not frame[column].any()]
    return frame.drop(columns=exact).reset_index(drop=True)
