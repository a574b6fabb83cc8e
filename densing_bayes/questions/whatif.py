"""What if a model of this size with these scores were released: did it move the frontier?

From a saved fit, by importance weights of its draws (`densing_bayes.questions.newcomer`); or by
fitting again with the model in the tables, where weights cannot say.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.context import Context
from densing_bayes.errors import InputError, Problem, did_you_mean
from densing_bayes.importance import K_MAX
from densing_bayes.intervals import Interval
from densing_bayes.joint.growth import SEGMENT
from densing_bayes.joint.quantities import (
    LATER,
    best_available,
    frontier_path,
    growth_between,
    typical_release,
    years_of,
)
from densing_bayes.questions.growth import ends
from densing_bayes.questions.newcomer import Draws, Newcomer, Question, weighted
from densing_bayes.questions.windows import years_since

NAME = "what-if"  # of the new model in the tables of another fit
ESS_MIN = 100  # of the weights: enough for a probability to a twentieth
Summary = dict[str, float]


@dataclass(frozen=True, eq=False)
class State:
    """What stands on the new model's day, the model itself left out, in weighted draws.

    Parameters
    ----------
    best, frontier
        Ln density of the best available and of the frontier, (sample, 1).
    growth
        Of the frontier over twelve months, 1/year, (sample, 1).
    weight
        Of each sample, summing to 1.
    """

    best: np.ndarray
    frontier: np.ndarray
    growth: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True, eq=False)
class WhatIf:
    """The answer about one new model.

    Parameters
    ----------
    density, rank
        Ln density, and place among the eligible models released by its day (1 is the densest),
        (sample, any), to be read with the weights of ``after``.
    rivals
        How many those are.
    before, after
        Without it, and with what its scores say.
    eligible
        Whether it counts for the frontier and for records.
    pulls
        Benchmark -> median ln density with all scores less that without this one.
    needed
        Benchmark -> score of a model as dense as the best available, at its size and date.
    expected
        Benchmark -> ``typical``, ``frontier``: score of a typical release of its size and date,
        and of one on the frontier.
    pareto_k, ess
        What the weights are worth; NaN after fitting again.
    """

    model: Newcomer
    density: np.ndarray
    rank: np.ndarray
    rivals: int
    before: State
    after: State
    eligible: bool
    pulls: dict[str, float]
    needed: dict[str, Summary]
    expected: dict[str, dict[str, Summary]]
    pareto_k: float
    ess: float
    refitted: bool
    interval: Interval

    @property
    def holds(self) -> bool:
        """Whether the draws can stand for the posterior with the new model in it."""
        return self.refitted or (self.pareto_k <= K_MAX and self.ess >= ESS_MIN)

    def probability(self, event: np.ndarray) -> float:
        """Of what is so in some draws of ``after``."""
        return float(self.after.weight @ np.asarray(event, float).mean(axis=1))

    @property
    def p_record(self) -> float:
        """That it is denser than every eligible model released by its day."""
        return self.probability(self.density > self.after.best)

    @property
    def p_above(self) -> float:
        """That it lies above the frontier of its day."""
        return self.probability(self.density > self.after.frontier)

    def moves(self) -> dict[str, dict[str, Summary | float]]:
        """Best available, frontier (densities) and growth (1/year): before, after, difference.

        The difference is that of the medians: the frontier's draws are the same before and
        after, and only their weights change.
        """
        best = self.after.best
        if self.eligible and self.model.scores:
            best = np.maximum(best, self.density)
        out: dict[str, dict[str, Summary | float]] = {}
        for name, before, after in (
                ("best_available", np.exp(self.before.best), np.exp(best)),
                ("frontier", np.exp(self.before.frontier), np.exp(self.after.frontier)),
                ("growth_last_12_months", self.before.growth, self.after.growth)):
            was = weighted(before, self.before.weight, self.interval)
            now = weighted(after, self.after.weight, self.interval)
            out[name] = {"before": was, "after": now, "difference": now["median"] - was["median"]}
        return out

    def to_dict(self) -> dict[str, Any]:
        """Plain values; densities, not their logarithms."""
        model = self.model
        return {
            "model": {"date": str(model.date), "params": model.params, "active": model.active,
                      "bits": model.bits, "family": model.family, "scores": dict(model.scores)},
            "interval": {"prob": self.interval.prob, "kind": self.interval.kind},
            "density": weighted(np.exp(self.density), self.after.weight, self.interval),
            "rank": weighted(self.rank, self.after.weight, self.interval) | {"of": self.rivals + 1},
            "eligible": self.eligible, "p_record": self.p_record if self.eligible else None,
            "p_denser_than_best": self.p_record, "p_above_frontier": self.p_above,
            "moves": self.moves(), "pulls": self.pulls, "needed_for_record": self.needed,
            "expected": self.expected,
            "diagnostics": {"method": "fitted again" if self.refitted else "importance weights",
                            "pareto_k": self.pareto_k, "ess": self.ess, "passed": self.holds},
        }


def whatif(context: Context, model: Newcomer, *, refit: bool = False) -> WhatIf:
    """What a new model would be, and what it would move.

    Parameters
    ----------
    refit
        Fit again, with the model in the tables, where importance weights do not hold.

    Raises
    ------
    InputError
        Scores, family or date that the fit cannot place.
    """
    check(context, model)
    draws = Draws.of(context)
    eligible = counts(context, model)
    question = Question(context, draws, model, eligible=eligible)
    placed = question.placed()
    day = question.years
    middle = float(weighted(placed.density, placed.weight, context.interval)["median"])
    even = np.full(len(placed.weight), 1 / len(placed.weight))
    best = draws.at(best_available, [day])
    typical = draws.at(typical_release, [day])

    levels = {"best": best, "typical": typical, "frontier": question.frontier}
    at_levels = {name: question.expected(name, np.hstack(list(levels.values()))).expected
                 for name in question.benchmarks}
    expected = {name: {level: weighted(scores[:, [k]], even, context.interval)
                       for k, level in enumerate(levels)} for name, scores in at_levels.items()}
    needed = {name: by_level.pop("best") for name, by_level in expected.items()}
    pulls = {name: middle - float(weighted(left.density, left.weight, context.interval)["median"])
             for name in model.scores for left in [question.placed(without=name)]}
    before = State(best, question.frontier, _growth(context, draws, model), even)
    rank, rivals = _rank(draws, placed.density, day)
    found = WhatIf(
        model, placed.density, rank, rivals, before, replace(before, weight=placed.weight),
        eligible, pulls, needed, expected, placed.pareto_k, placed.ess, False,
        context.interval)
    if found.holds or not refit:
        return found
    return _refitted(context, found)


def check(context: Context, model: Newcomer) -> None:
    """InputError for what the fit cannot place, everything at once."""
    data = context.observations.data
    known = [str(name) for name in data["benchmark"].values]
    problems = [Problem("no such benchmark in the fit", given=name, allowed=", ".join(known),
                        hint=did_you_mean(name, known))
                for name in model.scores if name not in known]
    problems += [Problem(f"a score of {name} is no number from 0 to 1", given=score,
                         hint="this looks like percent: divide by 100" if 1 < score <= 100
                         else None)
                 for name, score in model.scores.items() if not 0 <= score <= 1]
    if model.active is not None and model.active > model.params:
        problems.append(Problem("more parameters are used than there are", given=model.active,
                                allowed=f"at most {model.params:g}"))
    families = [str(name) for name in context.curves["family"].values]
    if model.family is not None and model.family not in families:
        problems.append(Problem(
            "no such family in the fit", given=model.family,
            hint=did_you_mean(model.family, families) or "leave it out for a new family"))
    first, last = ends(context.derived)
    until = last + dt.timedelta(days=int(365.25 * SEGMENT * LATER))
    if not first <= model.date <= until:
        problems.append(Problem("the date lies outside what the fit can tell",
                                given=str(model.date), allowed=f"{first} to {until}"))
    if problems:
        raise InputError(problems)


def counts(context: Context, model: Newcomer) -> bool:
    """Whether a model with these scores counts for the frontier and for records.

    A model without scores is asked about as one that will.
    """
    if not model.scores:
        return True
    options = context.spec.options
    variant_of, domain = (dict(zip(map(str, context.marks["benchmark"].values),
                                   map(str, context.marks[name].values), strict=True))
                          for name in ("variant_of", "domain"))
    names = {variant_of[name] or name for name in model.scores}
    domains = {domain.get(name) or name for name in names}
    if (len(names) >= options["eligible_benchmarks"]
            or len(domains) >= options["eligible_domains"]):
        return True
    # where the rule would leave too few, the fit does not apply it
    data = context.observations.data
    seen = ((data["n_benchmarks"].values >= options["eligible_benchmarks"])
            | (data["n_domains"].values >= options["eligible_domains"]))
    return bool((context.derived["eligible"].values & ~seen).any())


def _growth(context: Context, draws: Draws, model: Newcomer) -> np.ndarray:
    """Growth of the twelve months to the model's day, or to the fit's last, if that is later."""
    last = max(float(years_since(model.date)), float(years_since(ends(context.derived)[1])))
    first = max(last - 1, float(years_since(ends(context.derived)[0])))
    return draws.at(growth_between, first, last)


def _rank(draws: Draws, density: np.ndarray, day: float) -> tuple[np.ndarray, int]:
    """Place among the eligible models released by a day, and how many they are."""
    derived = draws.derived
    among = derived["eligible"].values & (years_of(derived["date"].values) <= day)
    among &= derived["model"].values != NAME
    rivals = draws.of_models("log_density")[:, among]
    place = [(rivals >= one[:, None]).sum(axis=1) for one in density.T]
    return 1 + np.stack(place, axis=1), int(among.sum())


def _refitted(context: Context, found: WhatIf) -> WhatIf:
    """The same answer of a fit with the model in its tables."""
    context.progress("fitting again, with the new model in the tables")
    again = Context(with_model(context, found.model), context.spec, context.progress)
    if not again.diagnostics["passed"]:
        return found
    draws, day = Draws.of(again), float(years_since(found.model.date))
    at = list(map(str, draws.derived["model"].values)).index(NAME)
    density = draws.of_models("log_density")[:, [at]]
    others = Draws(draws.curves, draws.derived.isel(
        model=np.flatnonzero(draws.derived["model"].values != NAME)))
    rank, _ = _rank(others, density, day)
    weight = np.full(len(density), 1 / len(density))
    after = State(others.at(best_available, [day]), draws.at(frontier_path, [day]),
                  _growth(again, draws, found.model), weight)
    return replace(found, density=density, rank=rank, after=after, refitted=True,
                   pareto_k=float("nan"), ess=float("nan"))


def with_model(context: Context, model: Newcomer) -> Any:
    """The tables with the new model in them: a base model with open weights."""
    tables, options = context.tables, context.spec.options
    group = model.family or NAME
    row = {
        "model": NAME, "release_date": pd.Timestamp(model.date), "params_total": model.params,
        "params_active": model.active or model.params, "type": "base", "weights": "open",
        "precision_bits": model.bits, "family": NAME, "organization": NAME,
        "architecture": "moe" if model.active and model.active < model.params else "dense",
    } | ({options["group"]: group} if options["group"] != "model" else {})
    scores = [{"model": NAME, "benchmark": name, "score": value, "source": NAME}
              for name, value in model.scores.items()]
    mark = hashlib.sha256(repr(model).encode()).hexdigest()
    return replace(tables, models=_appended(tables.models, [row]),
                   scores=_appended(tables.scores, scores),
                   sha256={**tables.sha256, NAME: mark})


def _appended(frame: pd.DataFrame, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A table with more rows; what they do not say is unknown."""
    unknown = {column: "" if pd.api.types.is_string_dtype(kind) else
               pd.NaT if kind.kind == "M" else np.nan for column, kind in frame.dtypes.items()}
    more = pd.DataFrame([unknown | row for row in rows])[list(frame.columns)]
    return pd.concat([frame, more.astype(frame.dtypes.to_dict())], ignore_index=True)
