"""``compare``: two reports side by side, what changed between them and what stands behind it."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

import pandas as pd

from densing_bayes.context import Context
from densing_bayes.errors import InputError, Problem
from densing_bayes.intervals import Interval, doubled
from densing_bayes.outputs import WRITER, counted, plain
from densing_bayes.questions.density import densities
from densing_bayes.questions.growth import growth, windows
from densing_bayes.questions.timeline import model_rows
from densing_bayes.verbs.answer import Answer

SHOWN = 10  # models, scores and lines of a spec that the text names
MOVED = 0.02  # of a score or of ln density: smaller differences are sampling


def compare(before: str | Path, after: str | Path) -> Answer:
    """What changed from one report to another: growth, densities, and tables and spec behind.

    Parameters
    ----------
    before, after
        Folders that ``densing report`` wrote.

    Returns
    -------
    Answer
        ``values`` is a dict: ``growth`` by window before and after, ``models`` (added, gone),
        ``scores`` (added, gone, changed), ``tables`` whose content differs, ``spec`` (lines that
        differ), ``densities`` of models in both, ``pulls`` of the models behind a
        change on growth. The two posteriors have draws of their own: no
        difference here has an interval.

    Raises
    ------
    InputError
        A folder that is no report.
    """
    values, lines = changes(*(_read(Path(folder)) for folder in (before, after)))
    return Answer(" ".join(lines), pd.DataFrame(values["growth"]), values, values,
                  printed="\n".join(lines))


def state_of(context: Context) -> dict[str, Any]:
    """What a report's summary has of growth and densities, of a run without a report."""
    whole = growth(context)
    rows: list[dict[str, Any]] = plain({"windows": [
        {**one.window.to_dict(), **one.summary()} for one in windows(context)]})["windows"]
    return {"density": densities(context), "windows": rows, "timeline": model_rows(context),
            "growth": whole.summary(), "interval": whole.to_dict()["interval"],
            "data": context.checksums, "seed": whole.seed,
            "provenance": {"spec": context.spec.toml}}


def changes(old: dict[str, Any], new: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What differs between two states: the values of `compare`, and sentences."""
    values = {
        "growth": _windows(old, new),
        "models": _difference({row["model"] for row in old["density"]},
                              {row["model"] for row in new["density"]}),
        "scores": _scores(old["timeline"], new["timeline"]),
        "tables": sorted(name for name in {*old["data"], *new["data"]}
                         if old["data"].get(name) != new["data"].get(name)),
        "spec": _spec_lines(old, new), "densities": _densities(old, new),
        "seed": [old["seed"], new["seed"]],
    }
    values["pulls"] = _pulls(old, new, values)
    return values, _words(old, new, values)


def _read(folder: Path) -> dict[str, Any]:
    """The summary of a report, with the scores behind its first picture."""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        if summary["written_by"] != WRITER or not summary["density"] or not summary["windows"]:
            raise KeyError
        picture = folder / "figures" / "density-timeline.json"
        models = json.loads(picture.read_text(encoding="utf-8"))["models"]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(Problem(
            "not a report with growth and densities", given=str(folder),
            allowed="a folder written by 'densing report'")) from None
    return summary | {"timeline": models}


def _windows(old: dict[str, Any], new: dict[str, Any]) -> list[dict[str, Any]]:
    """Growth per year by window, those of both reports."""
    rows = []
    for one in old["windows"]:
        for other in new["windows"]:
            if one["name"] == other["name"]:
                rows.append({"window": one["name"], **{
                    f"{when} {key}": said["rate_per_year"][key]
                    for when, said in (("before", one), ("after", other))
                    for key in ("median", "low", "high")},
                    "before to": one["to"], "after to": other["to"]})
    return rows


def _difference(old: set[Any], new: set[Any]) -> dict[str, list[Any]]:
    return {"added": sorted(new - old), "gone": sorted(old - new)}


def _scores(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Scores by model, benchmark and source that are new, gone, or have another value."""
    def cells(models: list[dict[str, Any]]) -> dict[tuple[str, str, str], float]:
        return {(model["name"], cell["benchmark"], cell["source"]): cell["score"]
                for model in models for cell in model["scores"]}

    was, is_now = cells(old), cells(new)
    changed = [[*key, was[key], is_now[key]] for key in sorted(was.keys() & is_now.keys())
               if was[key] != is_now[key]]
    return {key: [list(one) for one in found] for key, found in _difference(
        set(was), set(is_now)).items()} | {"changed": changed}


def _spec_lines(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Lines of the model spec that differ, with - and + before them."""
    texts = [next((str(value) for name, value in said["provenance"].items() if "spec" in name
                   and "\n" in str(value)), "") for said in (old, new)]
    before, after = (text.splitlines() for text in texts)
    found = difflib.unified_diff(before, after, lineterm="", n=0)
    return [line for line in found if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def _densities(old: dict[str, Any], new: dict[str, Any]) -> list[dict[str, Any]]:
    """Models of both reports by how far their density moved, the farthest first."""
    was = {row["model"]: row["median"] for row in old["density"]}
    rows = [{"model": row["model"], "before": was[row["model"]], "after": row["median"],
             "factor": row["median"] / was[row["model"]]}
            for row in new["density"] if row["model"] in was]
    return sorted(rows, key=lambda row: -max(row["factor"], 1 / row["factor"]))


def _pulls(old: dict[str, Any], new: dict[str, Any], found: dict[str, Any],
           ) -> list[dict[str, Any]]:
    """How far each model behind a change pulls growth (1/year; with it less without it).

    In the report that has it; None where that report does not know. The farthest first.
    """
    was, is_now = ({row["model"]: row["pull"] for row in said.get("pulls", [])}
                   for said in (old, new))
    scores = found["scores"]
    touched = {cell[0] for key in ("added", "gone", "changed") for cell in scores[key]}
    rows = [{"model": name, "change": change, "before": was.get(name), "after": is_now.get(name)}
            for change, names in (("added", found["models"]["added"]),
                                  ("gone", found["models"]["gone"]),
                                  ("scores", sorted(touched - {*found["models"]["added"],
                                                               *found["models"]["gone"]})))
            for name in names]
    return sorted(rows, key=lambda row: -max(abs(row["before"] or 0), abs(row["after"] or 0)))


def _pull_words(row: dict[str, Any]) -> str:
    """A model's pull in words."""
    ends = [f"{value:+.3f}" for value in (row["before"], row["after"]) if value is not None]
    return f"{row['model']} {' before, '.join(ends)}" + (" after" if len(ends) == 2 else "")


def _words(old: dict[str, Any], new: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """The answer first, then what stands behind it."""
    interval = Interval(**new["interval"])
    lines = [f"{when}: density {doubled(said['growth'], Interval(**said['interval']))}, by "
             f"{counted(len(said['density']), 'model')}."
             for when, said in (("Before", old), ("After", new))]
    if old["interval"] != new["interval"]:
        lines.append(f"The two tell different intervals; the windows compare medians ({interval} "
                     "after).")
    for key, words in (("added", "Models added"), ("gone", "Models gone")):
        if found["models"][key]:
            lines.append(f"{words}: {_some(found['models'][key])}.")
    for key, words in (("changed", "Scores changed"), ("added", "Scores added"),
                       ("gone", "Scores gone")):
        if found["scores"][key]:
            lines.append(f"{words}: {_some([_cell(cell) for cell in found['scores'][key]])}.")
    known = [row for row in found["pulls"] if not row["before"] is row["after"] is None]
    if known:
        lines.append("Pull of each on growth per year, with it less without it: "
                     f"{_some([_pull_words(row) for row in known])}.")
    lines.append(f"Tables that differ: {', '.join(found['tables'])}." if found["tables"]
                 else "The tables are the same.")
    lines.append(f"Lines of the model spec that differ: {_some(found['spec'])}." if found["spec"]
                 else "The model spec is the same.")
    if found["seed"][0] != found["seed"][1]:
        lines.append(f"Seeds: {found['seed'][0]} and {found['seed'][1]}.")
    moved = [row for row in found["densities"] if abs(row["factor"] - 1) > MOVED]
    lines.append("Densities that moved most: " + ", ".join(
        f"{row['model']} {row['before']:.2g} to {row['after']:.2g}" for row in moved[:5]) + "."
        if moved else "No model's density moved by more than 2%.")
    return lines


def _cell(cell: list[Any]) -> str:
    name = f"{cell[0]} on {cell[1]}"
    return name if len(cell) == 3 else f"{name} {cell[3]:.3f} to {cell[4]:.3f}"


def _some(items: list[str]) -> str:
    rest = f", and {len(items) - SHOWN:,} more" if len(items) > SHOWN else ""
    return ", ".join(items[:SHOWN]) + rest
