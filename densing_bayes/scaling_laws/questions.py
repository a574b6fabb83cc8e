"""What to train: compute-optimal size and tokens, their converse, and what scale would gain.

Functions of a fitted ladder; every answer is draws under the mixture of laws, or of one law.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.errors import InputError, Problem
from densing_bayes.intervals import Interval
from densing_bayes.scaling_laws import form
from densing_bayes.scaling_laws.classic import FLOP_PER_PARAM_TOKEN
from densing_bayes.scaling_laws.envelope import envelope_loss
from densing_bayes.scaling_laws.fit import NOISE
from densing_bayes.scaling_laws.ladders import LadderFit
from densing_bayes.scaling_laws.predict import Forecaster, mixed
from densing_bayes.scaling_laws.tables import Ladder

STEP = 0.01  # of ln C, for the derivative along the optimum


def allocation(law: form.Law, flop: Any, ladder: Ladder) -> dict[str, np.ndarray]:
    """Compute-optimal params, tokens, their ratio and loss, and the marginal gains there.

    Parameters
    ----------
    law
        Draws of a law, one row each (`LawFit.law`).
    flop
        Compute budgets, one column each.

    Returns
    -------
    dict
        params, tokens, ratio (tokens per parameter), loss, per_doubling (loss saved by doubling
        compute), elasticity (d ln L / d ln C along the optimum).
    """
    flop = np.atleast_1d(np.asarray(flop, dtype=float))
    if not (flop > 0).all():
        raise InputError(Problem("compute is not positive", given=flop.min(), allowed="FLOP"))
    centre = ladder.centre

    def best(log_flop: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        product = log_flop - np.log(FLOP_PER_PARAM_TOKEN) - sum(centre)
        size = form.optimal_size(product=product, **law)
        return size, product - size, form.log_loss(size=size, token=product - size, **law)

    log_flop = np.log(flop)
    size, token, log_loss = best(log_flop)
    doubled = best(log_flop + np.log(2))[2]
    slope = (best(log_flop + STEP)[2] - best(log_flop - STEP)[2]) / (2 * STEP)
    params, tokens = np.exp(size + centre[0]), np.exp(token + centre[1])
    return {"params": params, "tokens": tokens, "ratio": tokens / params,
            "loss": np.exp(log_loss), "per_doubling": np.exp(log_loss) - np.exp(doubled),
            "elasticity": slope}


def tokens_for(law: form.Law, params: Any, ladder: Ladder) -> np.ndarray:
    """Tokens on which a model of ``params`` parameters is compute-optimal."""
    size, _ = ladder.of(params, 1.0)
    token = (law["alpha"] * size + law["joint"] * _log_ratio(law)) / law["beta"]
    return np.exp(token + ladder.centre[1])


def params_for(law: form.Law, tokens: Any, ladder: Ladder) -> np.ndarray:
    """Parameters that make the compute-optimal use of ``tokens`` tokens."""
    _, token = ladder.of(1.0, tokens)
    size = (law["beta"] * token - law["joint"] * _log_ratio(law)) / law["alpha"]
    return np.exp(size + ladder.centre[0])


def _log_ratio(law: form.Law) -> np.ndarray:
    """Log of beta times the token term over alpha times the size term, at the centre.

    Along the optimum alpha x - beta y = -joint * this.
    """
    return (np.log(law["beta"] * (1 - law["size_share"]))
            - np.log(law["alpha"] * law["size_share"]))


def loss_at(law: form.Law, params: Any, tokens: Any, ladder: Ladder) -> np.ndarray:
    """Loss of models under a law (no noise)."""
    size, token = ladder.of(params, tokens)
    return np.exp(form.log_loss(size=size, token=token, **law))


# -- tables ------------------------------------------------------------------------------------


def allocation_table(seer: Forecaster, flop: Any, interval: Interval) -> pd.DataFrame:
    """Median and interval of `allocation`, one row per budget and law, and the mixture.

    ``beyond`` is ln of the budget over the compute of the ladder's largest run, at least 0; the
    loss of the mixture has the drift at the optimum's distance from the runs. Empty for runs on a
    line (`geometry.Design`), which cannot tell size from tokens.
    """
    fit, flop = seer.fit, np.atleast_1d(np.asarray(flop, dtype=float))
    ladder = fit.ladder
    if ladder.design.line:
        return pd.DataFrame()
    largest = np.log(FLOP_PER_PARAM_TOKEN) + sum(ladder.centre) + (
        ladder.size + ladder.token).max()
    rows = []
    laws = {name: allocation(law.law(), flop, ladder) for name, law in fit.laws.items()}
    names = list(next(iter(laws.values())))
    laws["mixture"] = {
        name: mixed(fit, lambda law, name=name: allocation(law, flop, ladder)[name], seer.spec)
        for name in names
    }
    best = laws["mixture"]
    size, token = ladder.of(np.median(best["params"], axis=0), np.median(best["tokens"], axis=0))
    best["loss"] = best["loss"] * np.exp(seer.drifted(size, token))
    optima = envelope_loss(ladder, flop)
    for law, values in laws.items():
        for column, budget in enumerate(flop):
            row = {"law": law, "weight": fit.weights.get(law, 1.0), "flop": budget,
                   "beyond": max(float(np.log(budget) - largest), 0.0),
                   "envelope_loss": None if optima is None else float(optima[column])}
            for name, draws in values.items():
                low, high = interval.of(draws[:, column])
                row |= {name: float(np.median(draws[:, column])), f"{name}_low": float(low),
                        f"{name}_high": float(high)}
            rows.append(row)
    return pd.DataFrame(rows)


def parameter_table(fit: LadderFit, interval: Interval) -> pd.DataFrame:
    """Exponents, E, a and g of every law of a ladder, with weights and LOO.

    ``identified`` is False where the runs lie on a line: exponents are then the prior's.
    """
    rows = []
    for name, law in fit.laws.items():
        row: dict[str, Any] = {
            "law": name, "weight": fit.weights[name], "elpd": law.loo["elpd"],
            "elpd_se": law.loo["se"],
            "high_k": int((law.loo["pareto_k"] > law.loo["good_k"]).sum()),
            "identified": not fit.ladder.design.line,
        }
        for parameter in ("alpha", "beta", "irreducible", "optimal_exponent", "joint", *NOISE):
            draws = law.parameter(parameter)
            low, high = interval.of(draws)
            row |= {parameter: float(np.median(draws)), f"{parameter}_low": float(low),
                    f"{parameter}_high": float(high)}
        rows.append(row)
    return pd.DataFrame(rows)
