"""The price of a fixed capability: how fast the cheapest offer of at least that score falls.

A threshold is a value on a scale of capability (`capability.Scale`: a score on one benchmark,
or an effective size); an offer is a row of prices.csv whose model reaches it. Rises are rows
like any other. What the fall is set beside: the way it is usually published, a line through the
record lows (`record_halving`), and the growth of density (`split_fall`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.corollaries.capability import (
    FEWEST_OFFERS,
    FILE,
    SOURCES,
    Scale,
    scores_of,
    thresholds_of,
)
from densing_bayes.corollaries.draws import pair, years_of
from densing_bayes.errors import GateError, InputError, Problem, did_you_mean
from densing_bayes.intervals import Interval, summary, time_of
from densing_bayes.priors import Prior
from densing_bayes.specs import ModelSpec
from densing_bayes.trends import DAYS_PER_MONTH, doubling_set

BASES = {"blend": "3:1 blend of input and output price", "input": "input price"}
WINDOW = "2024-10-31"  # end of the window of published fits


# -- offers -----------------------------------------------------------------------------------


def prices_of(prices: pd.DataFrame, basis: str) -> pd.Series:
    """USD per million tokens: input only, or three parts input to one part output.

    Examples
    --------
    The two points of the paper, on one basis: 152-fold instead of the published 266.7.

    >>> both = pd.DataFrame({"input_usd_per_m": [20, 0.075], "output_usd_per_m": [20, 0.3]})
    >>> start, end = prices_of(both, "blend")
    >>> round(start / end), round(20 / 0.075, 1)
    (152, 266.7)
    """
    if basis not in BASES:
        raise InputError(Problem("unknown price basis", given=basis, allowed=", ".join(BASES),
                                 hint=did_you_mean(basis, BASES)))
    if basis == "input":
        return prices["input_usd_per_m"]
    return (3 * prices["input_usd_per_m"] + prices["output_usd_per_m"]) / 4


def offers(prices: pd.DataFrame, threshold: float, source: str = "helm",
           basis: str = "blend", scale: Scale | None = None) -> pd.DataFrame:
    """Offers of at least a capability, by date: model, provider, date, price, score.

    Parameters
    ----------
    scale
        What the threshold is a value of; by default MMLU as ``source`` reports it.

    Raises
    ------
    InputError
        Unknown basis or family, a threshold outside the scale, too few offers, or all of one day.
    """
    scale = scale or Scale("MMLU", source, scores_of(prices, source))
    scale.check(threshold)
    frame = prices[["model", "provider", "date"]].assign(
        price=prices_of(prices, basis), score=scale.values)
    frame = frame[(frame["score"] >= threshold) & (frame["price"] > 0)]
    if len(frame) < FEWEST_OFFERS:
        raise InputError(Problem(f"{len(frame)} offers reach {scale.words(threshold)}", file=FILE,
                                 given=threshold, allowed=f"at least {FEWEST_OFFERS} offers",
                                 hint="lower the threshold or take another scale (--benchmark, "
                                      "--effective) or family of scores"))
    if frame["date"].nunique() < 2:
        raise InputError(Problem("all offers are of one day: no fall can be seen", file=FILE,
                                 column="date", given=str(frame["date"].iloc[0].date())))
    return frame.sort_values(["date", "price"]).reset_index(drop=True)


def standing(offered: pd.DataFrame) -> pd.DataFrame:
    """The cheapest price on the market after each day on which it changed; rises are kept.

    An offer stands until its provider lists another price for the same model; no row says when
    an offer was withdrawn.

    Examples
    --------
    >>> rows = [("a", "2024-01-01", 4.0), ("b", "2024-02-01", 2.0), ("b", "2024-03-01", 8.0)]
    >>> frame = pd.DataFrame(rows, columns=["model", "date", "price"]).assign(provider="x")
    >>> frame["date"] = pd.to_datetime(frame["date"])
    >>> standing(frame)[["model", "price", "event"]].to_records(index=False).tolist()
    [('a', 4.0, 'first'), ('b', 2.0, 'fall'), ('a', 4.0, 'rise')]
    """
    current: dict[tuple[str, str], float] = {}
    rows: list[dict[str, Any]] = []
    for date, day in offered.groupby("date", sort=True):
        for row in day.sort_values("price", ascending=False).itertuples():
            current[(row.model, row.provider)] = row.price
        (model, provider), price = min(current.items(), key=lambda item: item[1])
        before = rows[-1]["price"] if rows else None
        if price != before:
            event = "first" if before is None else "fall" if price < before else "rise"
            rows.append({"date": date, "model": model, "provider": provider, "price": price,
                         "event": event})
    return pd.DataFrame(rows)


def record_halving(offered: pd.DataFrame, until: str | None = None) -> tuple[float, int]:
    """Halving time in months of a line through the record lows, and their number.

    The way published figures are made: only offers cheaper than all before count. The interval
    of such a line means nothing: the points are selected. NaN where only one offer is a record.
    """
    rows = offered if until is None else offered[offered["date"] <= pd.Timestamp(until)]
    best = rows.sort_values(["date", "price"]).drop_duplicates("date")
    best = best[best["price"] < best["price"].cummin().shift(fill_value=np.inf)]
    if len(best) < 2:
        return float("nan"), len(best)
    months = (best["date"] - best["date"].min()).dt.days / DAYS_PER_MONTH
    slope = np.polyfit(months, np.log2(best["price"]), 1)[0]
    return float(-1 / slope), len(best)


# -- the frontier -----------------------------------------------------------------------------


def inputs(offered: pd.DataFrame, *, until: pd.Timestamp, check_months: float,
           broken: bool) -> dict[str, Any]:
    """Tables of family ``prices``: offers, checks of standing offers, the setting.

    Every ``check_months`` after the first offer, a period without a new low gives one censored
    term: the price that stands then.
    """
    time = np.array([years_of(day.date()) for day in offered["date"]])
    market = standing(offered)
    change = np.array([years_of(day.date()) for day in market["date"]])
    step = check_months / 12
    check_time, check_price = [], []
    for at in np.arange(time[0] + step, years_of(until.date()) + 1e-9, step):
        recent = (change > at - step) & (change <= at)
        if not (market["event"][recent] == "fall").any():
            check_time.append(at)
            check_price.append(market["price"][change <= at].iloc[-1])
    return {
        "offers": {"time": time, "cheapness": -np.log(offered["price"].to_numpy(float))},
        "checks": {"time": np.array(check_time, dtype=float),
                   "cheapness": -np.log(np.array(check_price, dtype=float))},
        "setting": {"centre": [time.mean()], "first": [time[0]], "last": [time[-1]],
                    "broken": [float(broken)]},
    }


@dataclass(frozen=True)
class Case:
    """One fit: what is asked, its offers, and the draws of its frontier.

    ``role`` is 'main', 'input' (price of input alone), 'break', or 'published' (the mixing of
    published fits). ``draws`` has the yearly falls ``fall`` (of the line through the middle of
    the offers), ``before`` and ``after`` the ``break_time``, and ``origin``: ln price before any
    break, carried on to the offers' mean time.
    """

    name: str
    threshold: float
    source: str
    basis: str
    broken: bool
    offers: pd.DataFrame
    tables: dict[str, Any]
    draws: xr.Dataset
    diagnostics: dict[str, Any]
    prior_of_change: Prior
    role: str = "main"
    label: str = ""  # the capability, in words

    def log_price(self, years: np.ndarray) -> np.ndarray:
        """Ln price of the frontier, shape (sample, time)."""
        d = {name: self.draws[name].to_numpy().ravel()[:, None] for name in self.draws}
        bent = np.maximum(years - d["break_time"], 0) * (d["after"] - d["before"])
        return d["origin"] - d["before"] * (years - self.tables["setting"]["centre"][0]) - bent

    @property
    def falls(self) -> dict[str, np.ndarray]:
        """Draws of the yearly fall of ln price, by period."""
        names = {"before": "before", "after": "after"} if self.broken else {"throughout": "fall"}
        return {period: self.draws[name].to_numpy().ravel() for period, name in names.items()}


@dataclass(frozen=True)
class PriceStudy:
    """All cases of one compiled model.

    ``refused`` names the fits beside the main ones that the diagnostics gate refused: they are
    no cases, and nothing is told of them.
    """

    spec: ModelSpec
    until: pd.Timestamp
    scale: Scale
    cases: list[Case] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def thresholds(self) -> list[float]:
        """Capabilities, in the order asked."""
        return list(dict.fromkeys(case.threshold for case in self.cases))

    @property
    def main(self) -> Case:
        """The case of the lowest threshold, blended price, no break."""
        return min((case for case in self.cases if case.role == "main"),
                   key=lambda case: case.threshold)

    @property
    def bent(self) -> Case | None:
        """The main case with a break, if its fit passed."""
        return next((case for case in self.cases if case.role == "break"
                     and case.threshold == self.main.threshold), None)

    @property
    def as_published(self) -> list[Case]:
        """Scores of any source: all offers, and those of the window (missing if too few)."""
        return [case for case in self.cases if case.role == "published"]

    @property
    def passed(self) -> bool:
        """Whether every fit that is told passed its diagnostics."""
        return all(case.diagnostics["passed"] for case in self.cases)


def reachable(prices: pd.DataFrame, spec: ModelSpec, *, scale: Scale | None = None,
              thresholds: Sequence[float] | None = None,
              ) -> tuple[pd.DataFrame, Scale, list[float]]:
    """Prices of the usual tier, their scale, and thresholds that enough offers reach.

    Parameters
    ----------
    scale, thresholds
        As in `fit_prices`.

    Raises
    ------
    InputError
        For a threshold that too few offers reach, or offers of one day only.
    """
    usual = prices["tier"] == "" if "tier" in prices else pd.Series(True, index=prices.index)
    scale = scale or Scale("MMLU", spec.options["source"], scores_of(
        prices, spec.options["source"]))
    scale, prices = replace(scale, values=scale.values[usual]), prices[usual]
    wanted = list(thresholds) if thresholds is not None else thresholds_of(
        scale, prices_of(prices, "blend") > 0, spec.options["thresholds"])
    for threshold in wanted:
        offers(prices, threshold, scale=scale)
    return prices, scale, wanted


def fit_prices(prices: pd.DataFrame, spec: ModelSpec, *, scale: Scale | None = None,
               thresholds: Sequence[float] | None = None,
               progress: Callable[[str], None] = lambda step: None) -> PriceStudy:
    """Falls of the price of every threshold, on both bases, with and without a break.

    The break is asked of the blended price alone. Last comes the lowest threshold with scores
    of any source and with offers up to October 2024 (`WINDOW`): the mixing and the window of
    published fits, where enough offers are left. A fit beside the main ones (input price, break,
    as published) that the diagnostics gate refuses is left out by name.

    Parameters
    ----------
    scale
        What thresholds are values of; by default MMLU by the spec's family of sources.
    thresholds
        None: the spec's, as far as enough offers reach them.

    Raises
    ------
    InputError
        Too few offers.
    GateError
        The fit of a threshold itself did not pass.
    """
    from densing_bayes import checks, fitting
    from densing_bayes.families import prices as family
    from densing_bayes.families.blocks import matrix

    prices, scale, wanted = reachable(prices, spec, scale=scale, thresholds=thresholds)
    asked = [(threshold, scale, basis, role, None) for threshold in wanted
             for basis, role in (("blend", "main"), ("input", "input"), ("blend", "break"))]
    if scale.source in SOURCES:
        mixed = Scale("MMLU", "any", scores_of(prices, "any"))
        asked += [(min(wanted), mixed, "blend", "published", until) for until in (None, WINDOW)]
    end = pd.Timestamp(prices["date"].max())
    compiled, cases, refused = None, [], []
    for threshold, on, basis, role, until in asked:
        seen = prices if until is None else prices[prices["date"] <= until]
        try:
            offered = offers(seen, threshold, basis=basis,
                             scale=replace(on, values=on.values[seen.index]))
        except InputError:
            if role == "main":
                raise
            continue  # too few for this comparison
        broken = role == "break"
        tables = inputs(offered, until=end if until is None else pd.Timestamp(until),
                        check_months=spec.options["check_months"], broken=broken)
        compiled = compiled or fitting.compile_model(family.build(tables, spec))
        name = f"{on.source} {threshold:g} {basis}{' break' if broken else ''}{until or ''}"
        progress(f"price of {name}")
        names = ["level", "fall", "omega", "q"]
        bent = ["before", "after", "break_time"]
        try:
            tree, gate = checks.sampled(
                compiled, spec.sampling, [*names, *bent] if broken else names, case=name,
                priors=spec.priors, data={key: matrix(columns) for key, columns in tables.items()})
        except GateError:
            if role == "main":
                raise
            refused.append(name)
            continue
        draws = tree["posterior"].to_dataset()[[*names, *bent, "origin"]]
        cases.append(Case(name, threshold, on.source, basis, broken, offered, tables, draws, gate,
                          spec.priors["change"], role, on.words(threshold)))
    return PriceStudy(spec, end, scale, cases, refused)


def break_verdict(case: Case) -> dict[str, float]:
    """What a fit with a break says of it.

    Returns
    -------
    dict
        ``p_slower``: probability that prices fall slower after it; ``odds_of_none``: density
        of no change, posterior over prior (Savage-Dickey; above one speaks for no break);
        ``after_over_before``: median ratio of the falls.
    """
    from scipy.stats import gaussian_kde  # imports for a second

    change = (case.draws["after"] - case.draws["before"]).to_numpy().ravel()
    at_zero = float(np.exp(case.prior_of_change.logpdf(0.0)))
    return {"p_slower": float((change < 0).mean()),
            "odds_of_none": float(gaussian_kde(change)(0.0)[0] / at_zero),
            "after_over_before": float(np.median(case.falls["after"] / case.falls["before"]))}


# -- what follows -----------------------------------------------------------------------------


def halving(fall: Any, interval: Interval) -> dict[str, Any]:
    """The yearly fall of ln price, and the halving time in months as a set.

    Where the interval of the fall holds zero the set has two rays; negative months are times
    in which the price doubles.
    """
    rate = summary(fall, interval)
    months = [[12 * low, 12 * high] for low, high in doubling_set(rate["low"], rate["high"])]
    return {"fall_per_year": rate, "p_fall": float((np.asarray(fall) > 0).mean()),
            "halving_months": {
                "median": 12 * time_of(rate["median"], rate["low"], rate["high"]), "set": months}}


def split_fall(fall: Any, density: Any, chips: Any, rng: np.random.Generator) -> dict[str, Any]:
    """The yearly fall of ln price as density plus chips plus the rest, draw by draw.

    At fixed capability a model of density rho has 1/rho the parameters, so that its cost falls
    at the rate of density, and further at the rate at which chips get cheaper. What remains is
    neither: margins, competition, subsidy, sparsity, batching. It is negative where prices
    fell less than density and chips alone would have them.

    Parameters
    ----------
    fall, density, chips
        Draws of three independent posteriors, 1/year.

    Returns
    -------
    dict
        Draws of ``fall``, ``density``, ``chips``, ``rest``.

    Examples
    --------
    >>> one = np.ones(4)
    >>> split_fall(3 * one, 2 * one, 0.25 * one, np.random.default_rng(0))["rest"].tolist()
    [0.75, 0.75, 0.75, 0.75]
    """
    density = np.asarray(density, dtype=float).ravel()
    fall = pair(fall, len(density), rng)
    chips = pair(chips, len(density), rng)
    return {"fall": fall, "density": density, "chips": chips, "rest": fall - density - chips}
