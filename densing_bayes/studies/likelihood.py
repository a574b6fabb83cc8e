"""The log likelihood of the main fit, row by row of every table, at its draws.

As in a ``log_likelihood`` group: given the draw's own parameters, each model's effective size
among them. Power scaling (`sensitivity`) rests on it; a test holds it to the joint model's own
terms.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from scipy import stats

from densing_bayes import laws
from densing_bayes.joint.predict import all_cells, cell_predictions, log_likelihood, thin
from densing_bayes.joint.quantities import ruler_parameters

SOURCES = 3.0  # degrees of freedom of differences between sources


def by_row(posterior: xr.Dataset, derived: xr.Dataset, columns: dict[str, Any],
           ) -> dict[str, np.ndarray]:
    """Log likelihood by table, each of shape (sample, row), at all draws given.

    Returns
    -------
    dict
        ``ladder``; ``pairs of loss and score``; ``scores of the models``, in the order of
        `densing_bayes.joint.predict.all_cells`; ``differences between sources``.
    """
    count = derived.sizes["chain"] * derived.sizes["draw"]
    draws = thin(posterior.drop_vars(["z", "model_coordinate", "family_coordinate"],
                                     errors="ignore"), count)
    table = {name: {key: np.asarray(value, float) for key, value in columns[name].items()}
             for name in ("ladder", "pairs")}
    law, curve = ruler_parameters(draws, columns)

    def of(values: dict[str, Any], anchor: np.ndarray) -> dict[str, Any]:
        return {name: np.asarray(value)[..., anchor] for name, value in values.items()}

    ladder, pairs = table["ladder"], table["pairs"]
    at = ladder["anchor"].astype(int)
    losses = stats.norm.logpdf(ladder["log_loss"], np.log(laws.loss(
        params=np.exp(ladder["log_params"]), tokens=np.exp(ladder["log_tokens"]), **of(law, at))),
        draws["sigma_loss"].values[:, at])
    at = pairs["anchor"].astype(int)
    sigma, off = draws["sigma_pair"].values[:, at], draws["off_share"].values[:, at]
    switched_on, at_chance = (stats.norm.logpdf(pairs["score"], mean, sigma) for mean in (
        laws.score(loss=pairs["loss"], **of(curve, at)), np.asarray(curve["chance"])[at]))
    scores = np.logaddexp(np.log1p(-off) + switched_on, np.log(off) + at_chance)
    return {
        "ladder": ladder["weight"] * losses,
        "pairs of loss and score": pairs["weight"] * pairs["share"] * scores,
        "scores of the models": all_cells(columns)["weight"] * log_likelihood(
            cell_predictions(posterior, derived, columns, count)),
        "differences between sources": of_contrasts(draws, columns),
    }


def of_contrasts(draws: xr.Dataset, columns: dict[str, Any]) -> np.ndarray:
    """Log likelihood of every difference between sources, (sample, contrast)."""
    table = {name: np.asarray(value, float) for name, value in columns["contrasts"].items()}
    spread = draws["sd_source"].values[:, table["benchmark"].astype(int)] * table["spread"]
    return table["weight"] * stats.t.logpdf(table["value"], SOURCES, 0.0, spread)
