"""Contamination: what public scores gained over their clean counterparts, taken out again.

Where benchmarks.csv names for a public benchmark a cleaner one (``contamination_pair``: newer,
or never published), models with both tell whether the public one became easier to score on: at
equal clean score, logit S_public = a + b logit S_clean + c (date). The clean benchmark may be
harder or easier, which a and b take up; only a growth c above zero is contamination, and it is
subtracted from the public scores of all models, from the date of the first model with both on.
A negative c is no contamination (the clean one may have been prepared for): nothing is taken out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, logit

from densing_bayes.errors import InputError, Problem
from densing_bayes.tables import Tables

FEWEST = 5  # models with both scores: three coefficients and their error
CLEAR = -3.0  # logit of the share above chance: below it (5%) a score is noise about chance


def without_shift(tables: Tables, data: Any) -> tuple[Any, str]:
    """Observations whose public scores have the estimated growth of contamination taken out.

    Assumes that the clean benchmark did not become easier to prepare for meanwhile, and that
    contamination was as it was when the first model with both came out. The trend is a point
    estimate (least squares): its own error is told and not in the interval of the variant.

    Raises
    ------
    InputError
        Where a pair has fewer than five models clear of chance in common, or all of one date.
    """
    marks = tables.benchmarks.set_index("benchmark")
    score = data["cell_score"].values.copy()
    time = data["time"].values
    said = []
    for place, name in enumerate(data["benchmark"].values):
        clean = marks.loc[name, "contamination_pair"]
        if not clean:
            continue
        mean = tables.scores[tables.scores["benchmark"] == clean].groupby("model")["score"].mean()
        cells = np.flatnonzero(data["cell_benchmark"].values == place)
        chance = data["chance"].values[place]
        of_clean = mean.reindex(data["model"].values[data["cell_model"].values[cells]]).to_numpy()
        years = time[data["cell_model"].values[cells]]
        public = _logit(score[cells], chance)
        clean_logit = _logit(of_clean, marks.loc[clean, "chance"])
        both = np.isfinite(clean_logit) & (np.minimum(public, clean_logit) > CLEAR)
        if both.sum() < FEWEST or np.ptp(years[both]) == 0:
            raise InputError(Problem(
                "too few models have scores on both benchmarks of a contamination pair",
                file="scores.csv", given=f"{name} and {clean}: {both.sum()}",
                allowed=f"at least {FEWEST}, of more than one date"))
        first = years[both].min()
        columns = np.column_stack([np.ones(both.sum()), clean_logit[both], years[both] - first])
        fit, growth, error = _trend(columns, public[both])
        said.append(f"{name} at equal {clean} changes by {round(growth, 2) + 0:+.2f} logits a "
                    f"year (standard error {error:.2f}, {fit} models): "
                    + ("taken out" if growth > 0 else "nothing is taken out"))
        if growth > 0:
            shift = growth * np.clip(years - first, 0, None)
            score[cells] = np.where(shift > 0, _score(public - shift, chance), score[cells])
    return data.assign(cell_score=("cell", score)), "; ".join(said)


def _trend(columns: np.ndarray, public: np.ndarray) -> tuple[int, float, float]:
    """Number of models, slope of the last column by least squares, and its standard error."""
    slopes, *_ = np.linalg.lstsq(columns, public, rcond=None)
    left = public - columns @ slopes
    spread = left @ left / max(len(public) - columns.shape[1], 1)
    return len(public), float(slopes[-1]), float(
        np.sqrt(spread * np.linalg.pinv(columns.T @ columns)[-1, -1]))


def _logit(value: Any, chance: float) -> Any:
    """Logit of the share of the range above chance, kept off both ends."""
    return logit(np.clip((np.asarray(value, float) - chance) / (1 - chance), 0.005, 0.995))


def _score(value: Any, chance: float) -> Any:
    return chance + (1 - chance) * expit(value)
