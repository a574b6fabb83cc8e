"""``validate``: what is wrong with tables, folders of them, and specs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from densing_bayes import specs
from densing_bayes.errors import InputError, Problem, did_you_mean
from densing_bayes.reading import cut, shown
from densing_bayes.schemas import TABLES
from densing_bayes.shelf import shelf
from densing_bayes.studies.spec import load_study
from densing_bayes.tables import read_files, read_folder, warnings_of


def validate(paths: Iterable[str | Path]) -> list[Problem]:
    """Everything wrong with tables (by file name), folders of tables or specs, and specs.

    A table that is given alone is compared with the other tables of its folder.
    """
    return inspect(paths, warn=False)[0]


def inspect(paths: Iterable[str | Path], *, warn: bool = True,
            ) -> tuple[list[Problem], list[Problem]]:
    """What is wrong with tables, folders and specs, and what is only suspicious (if asked)."""
    problems: list[Problem] = []
    warnings: list[Problem] = []
    files: dict[Path, list[Path]] = {}
    for path in dict.fromkeys(map(Path, paths)):
        try:
            kind = "folder" if path.is_dir() else "file" if path.exists() else "none"
        except (OSError, ValueError):  # a name that no file system can hold
            kind = "none"
        if kind == "none":
            problems.append(Problem("no such file or folder", file=shown(path)))
        elif kind == "folder":
            wrong, odd = _folder_problems(path, warn)
            problems += wrong
            warnings += odd
        elif path.suffix == ".toml":
            problems += _spec_problems(path)
        elif path.suffix == ".csv" and path.stem in TABLES:
            files.setdefault(path.parent, []).append(path)
        else:
            known = [f"{name}.csv" for name in TABLES]
            problems.append(Problem(
                "not the name of a table or of a spec", file=shown(path),
                allowed=", ".join([*known, "*.toml"]),
                hint=(did_you_mean(cut(path.name), known) if path.suffix == ".csv" else None)
                or "densing import makes tables of JSON, YAML, Excel and other CSV files"))
    for folder, given in files.items():
        raws, frames = read_files({name: folder / f"{name}.csv" for name in TABLES
                              if (folder / f"{name}.csv").is_file()
                              or folder / f"{name}.csv" in given}, full=True)
        mine = {raws[path.stem].file for path in given}
        problems += [problem for path in given for problem in raws[path.stem].problems]
        if warn:
            warnings += [problem for problem in warnings_of(raws, frames) if problem.file in mine]
    return problems, warnings


def _series_problems(path: Path) -> list[Problem]:
    """What is wrong with a series, of the columns that `densing new --series` writes."""
    from densing_bayes.breakpoints.columns import Columns, read_series

    try:
        read_series(path, Columns())
    except InputError as error:
        return list(error.problems)
    return []


def _folder_problems(folder: Path, warn: bool) -> tuple[list[Problem], list[Problem]]:
    """Problems and warnings of a folder of tables, or of the specs in one without tables."""
    if not any(folder.glob("*.csv")):
        found = sorted(folder.rglob("*.toml"))
        if not found:
            return [Problem("the folder holds neither tables nor specs", file=shown(folder),
                            allowed=", ".join(f"{name}.csv" for name in TABLES))], []
        return [problem for path in found for problem in _spec_problems(path)], []
    series = folder / "series.csv"
    wrong = _series_problems(series) if series.is_file() else []
    if series.is_file() and not any((folder / f"{name}.csv").is_file() for name in TABLES):
        return wrong, []  # a series alone, as of time horizons
    raws, frames, problems = read_folder(folder, full=True)
    problems += wrong + [problem for raw in raws.values() for problem in raw.problems]
    same = (shelf("data") / "models.csv").is_file() and folder.samefile(shelf("data"))
    return problems, warnings_of(raws, frames) if warn and not same else []


def _spec_problems(path: Path) -> list[Problem]:
    """Problems of a spec: of a report or a study where it has their keys, else of a model."""
    try:
        table, _ = specs.read_toml(path)
        if "sections" in table:
            specs.load_report(path)
        elif "axes" in table:
            load_study(path)
        else:
            specs.load_model(path)
    except InputError as error:
        return error.problems
    return []
