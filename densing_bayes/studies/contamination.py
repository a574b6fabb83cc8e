"""Contamination: what public scores gained over their clean counterparts, taken out again.

Where benchmarks.csv names for a public benchmark a clean one (``contamination_pair``), models
with both tell the shift: logit S_public = logit S_clean + delta. Its trend over release dates is
fitted to these models and subtracted from the public scores of all models; shifts are not
negative, because training on the test never made a model worse at it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, logit

from densing_bayes.errors import InputError, Problem
from densing_bayes.tables import Tables


def without_shift(tables: Tables, data: Any) -> tuple[Any, str]:
    """Observations whose public scores have the estimated shift taken out.

    The trend is a point estimate (least squares in date): its own error is not in the interval
    of the variant. Clean scores themselves are compared above chance, as shares of the range.

    Raises
    ------
    InputError
        Where a pair of benchmarks has fewer than three models in common.
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
        of_clean = mean.reindex(data["model"].values[data["cell_model"].values[cells]]).to_numpy()
        years = time[data["cell_model"].values[cells]]
        delta = _logit(score[cells], data["chance"].values[place]) - _logit(
            of_clean, marks.loc[clean, "chance"])
        both = np.isfinite(delta)
        if both.sum() < 3:
            raise InputError(Problem(
                "too few models have scores on both benchmarks of a contamination pair",
                file="scores.csv", given=f"{name} and {clean}: {both.sum()}",
                allowed="at least 3"))
        centre = years[both].mean()
        slope, level = np.polyfit(years[both] - centre, delta[both], 1)
        shift = np.where(both, delta, level + slope * (years - centre)).clip(min=0)
        clean_score = _score(_logit(score[cells], data["chance"].values[place]) - shift,
                             data["chance"].values[place])
        score[cells] = np.where(shift > 0, clean_score, score[cells])
        said.append(f"{name} shifted by {np.mean(shift):.2f} logits on average, from "
                    f"{both.sum()} models that also have {clean}")
    return data.assign(cell_score=("cell", score)), "; ".join(said)


def _logit(score: Any, chance: float) -> Any:
    """Logit of the share of the range above chance, kept off both ends."""
    return logit(np.clip((np.asarray(score, float) - chance) / (1 - chance), 0.005, 0.995))


def _score(value: Any, chance: float) -> Any:
    return chance + (1 - chance) * expit(value)
