"""CSV files of Epoch AI: the benchmark hub's, one a benchmark, and its lists of models."""

from __future__ import annotations

import pandas as pd

from densing_bayes.importing.metr import PROB
from densing_bayes.importing.opening import Opened
from densing_bayes.importing.rows import Row, Rows, day, number, text

NAME = ("Model version", "model", "Model")
ABOUT = {"Release date", "Organization", "Country", "Training compute (FLOP)",
         "Training compute notes", "Name", "Shots", "Source", "Source link", "Notes", "id",
         "stderr", "Stderr", "SE", "Standard error",
         "Log viewer", "Logs", "Started at", "Tools", "Agent", "Scaffold", "UUID", "ID",
         "Model accessibility", "Confidence", "Model name", "Description", "Display name",
         "Source link (site from table)", "Date added", "Model", "Status", "task", "Task version"}
WORDS = 0.8  # share of a column's cells that have to be numbers, or it is one of words
SCORE = "Best score (across scorers)"
_MODEL_LISTS = ({"Model", "Publication date", "Parameters"},
                {"Model", "Publication date", "Organization"},
                {"id", "Model", "Version release date"})


def knows(opened: Opened) -> bool:
    """Whether the header is that of a benchmark of the hub, of its runs, or of its models."""
    if not opened.is_table:
        return False
    columns = set(opened.value.columns)
    return ("Model version" in columns or {"task", "model", SCORE} <= columns
            or any(header <= columns for header in _MODEL_LISTS))


def read(opened: Opened) -> Rows:
    """Scores of one benchmark, or facts of models; the time horizons of METR are a series."""
    frame, rows = opened.value, Rows()
    columns = set(frame.columns)
    if any(header <= columns for header in _MODEL_LISTS) and SCORE not in columns:
        rows.models = [row for cells in frame.to_dict("records") if (row := _listed(cells))]
        return rows
    if "metr_time_horizon" in opened.stem:
        return _horizons(frame, opened)
    if {"task", "model"} <= columns:
        for task, part in frame.groupby("task", sort=False):
            _scores(rows, part, SCORE, text(task), opened)
        return rows
    score = _score_column(frame)
    if score is None:
        rows.left["Epoch AI: files without a score between 0 and 1 (ratings, indices)"] += 1
        rows.models = [row for cells in frame.to_dict("records") if (row := _about(cells))]
        return rows
    name = opened.stem.removeprefix("external_benchmark_").removesuffix("_external")
    _scores(rows, frame, score, name, opened)
    return rows


def _score_column(frame: pd.DataFrame) -> str | None:
    """The file's main score: the first column that is none of the known and holds fractions."""
    if SCORE in frame:
        return SCORE
    for column in frame.columns:
        if column in ABOUT or column in NAME:
            continue
        said = [number(cell) for cell in frame[column] if text(cell)]
        values = [value for value in said if value is not None]
        if len(values) <= WORDS * len(said):
            continue  # words: which scaffold, which format
        return column if all(0 <= value <= 100 for value in values) else None
    return None


def _scores(rows: Rows, frame: pd.DataFrame, column: str, benchmark: str, opened: Opened) -> None:
    """Scores of one benchmark; where one is above 1 all are percent."""
    percent = any((number(cell) or 0) > 1 for cell in frame[column])
    for cells in frame.to_dict("records"):
        _score(rows, cells, column, benchmark, opened, percent)


def _score(rows: Rows, cells: Row, column: str, benchmark: str, opened: Opened,
           percent: bool) -> None:
    name = _name(cells)
    score = number(cells.get(column))
    if not name or score is None:
        rows.left["Epoch AI: rows without a model's name or without a score"] += 1
        return
    error = next((error for name in ("stderr", "Stderr", "SE", "Standard error", "Accuracy SE")
                  if (error := number(cells.get(name)))), None)
    about = _about(cells)
    if about:
        rows.models.append(about)
    where = text(cells.get("Source") or "") or "Epoch AI evaluation"
    rows.scores.append({
        "model": name, "benchmark": benchmark, "score": score / 100 if percent else score,
        "shots": number(cells.get("Shots")), "metric": "",
        "harness": text(cells.get("Agent") or cells.get("Scaffold")),
        "stderr": (error / 100 if percent else error) if error else None,
        "evaluated": day(cells.get("Started at")),
        "source": f"{where}; by Epoch AI benchmark hub, {text(opened.name, 80)}"})


def _name(cells: Row) -> str:
    return next((name for key in (*NAME, "Name", "Display name") if (name := text(cells.get(key)))),
                "")


def _about(cells: Row) -> Row | None:
    """What a row of the hub says of its model, or None where it has none."""
    name = _name(cells)
    if not name:
        return None
    access = text(cells.get("Model accessibility")).casefold()
    return {"model": name, "organization": text(cells.get("Organization")),
            "release_date": day(cells.get("Release date")),
            "weights": "open" if "open" in access else "closed" if access else None}


def _listed(cells: Row) -> Row | None:
    """A row of a list of models: day, size, tokens, access."""
    name = text(cells.get("id") if "Version release date" in cells else cells.get("Model"))
    if not name:
        return None
    tokens = number(cells.get("Training dataset size (tokens)")
                    or cells.get("Training dataset size (datapoints)")
                    or cells.get("Training dataset size (gradients)"))
    size, access = number(cells.get("Parameters")), text(cells.get("Model accessibility"))
    return {"model": name, "organization": text(cells.get("Organization")),
            "release_date": day(cells.get("Publication date")
                                or cells.get("Version release date")),
            "params_total": size if size and 1e5 < size < 1e16 else None,
            "training_tokens": tokens if tokens and tokens > 1e6 else None,
            "weights": "open" if "open weights" in access.casefold() else
            "closed" if access else None}


def _horizons(frame: pd.DataFrame, opened: Opened) -> Rows:
    rows = Rows()
    for cells in frame.to_dict("records"):
        value, when = number(cells.get("Time horizon")), day(cells.get("Release date"))
        if value is None or value <= 0 or not when:
            rows.left["time horizons without a value or a date"] += 1
            continue
        rows.series.append({
            "date": when, "value": value, "low": number(cells.get("CI_low")),
            "high": number(cells.get("CI_high")), "label": _name(cells),
            "unit": "minutes", "prob": PROB,
            "source": f"METR by Epoch AI, {text(opened.name, 80)}"})
    return rows
