"""A first look at the names in a study spec, within a moment: before any heavy import.

Names of benchmarks and flags belong to the tables, and reading these with all their checks
takes seconds. The two columns that hold the names are quick to read. `cases.expand` looks again
and closer, once the tables are there.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from densing_bayes.errors import Problem, SpecError, did_you_mean
from densing_bayes.shelf import shelf
from densing_bayes.studies.spec import EACH, StudySpec


def check_names(study: StudySpec, folder: Path | None = None) -> None:
    """Refuse names that no table in the folder (None: the shelf's) has.

    Tables that cannot be read are left to `load_tables`, which tells what is wrong with them.

    Raises
    ------
    SpecError
        With every such name, and the names there are.
    """
    folder = shelf("data") if folder is None else Path(folder)
    marks, models = _rows(folder / "benchmarks.csv"), _rows(folder / "models.csv")
    sets = {row.get("benchmark", ""): {word.strip() for word in row.get("sets", "").split(";")}
            for row in marks}
    usual = [name for word in study.model.options["benchmarks"] for name in (
        [word] if word in sets else [name for name in sets if word in sets[name]])] or [
        name for name in sets if "default" in sets[name]] or [
        row.get("benchmark", "") for row in marks if not row.get("variant_of")]
    flags = [word.strip() for text in _column(models, "flag") for word in text.split(";")]
    named = [word for words in sets.values() for word in words if word]
    known = {
        "sets": [*dict.fromkeys(named), *sets],
        "benchmarks": usual,
        "anchor": [row["benchmark"] for row in marks if row.get("anchor")],
        "protocol": [row["benchmark"] for row in marks if row.get("variant_of")],
        "without_flag": [flag for flag in dict.fromkeys(flags) if flag],
    }
    problems = [
        Problem(f"unknown name on axis {axis}", file=f"{study.name}.toml",
                column=f"axes.{axis}", given=name, allowed=", ".join(known[axis]) or "none here",
                hint=did_you_mean(name, known[axis]))
        for axis in known if (marks if axis != "without_flag" else models)
        for name in _asked(axis, study) if name not in known[axis]]
    if problems:
        raise SpecError(problems)


def _asked(axis: str, study: StudySpec) -> list[str]:
    """Names that the study has on an axis; words such as 'each' are none."""
    values: list[Any] = study.axes.get(axis, [])
    if axis == "sets":
        return list(dict.fromkeys(name for value in values if value != EACH for name in (
            value if isinstance(value, list) else [value])))
    if axis == "benchmarks":
        return list(dict.fromkeys(name for value in values if isinstance(value, list)
                                  for name in value))
    return [value for value in values if value != EACH]


def _rows(path: Path) -> list[dict[str, str]]:
    """Rows of a table with names and cells stripped; none where it cannot be read."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [{(key or "").strip(): (cell or "").strip() for key, cell in row.items()
                     if not isinstance(cell, list)} for row in csv.DictReader(file)]
    except (OSError, UnicodeError, csv.Error):
        return []


def _column(rows: list[dict[str, str]], name: str) -> list[str]:
    return list(dict.fromkeys(row[name] for row in rows if row.get(name)))
