"""The paper's own way, as a reference: point fits, inversion, running maximum, least squares.

No uncertainty is carried from one step to the next. The interval of the rate is the nominal one
of least squares on the records, which takes the selected records for a random sample; it is
printed to show what it misses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from densing_bayes import laws
from densing_bayes.intervals import Interval
from densing_bayes.observations import Observations


@dataclass(frozen=True)
class Plugin:
    """Result of the plug-in chain on the first anchored benchmark."""

    law: dict[str, float]
    curve: dict[str, float]
    model: np.ndarray  # names of the models with an inverse
    time: np.ndarray  # years
    log_density: np.ndarray
    record: np.ndarray  # bool: on the running maximum
    rate: float  # per year
    low: float
    high: float
    r_squared: float
    dropped: int  # scores without an inverse


def fit_ladder(log_params: Any, log_tokens: Any, log_loss: Any) -> dict[str, float]:
    """Point fit of L = a N^-alpha + b D^-beta by least squares of ln L (Huber, 2% scale)."""
    from scipy import optimize  # asked for by one section and no answer

    params, tokens = np.exp(log_params), np.exp(log_tokens)
    centre_n, centre_d = np.mean(log_params), np.mean(log_tokens)

    def law(x: np.ndarray) -> dict[str, float]:
        log_total, logit_share, log_alpha, log_beta = x
        share = 1 / (1 + np.exp(-logit_share))
        alpha, beta = np.exp(log_alpha), np.exp(log_beta)
        return {"log_a": log_total + np.log(share) + alpha * centre_n, "alpha": alpha,
                "log_b": log_total + np.log(1 - share) + beta * centre_d, "beta": beta}

    def residual(x: np.ndarray) -> np.ndarray:
        return np.log(laws.loss(params=params, tokens=tokens, **law(x))) - log_loss

    starts = [(np.mean(log_loss), logit, np.log(alpha), np.log(beta))
              for logit in (-1.0, 1.0) for alpha in (0.09, 0.3) for beta in (0.2, 0.4)]
    fits = [optimize.least_squares(residual, start, loss="huber", f_scale=0.02)
            for start in starts]
    return law(min(fits, key=lambda fit: fit.cost).x)


def fit_curve(loss: Any, score: Any, chance: float) -> dict[str, float]:
    """Point fit of the performance law, chance known and the ceiling at 1.

    The pairs end far below the ceiling, so that a free ceiling would not be identified.
    """
    def curve(x: np.ndarray) -> dict[str, float]:
        return {"gamma": -np.exp(x[0]), "midpoint": x[1], "scale": 1 - chance, "chance": chance}

    start = (np.log(4 / max(np.ptp(loss), 1e-6)), float(np.median(loss)))
    from scipy import optimize

    fit = optimize.least_squares(lambda x: laws.score(loss=loss, **curve(x)) - score, start,
                                 loss="huber", f_scale=0.03)
    return curve(fit.x)


def records(time: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Which points exceed everything dated before them (of one day only the highest).

    Examples
    --------
    >>> records(np.array([0.0, 1.0, 1.0, 2.0]), np.array([1.0, 3.0, 2.0, 2.5])).tolist()
    [True, True, False, False]
    """
    record = np.zeros(len(time), dtype=bool)
    best = -np.inf
    for i in np.lexsort((-value, time)):
        if value[i] > best:
            record[i], best = True, value[i]
    return record


def plugin(observations: Observations, *, tokens: float, interval: Interval) -> Plugin:
    """Run the chain on the first anchored benchmark.

    Parameters
    ----------
    tokens
        D0, the reference number of training tokens.
    """
    data = observations.data
    run = data["run_benchmark"].values == 0
    law = fit_ladder(*(data[f"run_log_{name}"].values[run]
                       for name in ("params", "tokens", "loss")))
    pair = data["pair_benchmark"].values == 0
    curve = fit_curve(data["pair_loss"].values[pair], data["pair_score"].values[pair],
                      float(data["chance"].values[0]))
    cell = data["cell_benchmark"].values == 0
    score = data["cell_score"].values[cell]
    index = data["cell_model"].values[cell]
    with np.errstate(invalid="ignore", divide="ignore"):
        loss = laws.loss_of_score(score=score, **curve)
        size = laws.log_effective_size(loss=loss, tokens=tokens, **law)
    good = np.isfinite(size)
    index, size = index[good], size[good]
    time = data["time"].values[index]
    log_density = size - data["log_params"].values[index]
    record = records(time, log_density)
    rate, low, high, r_squared = np.nan, np.nan, np.nan, np.nan
    if record.sum() >= 3:
        from scipy import stats

        line = stats.linregress(time[record], log_density[record])
        half = stats.t.ppf(interval.tails[1], record.sum() - 2) * line.stderr
        rate, low, high = line.slope, line.slope - half, line.slope + half
        r_squared = line.rvalue**2
    return Plugin(law=law, curve=curve, model=data["model"].values[index], time=time,
                  log_density=log_density, record=record, rate=float(rate), low=float(low),
                  high=float(high), r_squared=float(r_squared), dropped=int((~good).sum()))
