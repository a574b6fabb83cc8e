"""What an offer is good for: a score on a benchmark, or an effective size.

A threshold is a value on one such scale. Prices carry MMLU by families of sources; on any other
benchmark the score of a sold model is the mean of its rows of scores.csv.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from densing_bayes.errors import InputError, Problem, did_you_mean

FILE = "prices.csv"
SOURCES = ("helm", "own-report", "other", "any")
FEWEST_OFFERS = 5  # level, slope and spread of a frontier
SIZE = "effective size"


@dataclass(frozen=True, eq=False)
class Scale:
    """Capability of each row of prices.csv.

    Parameters
    ----------
    what
        A benchmark's name, or 'effective size'.
    source
        Where the values are from: a family of sources of MMLU, 'scores.csv' or 'the fit'.
    values
        By row of the prices; NaN where the model has none.
    """

    what: str
    source: str
    values: pd.Series

    def words(self, threshold: float) -> str:
        """A threshold on this scale, in words.

        Examples
        --------
        >>> Scale("MMLU", "helm", pd.Series()).words(0.68)
        'MMLU 68.0%'
        >>> Scale("effective size", "the fit", pd.Series()).words(7e9)
        'effective size 7e+09'
        """
        return (f"{self.what} {threshold:.3g}" if self.what == SIZE
                else f"{self.what} {100 * threshold:.1f}%")

    def check(self, threshold: float) -> None:
        """InputError for a threshold that lies outside the scale."""
        if self.what == SIZE:
            if not (np.isfinite(threshold) and threshold > 0):
                raise InputError(Problem("an effective size is a positive number of parameters",
                                         given=threshold))
        elif not 0 < threshold < 1:
            raise InputError(Problem("a threshold is a score", given=threshold,
                                     allowed="a fraction between 0 and 1",
                                     hint="this looks like percent" if 1 < threshold < 100
                                     else None))


def scores_of(prices: pd.DataFrame, source: str) -> pd.Series:
    """MMLU of each row as one family of sources reports it; NaN where that family does not.

    ``any`` takes the score that dated the row, whoever reports it, as published fits do; the
    families differ by up to 15 points.
    """
    if source not in SOURCES:
        raise InputError(Problem("unknown family of scores", given=source,
                                 allowed=", ".join(SOURCES), hint=did_you_mean(source, SOURCES)))
    if "mmlu" not in prices or not prices["mmlu"].notna().any():
        raise InputError(Problem("no scores, so no capability to fix", file=FILE, column="mmlu"))
    if source == "any":
        return prices["mmlu"]
    own = prices["mmlu"].where(prices["mmlu_source"] == source)
    return own.fillna(prices["mmlu_alt"].where(prices["mmlu_alt_source"] == source))


def by_model(prices: pd.DataFrame, values: Mapping[str, float]) -> pd.Series:
    """A value of each sold model, by its name as the tables or as price lists spell it.

    Examples
    --------
    >>> sold = pd.DataFrame({"model": ["GPT-4o (2024-08-06)", "ash 7b", "other"]})
    >>> by_model(sold, {"gpt-4o": 0.8, "Ash-7B": 0.6}).tolist()
    [0.8, 0.6, nan]
    """
    from densing_bayes.importing.filling import key_of, price_key

    keys = {**{price_key(name): value for name, value in values.items()},
            **{key_of(name): value for name, value in values.items()}}
    found = prices["model"].map(dict(values)).astype(object).fillna(prices["model"].map(
        lambda name: keys.get(key_of(name)))).fillna(prices["model"].map(
            lambda name: keys.get(price_key(name))))
    return pd.to_numeric(found)


def scale_of(prices: pd.DataFrame, scores: pd.DataFrame, source: str, *,
             benchmark: str | None = None, sizes: Mapping[str, float] | None = None,
             fixed: bool = False) -> Scale:
    """The scale that is asked for, or the first on which enough offers stand.

    Parameters
    ----------
    source
        Family of sources of MMLU.
    benchmark
        Score on this one, by scores.csv (MMLU: of prices.csv where that has it).
    sizes
        Effective size by model: the scale is then that.
    fixed
        Whether ``source`` was asked for; otherwise any family will do where it has too few.

    Raises
    ------
    InputError
        An unknown benchmark; no scale with enough offers.
    """
    if sizes is not None:
        return Scale(SIZE, "the fit", by_model(prices, sizes))
    names = dict.fromkeys(scores["benchmark"])
    if benchmark is not None and benchmark not in names:
        raise InputError(Problem("no such benchmark in scores.csv", given=benchmark,
                                 allowed=", ".join(names), hint=did_you_mean(benchmark, names)))
    scored = "mmlu" in prices and prices["mmlu"].notna().sum() >= FEWEST_OFFERS
    if (benchmark is None and (scored or fixed)) or (benchmark == "MMLU" and scored):
        own = scores_of(prices, source)
        if fixed or own.notna().sum() >= FEWEST_OFFERS:
            return Scale("MMLU", source, own)
        return Scale("MMLU", "any", scores_of(prices, "any"))
    mean = scores.groupby(["benchmark", "model"])["score"].mean()
    found = {name: by_model(prices, mean[name].to_dict())
             for name in ([benchmark] if benchmark else names)}
    best = max(found, key=lambda name: found[name].notna().sum(), default=None)
    if best is None or found[best].notna().sum() < FEWEST_OFFERS:
        count = 0 if best is None else int(found[best].notna().sum())
        raise InputError(Problem(
            f"{count} prices are of models with a score" + (f" on {best}" if best else ""),
            file=FILE, column="model", allowed=f"at least {FEWEST_OFFERS}",
            hint="give the scores in the column mmlu, or in scores.csv under the names of "
                 "prices.csv"))
    return Scale(best, "scores.csv", found[best])


def thresholds_of(scale: Scale, sold: pd.Series, wanted: Sequence[float]) -> list[float]:
    """Those thresholds that enough offers reach; else the highest that three in five reach.

    Parameters
    ----------
    sold
        Whether each row has a price.
    wanted
        Usual thresholds, of MMLU.

    Examples
    --------
    >>> scale = Scale("Own", "scores.csv", pd.Series([0.3, 0.41, 0.5, 0.62, 0.7, 0.8, 0.9]))
    >>> thresholds_of(scale, pd.Series(True, index=range(7)), [0.648])
    [0.5]
    """
    score = scale.values[sold].dropna().sort_values(ascending=False)
    kept = [value for value in wanted if scale.what == "MMLU"
            and (score >= value).sum() >= FEWEST_OFFERS]
    if kept or not len(score):
        return kept or list(wanted)
    place = max(FEWEST_OFFERS, int(np.ceil(0.6 * len(score))))
    value = float(score.iloc[min(place, len(score)) - 1])
    steps = 10 ** (np.floor(np.log10(value)) - 1) if scale.what == SIZE else 0.01
    return [float(f"{np.floor(value / steps + 1e-9) * steps:.3g}")]
