"""``whatif``: did this model move the frontier, or what would a planned one score?"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from densing_bayes.errors import InputError
from densing_bayes.intervals import probability
from densing_bayes.questions.newcomer import Newcomer
from densing_bayes.questions.whatif import WhatIf
from densing_bayes.questions.whatif import whatif as ask
from densing_bayes.specs import ModelSpec
from densing_bayes.verbs.answer import Answer, printed_frame
from densing_bayes.verbs.opening import Data, opened
from densing_bayes.verbs.spec import day_of
from densing_bayes.verbs.steps import Progress, steps


def whatif(size: float, date: str | dt.date, scores: Mapping[str, float] | None = None,
           data: Data = None, *, family: str | None = None, active: float | None = None,
           bits: float = 16.0, refit: bool = False, spec: str | Path | ModelSpec = "densing",
           seed: int | None = None, fit: str | Path | None = None, skip_bad: bool = False,
           progress: Progress = False, **options: Any) -> Answer:
    """What a new base model with open weights would be, and what it would move.

    Parameters
    ----------
    size, active
        Parameters held, and used per token (None: all).
    date
        Release, YYYY-MM-DD.
    scores
        Benchmark -> score, 0 to 1. None: a planned model, and the scores to be expected.
    family
        A family of the fit that it belongs to; None: a new one.
    bits
        Per weight; counts where the spec's size is cost.
    refit
        Fit again, with the model in the tables, where importance weights do not hold.
    data, spec, seed, fit, skip_bad, progress, options
        As in `densing_bayes.growth`.

    Returns
    -------
    Answer
        ``values`` is a `densing_bayes.questions.whatif.WhatIf`. Refused where the weights do
        not hold and it was not fitted again.

    Examples
    --------
    >>> import densing_bayes as db
    >>> db.whatif(4e9, "2026-06-20", {"MMLU": .79, "MATH": .61})  # doctest: +SKIP
    """
    day = day_of(date)
    if day is None:
        raise InputError("name the day of release (allowed: YYYY-MM-DD)")
    model = Newcomer(day, float(size), dict(scores or {}), family, active, bits)
    with steps(progress) as step:
        context = opened(data, spec=spec, seed=seed, fit=fit, skip_bad=skip_bad, progress=step,
                         **options)
        found = ask(context, model, refit=refit)
    said = found.to_dict()
    lines = words(found, said)
    table = score_table(said)
    answer = Answer(" ".join(lines), table, said, found,
                    printed="\n".join([*lines, "", printed_frame(table)]))
    return answer.gated(found.holds, f"Pareto k {found.pareto_k:.2f}, effective sample size "
                                     f"{found.ess:.0f} of {len(found.density)}; fit again with "
                                     f"--refit")


def words(found: WhatIf, said: dict[str, Any]) -> list[str]:
    """The answer in sentences."""
    model, d, rank = found.model, said["density"], said["rank"]
    moves = said["moves"]
    what = (f"A base model of {model.params / 1e9:g}B parameters, released on {model.date}"
            + (f" by {model.family}" if model.family else "") + ",")
    if not model.scores:
        best = moves["best_available"]["before"]
        return [f"{what} can be expected at a density of {d['median']:.1f} ({found.interval}: "
                f"{d['low']:.2f} to {d['high']:.1f}); the frontier of that day stands at "
                f"{moves['frontier']['before']['median']:.1f}, the best available at "
                f"{best['median']:.1f}. The probability of a record is "
                f"{probability(found.p_record)}."]
    lines = [f"{what} with " + ", ".join(f"{name} {score:.3g}" for name, score in
                                         model.scores.items())
             + f" has a density of {d['median']:.1f} ({found.interval}: {d['low']:.1f} to "
               f"{d['high']:.1f}), rank {rank['median']:.0f} ({rank['low']:.0f} to "
               f"{rank['high']:.0f}) of {rank['of']}."]
    if not found.eligible:
        return [*lines, "It would count neither for the frontier nor for records: too few "
                        "benchmarks have seen it."]
    lines.append(f"The probability of a new record is {probability(found.p_record)}, of a place "
                 f"above the frontier {probability(found.p_above)}.")
    lines.append("It moves " + ", ".join(
        f"{name} from {one['before']['median']:.2f} to {one['after']['median']:.2f}{unit}"
        for name, unit, one in (
            ("the best available", "", moves["best_available"]),
            ("the frontier", "", moves["frontier"]),
            ("its growth over twelve months", " per year", moves["growth_last_12_months"]))) + ".")
    return lines


def score_table(said: dict[str, Any]) -> pd.DataFrame:
    """A row per benchmark: what it scored, how it pulls, what a record and a day ask for."""
    def cell(value: dict[str, float]) -> str:
        return f"{value['median']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"

    scores = said["model"]["scores"]
    return pd.DataFrame([{
        "benchmark": name, **({"score": f"{scores[name]:.3f}" if name in scores else "",
                               "pull (ln density)": f"{said['pulls'][name]:+.2f}"
                               if name in said["pulls"] else ""} if scores else {}),
        "record needs": cell(said["needed_for_record"][name]),
        "typical release": cell(levels["typical"]), "on the frontier": cell(levels["frontier"]),
    } for name, levels in said["expected"].items()])
