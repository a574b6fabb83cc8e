"""HELM of Stanford CRFM: tables of a leaderboard (groups/*.json, its CSV), and single runs."""

from __future__ import annotations

import re
from typing import Any

from densing_bayes.importing.opening import Opened
from densing_bayes.importing.rows import Row, Rows, number, text

HARNESS = "HELM"
# a fraction of items solved; F1, BLEU, win rates and times are not
_SOLVED = re.compile(r"(?P<name>.+?)\s*-\s*(?P<metric>(?:quasi-)?(?:exact match|EM|PEM)|"
                     r"Equivalent(?: \(.*\))?|COT correct|Acc(?:uracy)?|pass@1|"
                     r"IFEval Strict Acc)$", re.IGNORECASE)
_RUN_METRICS = ("exact_match", "quasi_exact_match", "math_equiv_chain_of_thought", "math_equiv",
                "final_number_exact_match", "chain_of_thought_correctness",
                "ifeval_strict_accuracy", "pass")


def knows(opened: Opened) -> bool:
    """Whether this is a table of HELM, or a run's stats with its spec."""
    if opened.is_table:
        columns = list(opened.value.columns)
        return bool(columns) and columns[0] == "Model" and (
            any(_SOLVED.match(name) for name in columns[1:]))
    return bool(_tables(opened.value)) or bool(_runs(opened.value))


def read(opened: Opened) -> Rows:
    """Scores by model and scenario."""
    rows = Rows()
    source = f"HELM, {text(opened.name, 100)}"
    if opened.is_table:
        header = list(opened.value.columns)
        lines = opened.value.to_numpy().tolist()
        _read_table(rows, header, lines, source)
    for table in [] if opened.is_table else _tables(opened.value):
        header = [text(cell.get("value")) for cell in table["header"]]
        lines = [[cell.get("value") if isinstance(cell, dict) else cell for cell in line]
                 for line in table["rows"] if isinstance(line, list)]
        _read_table(rows, header, lines, source)
    for run in [] if opened.is_table else _runs(opened.value):
        _read_run(rows, run, source)
    if not opened.is_table and _runs(opened.value):
        rows.scores = _means(rows.scores)
    for name in dict.fromkeys(row["model"] for row in rows.scores):
        rows.models.append({"model": name})
    return rows


def _tables(value: Any) -> list[dict[str, Any]]:
    """Tables of a leaderboard: lists of header and rows whose first column is the model."""
    found = value if isinstance(value, list) else [value]
    return [table for table in found if isinstance(table, dict)
            and isinstance(table.get("header"), list) and isinstance(table.get("rows"), list)
            and table["header"] and isinstance(table["header"][0], dict)
            and text(table["header"][0].get("value")).startswith("Model")]


def _read_table(rows: Rows, header: list[str], lines: list[list[Any]], source: str) -> None:
    for place, column in enumerate(header[1:], 1):
        found = _SOLVED.match(column)
        if not found:
            rows.left["HELM: columns that are no fraction of items solved (F1, win rate, ...)"] += 1
            continue
        for line in lines:
            score = number(line[place]) if len(line) > place else None
            name = text(line[0]) if line else ""
            if not name or score is None:
                continue
            rows.scores.append({
                "model": name, "benchmark": found["name"], "metric": found["metric"],
                "score": score / 100 if score > 1 else score, "harness": HARNESS,
                "source": source})


def _runs(value: Any) -> list[dict[str, Any]]:
    """Runs: dicts with ``run_spec`` and ``stats``."""
    found = value if isinstance(value, list) else [value]
    return [run for run in found if isinstance(run, dict) and isinstance(run.get("stats"), list)
            and isinstance(run.get("run_spec"), dict)]


def _read_run(rows: Rows, run: dict[str, Any], source: str) -> None:
    spec = run["run_spec"]
    adapter = spec.get("adapter_spec") or {}
    model = text(adapter.get("model")) or next(
        (part.removeprefix("model=") for part in text(spec.get("name")).split(",")
         if part.startswith("model=")), "")
    for stat in run["stats"]:
        name = stat.get("name") or {}
        if (name.get("name") in _RUN_METRICS and name.get("split") == "test"
                and not name.get("perturbation") and number(stat.get("mean")) is not None):
            row: Row = {
                "model": model, "benchmark": text(spec.get("name")).split(":")[0],
                "metric": name["name"], "score": number(stat["mean"]),
                "shots": number(adapter.get("max_train_instances")), "harness": HARNESS,
                "source": source}
            rows.scores.append(row)
            return
    rows.left["HELM: runs without a fraction of items solved on the test split"] += 1


def _means(scores: list[Row]) -> list[Row]:
    """One row for the runs of a model on the subjects of a scenario."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in scores:
        groups.setdefault((row["model"], row["benchmark"], row["metric"], row["shots"]),
                          []).append(row)
    return [group[0] | {"score": sum(row["score"] for row in group) / len(group)}
            for group in groups.values()]


def join_runs(found: list[Opened]) -> list[Opened]:
    """Files with each run's ``run_spec.json`` and ``stats.json`` made one; others as they are.

    Runs of one model on the subjects of a scenario become one, their mean.
    """
    parts: dict[str, dict[str, Any]] = {}
    rest = []
    for opened in found:
        folder, _, name = opened.name.replace("\\", "/").rpartition("/")
        if name in ("run_spec.json", "stats.json"):
            parts.setdefault(folder, {})[name.removesuffix(".json")] = opened.value
        elif name not in ("scenario.json", "scenario_state.json", "per_instance_stats.json"):
            rest.append(opened)
    runs = [part for part in parts.values() if {"run_spec", "stats"} <= set(part)]
    return rest + ([Opened("runs of HELM", runs)] if runs else [])
