"""Tables against each other: names that another table must have, anchors that need a ladder."""

from __future__ import annotations

from typing import Any

import pandas as pd

from densing_bayes.errors import Problem, did_you_mean, plain
from densing_bayes.reading import Raw, cut
from densing_bayes.schemas import TABLES

NAMED = (  # table, its column, the table that must have the name
    ("scores", "model", "models"), ("scores", "benchmark", "benchmarks"),
    ("pairs", "benchmark", "benchmarks"), ("flags", "model", "models"),
    ("benchmarks", "variant_of", "benchmarks"),
    ("benchmarks", "contamination_pair", "benchmarks"))


def relate(raws: dict[str, Raw], frames: dict[str, pd.DataFrame],
           whole: dict[str, pd.DataFrame]) -> None:
    """Append to ``raws`` what is wrong between tables.

    Parameters
    ----------
    frames
        The checked tables.
    whole
        Those of them of which every row was read: only they can lack a name.
    """
    for table, column, other in NAMED:
        if table in frames and other in whole:
            raws[table].problems += _unknown_names(
                frames[table], column, whole[other], TABLES[other].key[0], raws[table].file,
                f"a {TABLES[other].key[0]} of {other}.csv")
    if {"benchmarks", "runs", "pairs"} <= set(whole):
        raws["benchmarks"].problems += _anchor_problems(
            whole["benchmarks"], whole["runs"], whole["pairs"], raws["benchmarks"].file)


def _unknown_names(frame: pd.DataFrame, column: str, other: pd.DataFrame, key: str, file: str,
                   allowed: str) -> list[Problem]:
    """Cells that name nothing in another table, with the nearest name there is."""
    if column not in frame or key not in other:
        return []
    cells = frame[column][(frame[column] != "") & ~frame[column].isin(other[key])]
    if cells.empty:
        return []
    names = other[key].unique()
    known = {plain(name): name for name in names}
    hints = {}
    for name in cells.unique():
        same = known.get(plain(name))
        if same is not None:
            hints[name] = f"did you mean {same!r}?"
        elif len(names) * (len(hints) + 1) <= 20_000:  # comparing all with all takes minutes
            hints[name] = did_you_mean(cut(name), names)
    return [Problem(f"unknown {key}", file=file, row=row, column=column, given=cut(name),
                    allowed=allowed, hint=hints.get(name)) for row, name in cells.items()]


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
