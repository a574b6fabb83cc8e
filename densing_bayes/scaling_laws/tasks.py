"""Scores of larger models from small runs: per task a loss law, a score curve, a prediction.

A table of pairs says loss and score of the same model on the same task, with its parameters and
tokens. The loss law foretells the loss of a larger model (`densing_bayes.scaling_laws.predict`),
the score curve what that loss is worth (`densing_bayes.scaling_laws.score`). Models marked as held
out are predicted and scored; every group of pairs is answered or named with the reason why not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.cells import typed
from densing_bayes.errors import GateError, InputError, Problem, TableError, did_you_mean
from densing_bayes.intervals import Interval
from densing_bayes.reading import read_cells, shown
from densing_bayes.scaling_laws.columns import in_their_words, rename, suggestion
from densing_bayes.scaling_laws.fit import variants_of
from densing_bayes.scaling_laws.ladders import fit_ladder
from densing_bayes.scaling_laws.predict import forecaster
from densing_bayes.scaling_laws.score import FEWEST_PAIRS, ScorePrediction, predict_score
from densing_bayes.scaling_laws.tables import checked_point, point, read_runs
from densing_bayes.specs import ModelSpec, load_model

NEEDED = ("benchmark", "loss", "score", "params", "tokens")
ALL = "all"


@dataclass(frozen=True)
class TaskAnswers:
    """Predicted scores.

    Parameters
    ----------
    table
        One row per task and model: task, score_format, model, params, tokens, loss and score with
        their intervals; observed and covered where the pairs have the model as held out.
    curves
        Per task (and format), weights of the two routes, the rehearsal and the warnings.
    notes
        Pairs left out and groups not predicted, each with the reason.
    """

    spec: ModelSpec
    interval: Interval
    table: pd.DataFrame
    curves: dict[str, ScorePrediction]
    notes: list[str]

    def summary(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "spec": self.spec.name, "seed": self.spec.sampling.seed,
            "interval": {"prob": self.interval.prob, "kind": self.interval.kind},
            "scores": self.table.to_dict("records"),
            "curves": {name: {"weights": one.weights, "rehearsal": one.rehearsal,
                              "warnings": one.warnings, "diagnostics": one.diagnostics}
                       for name, one in self.curves.items()},
            "notes": self.notes,
        }

    def lines(self) -> list[str]:
        """The answers in words, one line each."""
        told = []
        for name, one in self.curves.items():
            routes = ", ".join(f"{weight:.0%} " + (
                "through the loss" if route == "loss" else "from size and tokens alone")
                for route, weight in one.weights.items())
            told.append(f"{name}: {routes}; {self.interval}s")
            if one.rehearsal["models"]:
                told.append(f"  rehearsal: {one.rehearsal['models']} hidden scores were missed by "
                            f"{100 * one.rehearsal['error']:.1f} points")
            told += [f"  warning: {warning}" for warning in one.warnings]
            for row in self.table[self.table["task"] == name].to_dict("records"):
                line = (f"  {row['model']}, {row['params']:.3g} parameters on {row['tokens']:.3g} "
                        f"tokens: loss {row['loss']:.3f} [{row['loss_low']:.3f}, "
                        f"{row['loss_high']:.3f}], score {row['score']:.3f} [{row['low']:.3f}, "
                        f"{row['high']:.3f}]")
                if np.isfinite(row["observed"]):
                    line += (f"; observed {row['observed']:.3f}, "
                             f"{'inside' if row['covered'] else 'outside'}")
                told.append(line)
        return told + [f"note: {note}" for note in self.notes]


def task_scores(pairs: str | Path | pd.DataFrame, tasks: Iterable[str],
                predict: Iterable[str | dict[str, float]] = (), *,
                chances: Mapping[str, float] | None = None, chance: float | None = None,
                laws: Iterable[str] | None = None, columns: Mapping[str, str] | None = None,
                spec: str | Path | ModelSpec = "scaling", seed: int | None = None,
                progress: Callable[[str], None] | None = None) -> TaskAnswers:
    """Scores of larger models on tasks.

    Parameters
    ----------
    pairs
        CSV file or DataFrame with benchmark, loss, score, params and tokens, and optionally
        model, suite, eval_set, score_format, held_out and chance.
    tasks
        Benchmarks to predict, or ``"all"``.
    predict
        Models: ``"params=7e9,tokens=4e12"`` or dicts of the same.
    chances
        Score by guessing, by benchmark; a column ``chance`` of the pairs comes first.
    chance
        The same for all, before either.

    Raises
    ------
    TableError, InputError
        For pairs or a question that cannot be used.
    GateError
        Where no task could be predicted, each with its reason.
    """
    spec = (spec if isinstance(spec, ModelSpec) else load_model(spec)).with_seed(seed)
    names = list(laws) if laws is not None else list(spec.options["laws"])
    variants_of(names)
    points = [point(one) if isinstance(one, str) else checked_point(one) for one in predict]
    frame, file = _frame(pairs, dict(columns or {}))
    tasks = _tasks(list(tasks), frame, file)
    rows: list[pd.DataFrame] = []
    curves: dict[str, ScorePrediction] = {}
    notes: list[str] = []
    problems: list[Problem] = []
    wanted = frame[frame["benchmark"].isin(tasks)]
    keys = ["suite", "benchmark", "eval_set", "score_format"]
    several = wanted.drop_duplicates(keys)["benchmark"].value_counts()
    for (suite, benchmark, eval_set, form), group in wanted.groupby(keys, sort=False):
        parts = [part for part in (form, suite, eval_set if eval_set != benchmark else "")
                 if part and several[benchmark] > 1]
        name = f"{benchmark} ({', '.join(parts)})" if parts else str(benchmark)
        try:
            guess = _chance(group, str(benchmark), chances or {}, chance, file)
            found = _one(name, group, guess, points, names, spec, notes, progress)
        except (GateError, InputError) as error:
            notes.append(f"{name} is not predicted: {error}")
            problems += error.problems if isinstance(error, InputError) else []
            continue
        if found is not None:
            curves[name], table = found
            rows.append(table)
    if not rows and problems:
        raise InputError(problems)
    if not rows:
        raise GateError("no task could be predicted: " + "; ".join(notes))
    return TaskAnswers(spec, spec.interval, pd.concat(rows, ignore_index=True), curves, notes)


def _one(name: str, group: pd.DataFrame, chance: float, points: list[dict[str, float]],
         laws: list[str], spec: ModelSpec, notes: list[str],
         progress: Callable[[str], None] | None) -> tuple[ScorePrediction, pd.DataFrame] | None:
    """One task: the curve and the predictions; None, with a note, where there is nothing to do."""
    usable = group["params"].notna() & group["tokens"].notna()
    if (~usable).any():
        notes.append(f"{name}: {int((~usable).sum())} pairs without params or tokens are left out")
    group = group[usable]
    held = group["held_out"].eq("yes")
    small, large = group[~held], group[held]
    if len(small) < FEWEST_PAIRS:
        notes.append(f"{name} is not predicted: {len(small)} pairs of small models, and a curve "
                     f"needs at least {FEWEST_PAIRS}")
        return None
    models = pd.concat([
        pd.DataFrame([{"model": "asked", **one} for one in points]),
        large[["model", "params", "tokens", "score"]].rename(columns={"score": "observed"})],
        ignore_index=True).reindex(columns=["model", "params", "tokens", "observed"])
    if models.empty:
        notes.append(f"{name}: no model to predict: name one with --predict, or mark larger ones "
                     f"as held_out")
        return None
    table = read_runs(small.assign(run=small["model"], suite=name, eval_set="", held_out="no"))
    notes += table.notes
    ladder = next(iter(table.ladders.values()))
    seer = forecaster(fit_ladder(ladder, laws, spec, progress=progress, case="task"), spec)
    log_loss = seer.log_loss(models["params"], models["tokens"])
    if progress is not None:
        progress(f"the score curve of {name}")
    found = predict_score(small, chance, models, log_loss, spec, name)
    low, high = spec.interval.of(found.draws, axis=0)
    loss = np.exp(log_loss)
    below, above = spec.interval.of(loss, axis=0)
    observed = models["observed"].astype(float)
    return found, models.assign(
        task=name, chance=chance, observed=observed, loss=np.median(loss, axis=0),
        loss_low=below, loss_high=above, score=np.median(found.draws, axis=0), low=low, high=high,
        covered=[bool(a <= x <= b) if np.isfinite(x) else None
                 for x, a, b in zip(observed, low, high, strict=True)])


def _frame(source: Any, columns: Mapping[str, str]) -> tuple[pd.DataFrame, str]:
    """The pairs as typed columns under our names; absent optional columns are blank."""
    if isinstance(source, pd.DataFrame):
        file, problems = "the table of pairs", []
        frame = rename(source.set_axis(pd.RangeIndex(2, len(source) + 2)), columns, file)
    else:
        raw = read_cells(Path(source), shown(Path(source)))
        file, problems = raw.file, raw.problems
        frame = pd.DataFrame()
        if raw.frame is not None:
            raw.frame = rename(raw.frame, columns, file)
            frame, _ = typed("pairs", raw)
    problems = list(problems)
    for column in NEEDED:
        if problems or (column in frame and not frame[column].isna().all()):
            continue
        problems.append(Problem(
            "the column is missing or empty", file=file, row=1, column=column,
            hint=suggestion(column, [str(one) for one in frame if one not in NEEDED])))
    if not problems:
        bad = frame["score"][~frame["score"].between(0, 1)].dropna()
        problems += [Problem("score is not from 0 to 1", file=file, row=int(row), column="score",
                             given=f"{value:g}", hint="percent: divide by 100"
                             if 1 < value <= 100 else None) for row, value in bad.items()]
    if problems:
        raise TableError(in_their_words(problems, columns))
    frame = frame.copy()
    for column, blank in (("suite", ""), ("score_format", ""), ("held_out", "no")):
        values = frame[column].fillna("") if column in frame else pd.Series("", frame.index)
        frame[column] = values.astype(str).where(values.astype(str) != "", blank)
    if "model" not in frame:
        frame["model"] = [f"row {row}" for row in frame.index]
    if "eval_set" not in frame:
        frame["eval_set"] = frame["benchmark"]
    return frame, file


def _tasks(tasks: list[str], frame: pd.DataFrame, file: str) -> list[str]:
    """The benchmarks asked for, as the pairs call them."""
    known = list(dict.fromkeys(frame["benchmark"].astype(str)))
    if ALL in tasks:
        return known
    plain = {one.lower(): one for one in known}
    problems = [Problem("no pairs of such a task", file=file, given=one,
                        allowed=", ".join([*known, ALL]), hint=did_you_mean(one, known))
                for one in tasks if one.lower() not in plain]
    if problems:
        raise InputError(problems)
    return [plain[one.lower()] for one in tasks]


def _chance(group: pd.DataFrame, benchmark: str, chances: Mapping[str, float],
            chance: float | None, file: str) -> float:
    """The score by guessing: as asked, of the pairs, or of the table of benchmarks."""
    if chance is not None:
        return chance
    if "chance" in group and group["chance"].notna().any():
        return float(group["chance"].dropna().iloc[0])
    plain = {name.lower(): value for name, value in chances.items()}
    if benchmark.lower() in plain:
        return float(plain[benchmark.lower()])
    raise InputError(Problem(
        "the score by guessing is not known", file=file, given=benchmark,
        hint="add a column chance, name it in benchmarks.csv, or say --chance, such as 0.25 for "
             "four options and 0 for free answers"))
