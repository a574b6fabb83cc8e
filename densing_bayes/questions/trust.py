"""Can one trust the fit? Each check with what is asked, what was found, and a verdict.

A verdict is yes or no, or open where the tables do not allow the check. None is a gate: a check
that failed is told, and what it means with it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.context import Context
from densing_bayes.errors import InputError
from densing_bayes.joint.predict import replicated_records, residual_trends, score_coverage
from densing_bayes.joint.quantities import best_available, frontier_path
from densing_bayes.questions.refits import Refit, refits
from densing_bayes.questions.windows import years_since
from densing_bayes.studies.influence import influence
from densing_bayes.studies.sensitivity import NOTABLE, power_scaling

COVERED = (0.05, 0.07)  # so far below and above its probability the interval's share may lie
SHARE_ABOVE = 0.95  # of release dates at which the frontier lies at or above the best available
UNUSABLE = 0.05  # of the cut's rulers
APART = 1.0  # joint and cut, in sds of the joint
MOVED = 0.1  # of the growth: what the weakest models may move it by
SHIFTED = 1.0  # sds: what any one family may move the growth by
SMOOTH = 0.7  # Pareto's k from which weights cannot be trusted
THINNED = 2_000  # draws for power scaling
FAMILY_DRAWS = 300  # draws for leaving families and models out


@dataclass(frozen=True)
class Check:
    """One check.

    Parameters
    ----------
    name, asked
        What is looked at, and what has to hold.
    found
        The number that is judged.
    holds
        'yes', 'no', or 'open'.
    says
        The finding in a sentence.
    expected, p
        Of a predictive check: the middle of what the model predicts, and the probability of at
        least what was observed.
    """

    name: str
    asked: str
    found: float
    holds: str
    says: str
    expected: float | None = None
    p: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"observed": self.found}


def verdict(holds: bool) -> str:
    """A verdict as a word."""
    return "yes" if holds else "no"


def predictive(context: Context, worlds: dict[str, np.ndarray], coverage: float,
               cells: int) -> list[Check]:
    """Do the data look like what the model predicts?"""
    prob = context.interval.prob
    low, high = prob - COVERED[0], min(prob + COVERED[1], 0.995)
    out = [Check("scores inside their predictive interval", f"{low:.0%} to {high:.0%}", coverage,
                 verdict(low <= coverage <= high),
                 f"{coverage:.1%} of {cells} scores lie inside their {prob:.0%} predictive "
                 f"interval", expected=prob)]
    for name, words, unit in (("count", "number of records", ""),
                              ("longest", "longest wait for a record (days)", " days")):
        observed = float(np.median(worlds[f"observed_{name}"]))
        middle, p = float(np.median(worlds[name])), float(
            (worlds[name] >= worlds[f"observed_{name}"]).mean())
        out.append(Check(words, "P between 0.05 and 0.95", observed, verdict(0.05 <= p <= 0.95),
                         f"{observed:.0f}{unit} in the data, {middle:.0f}{unit} in the middle of "
                         f"worlds drawn from the fit", expected=middle, p=p))
    return out


def trends(context: Context) -> tuple[Check, pd.DataFrame]:
    """Is a trend in date or size left in the residuals of a benchmark?"""
    found = residual_trends(context.cells, context.columns)
    table = pd.DataFrame({
        "benchmark": [str(name) for name in context.observations.data["benchmark"].values],
        "per year": found["date"], "error (year)": found["date_error"],
        "per nat of size": found["size"], "error (size)": found["size_error"]})
    ratio = {f"{name} in {what}": abs(value / error)
             for what, kind in (("date", "date"), ("size", "size"))
             for name, value, error in zip(table["benchmark"], found[kind],
                                           found[f"{kind}_error"], strict=True)}
    worst = max(ratio, key=lambda name: ratio[name])
    return Check("trends left in the residuals of a benchmark", "each within 2 standard errors",
                 float(ratio[worst]), verdict(ratio[worst] <= 2),
                 f"the largest of {len(ratio)} is {worst}, {ratio[worst]:.1f} standard errors "
                 f"from zero"), table


def frontier_above(context: Context) -> Check:
    """Does the frontier lie at or above the best available, as a boundary has to?"""
    derived = context.derived
    days = np.unique(derived["date"].values[derived["eligible"].values])
    years = years_since(days)
    middle = [path(derived, years).median(("chain", "draw")).values
              for path in (frontier_path, best_available)]
    share = float((middle[0] >= middle[1]).mean())
    return Check("frontier at or above the best available", f"on {SHARE_ABOVE:.0%} of the days",
                 share, verdict(share >= SHARE_ABOVE),
                 f"by posterior medians so on {share:.0%} of {len(years)} release days")


def priors(context: Context) -> Check:
    """Does a prior pull the growth away from the data (power scaling)?"""
    if not context.has_side("power scaling"):
        draws = context.posterior
        step = max(1, draws.sizes["chain"] * draws.sizes["draw"] // THINNED)
        part, derived = (one.isel(draw=slice(None, None, step))
                         for one in (draws, context.derived))
        table = power_scaling(part, derived, context.columns, context.observations, context.spec)
        rows = table[(table["kind"] == "prior") & (table["component"] != "all priors")]
        context.keep_side("power scaling", xr.Dataset(
            {"sensitivity": ("prior", rows["sensitivity"].to_numpy())},
            coords={"prior": rows["component"].str.removeprefix("prior of ").to_numpy(str)}))
    kept = context.side("power scaling")["sensitivity"]
    worst, value = str(kept.idxmax("prior").item()), float(kept.max())
    return Check("prior against data (power scaling of the growth)", f"below {NOTABLE}", value,
                 verdict(value <= NOTABLE), f"the prior that moves growth most is that of "
                 f"{worst}, with a sensitivity of {value:.3f}")


def rulers(context: Context) -> list[Check]:
    """Do ladder and scores tell one story about the ruler?"""
    unusable = float(context.cut.attrs["unusable_rulers"])
    rate = context.derived["rate"].values
    apart = float((context.cut["rate"].median() - np.median(rate)) / rate.std())
    return [
        Check("rulers that reach no upper reference score", f"below {UNUSABLE:.0%}", unusable,
              verdict(unusable < UNUSABLE),
              f"{unusable:.1%} of the rulers that ladder and pairs allow"),
        Check("growth with the ruler fixed by its ladder alone", f"within {APART:g} sd of the "
              f"joint fit's", apart, verdict(abs(apart) < APART),
              f"its median lies {abs(apart):.1f} sd {'below' if apart < 0 else 'above'}")]


def without(context: Context, found: list[Refit]) -> list[Check]:
    """Does the answer stand without the weakest models, and without the best family?"""
    rate = context.derived["rate"].values
    now, out = float(np.median(rate)), []
    for one in found:
        moved = float(np.median(one.rate)) / now - 1
        said = (f"growth is {np.median(one.rate):.2f} per year without them, {now:.2f} with them"
                if one.kind == "weak" else
                f"growth is {np.median(one.rate):.2f} per year without it, {now:.2f} with it")
        if one.kind == "weak":
            out.append(Check(f"growth {one.name}", f"moved by less than {MOVED:.0%}", moved,
                             verdict(abs(moved) < MOVED) if one.trusted else "open", said))
        if one.kind == "family":
            shift = float((np.mean(one.rate) - rate.mean()) / rate.std())
            out.append(Check(f"growth {one.name}, that of the best available",
                             f"moved by less than {SHIFTED:g} sd", shift,
                             verdict(abs(shift) < SHIFTED) if one.trusted else "open", said))
    return out


def left_out(context: Context, group: str) -> pd.DataFrame:
    """What growth does when each 'family' or 'model' is left out, by importance weights.

    Returns
    -------
    DataFrame
        By name: ``mean`` growth without it less that with it, 1/year; ``shift``, the same in sds;
        ``pareto_k`` of the weights.
    """
    if not context.has_side("left out"):
        context.progress("leaving out families and models one at a time")
        draws = context.posterior
        step = -(-draws.sizes["chain"] * draws.sizes["draw"] // FAMILY_DRAWS)
        part, derived = (one.isel(draw=slice(None, None, step))
                         for one in (draws, context.derived))
        table = influence(part, derived, context.columns, context.observations, context.spec,
                          ("family", "model"))
        moved = table["mean"].to_numpy() - float(derived["rate"].mean())
        context.keep_side("left out", xr.Dataset(
            {"mean": ("row", moved), **{name: ("row", table[name].to_numpy(float))
                                        for name in ("shift", "pareto_k")}},
            coords={name: ("row", table[name].to_numpy(str)) for name in ("group", "name")}))
    found = context.side("left out").to_dataframe()
    return found[found["group"] == group].set_index("name")[["mean", "shift", "pareto_k"]]


def pulls(context: Context) -> list[dict[str, Any]]:
    """How far each model pulls growth, 1/year: with it less without it.

    None where leaving it out makes weights too uneven to tell.
    """
    found = left_out(context, "model")
    return [{"model": str(name), "pull": None if k > SMOOTH else -float(moved)}
            for name, moved, k in zip(found.index, found["mean"], found["pareto_k"], strict=True)]


def families(context: Context, refitted: tuple[str, ...]) -> Check | None:
    """Does any other family decide? Each left out in turn, by importance weights."""
    kept = left_out(context, "family")
    kept = kept[~kept.index.isin(refitted)]
    rough = kept[kept["pareto_k"] > SMOOTH]
    sure = kept.drop(rough.index)
    if sure.empty:
        return None
    worst: Any = sure["shift"].abs().idxmax()
    value = float(sure.loc[worst, "shift"])
    return Check("growth without any one other family", f"moved by less than {SHIFTED:g} sd",
                 value, verdict(abs(value) < SHIFTED),
                 f"of {len(sure)} families {worst} moves it most, by {abs(value):.1f} sd "
                 f"{'down' if value < 0 else 'up'} when left out"
                 + (f"; for {len(rough)} others the weights are too uneven to tell "
                    f"({', '.join(rough.index[:4])})" if len(rough) else ""))


def checks(context: Context) -> tuple[list[Check], pd.DataFrame, dict[str, Any]]:
    """Every check; the table of residual trends; draws for the pictures (``pit``, ``worlds``)."""
    coverage, pit = score_coverage(context.cells, context.interval, context.seed("coverage"))
    worlds = replicated_records(context.derived, context.columns, context.seed("records"))
    trend, table = trends(context)
    found, _ = refits(context)
    refitted = tuple(one.name.removeprefix("without family ") for one in found
                     if one.kind == "family")
    out = [*predictive(context, worlds, coverage, len(pit)), trend, frontier_above(context),
           priors(context), *rulers(context), *without(context, found)]
    try:
        other = families(context, refitted)
    except InputError:
        other = None
    return [*out, *([other] if other else [])], table, {"pit": pit, "worlds": worlds}
