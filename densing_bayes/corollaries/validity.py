"""The validity period: whether a trained model earns its cost before an equal one costs half.

Revenue per token falls with the market price p(t) = p0 exp(-r t), serving costs c per token
throughout. After W months of V visits a month, q tokens each, the operator has

    V W q (p0 phi - c) - C,     phi = (1 - exp(-r W)) / (r W),

with C the cost of training. No derivation of the published "1.7 billion visits within 2
months" is known; this one reproduces it under assumptions that are stated (models/
corollaries.toml) and far from unique: only C / (q (p0 phi - c)) enters.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.corollaries.draws import pair
from densing_bayes.errors import DomainError, Problem
from densing_bayes.intervals import Interval
from densing_bayes.laws import Array
from densing_bayes.specs import ModelSpec

PER_MILLION = 1e-6
WINDOW = 2.0  # months, of the published figure
SYMBOLS = {
    "training_cost": "training cost (USD)", "tokens_per_visit": "tokens per visit",
    "launch_price": "launch price (USD/M tokens)",
    "serving_share": "serving cost / launch price", "price_fall": "fall of ln price (1/year)",
}


def mean_price_share(*, fall: Array, window: Array) -> Array:
    """Mean price over a window relative to the price at its start.

    Parameters
    ----------
    fall
        Fall of ln price per month; zero and rises (negative) allowed.
    window
        Months.

    Examples
    --------
    Halving in 2.6 months, over 2 months:

    >>> round(float(mean_price_share(fall=np.log(2) / 2.6, window=2.0)), 3)
    0.775
    """
    x = np.asarray(fall * window, dtype=float)
    tiny = np.abs(x) < 1e-9
    return np.where(tiny, 1.0, -np.expm1(-x) / np.where(tiny, 1.0, x))


def break_even_visits(*, training_cost: Array, tokens_per_visit: Array, launch_price: Array,
                      serving_share: Array, fall: Array, window: Array) -> Array:
    """Visits within the window that pay for the training; infinite where none do.

    Parameters
    ----------
    training_cost
        USD.
    launch_price
        USD per million tokens, p0.
    serving_share
        c / p0.
    fall
        Fall of ln price per month.
    window
        Months; visits come evenly.

    Examples
    --------
    2 million USD, 1,000 tokens a visit, 2 USD per million, a serving cost of 19% of that, and a
    price that halves in 2.6 months: the published 1.7 billion visits.

    >>> visits = break_even_visits(training_cost=2e6, tokens_per_visit=1000, launch_price=2.0,
    ...                            serving_share=0.19, fall=np.log(2) / 2.6, window=2.0)
    >>> round(float(visits) / 1e9, 1)
    1.7
    """
    margin = launch_price * PER_MILLION * (
        mean_price_share(fall=fall, window=window) - serving_share)
    with np.errstate(divide="ignore"):
        return np.where(margin > 0, np.divide(training_cost, tokens_per_visit * np.abs(margin)),
                        np.inf)


def break_even_time(*, visits_per_month: Array, training_cost: Array, tokens_per_visit: Array,
                    launch_price: Array, serving_share: Array, fall: Array,
                    longest: float = 120.0) -> np.ndarray:
    """Months until the training is paid for; infinite where that never happens.

    The operator earns until the price has fallen to the serving cost and stops then. Solved by
    bisection on the span in which the sum rises (at most ``longest`` months).

    Examples
    --------
    Without any fall the time is the cost over a constant margin: 2e6 / (1e9 * 1e-3 * 1.6).

    >>> float(break_even_time(visits_per_month=1e9, training_cost=2e6, tokens_per_visit=1000,
    ...                       launch_price=2.0, serving_share=0.2, fall=0.0))
    1.25
    """
    if np.any(np.asarray(visits_per_month) <= 0):
        raise DomainError(Problem("visits per month", given=visits_per_month, allowed="above 0"))
    share, fall = np.broadcast_arrays(np.asarray(serving_share, float), np.asarray(fall, float))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        stop = np.where(fall > 0, -np.log(np.clip(share, 0, 1)) / fall, longest)
    stop = np.where(share >= 1, 0.0, np.clip(stop, 0.0, longest))
    per_month = visits_per_month * tokens_per_visit * launch_price * PER_MILLION

    def earned(month: Any) -> Any:
        return per_month * month * (mean_price_share(fall=fall, window=month) - share)

    low, high = np.zeros_like(stop), stop.copy()
    for _ in range(60):
        middle = (low + high) / 2
        enough = earned(middle) >= training_cost
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(earned(stop) >= training_cost, high, np.inf)


# -- with what is assumed and what is known ----------------------------------------------------


def assumptions(spec: ModelSpec, price_fall: Any, size: int,
                rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draws of every input: assumed ones from their priors, the price's fall as it was fitted.

    Parameters
    ----------
    price_fall
        Draws of the yearly fall of ln price (`densing_bayes.corollaries.prices`).
    """
    names = ("training_cost", "tokens_per_visit", "launch_price", "serving_share")
    out = {name: spec.priors[name].rvs(rng, size) for name in names}
    return {**out, "price_fall": pair(price_fall, size, rng)}


def visits(inputs: dict[str, Any], window: float = WINDOW) -> np.ndarray:
    """Break-even visits of each draw of the inputs."""
    rest = {name: value for name, value in inputs.items() if name != "price_fall"}
    return break_even_visits(fall=np.asarray(inputs["price_fall"]) / 12, window=window, **rest)


def tornado(inputs: dict[str, np.ndarray], interval: Interval,
            window: float = WINDOW) -> pd.DataFrame:
    """Break-even visits with one input at the ends of its interval, the others at their medians.

    Returns
    -------
    DataFrame
        Columns input, at_low, at_high (values of the input), low, high (visits there), widest
        swing first.
    """
    middle = {name: float(np.median(values)) for name, values in inputs.items()}
    rows = []
    for name, values in inputs.items():
        low, high = interval.of(values)
        at_low, at_high = (float(visits({**middle, name: x}, window)) for x in (low, high))
        rows.append({"input": SYMBOLS[name], "at_low": low, "at_high": high, "low": at_low,
                     "high": at_high})
    frame = pd.DataFrame(rows)
    with np.errstate(invalid="ignore"):
        swing = np.abs(np.log(frame["high"] / frame["low"]))
    return frame.iloc[np.argsort(-swing.to_numpy())].reset_index(drop=True)
