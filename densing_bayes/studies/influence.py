"""What single models, families and organizations do to the rate: left out one at a time.

First by importance weights on the main fit's draws, smoothed by a Pareto tail (PSIS, Vehtari
et al. 2024, JMLR 25); where its shape k says that the weights cannot be trusted, the fit
without the group is run.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes.importance import pareto_smoothed
from densing_bayes.studies.likelihood import CellLikelihood
from densing_bayes.studies.variants import group_of

DRAWS = 800


def thinned(posterior: xr.Dataset, draws: int = DRAWS) -> xr.Dataset:
    """Evenly spaced draws along one dimension ``sample``."""
    flat = posterior.stack(sample=("chain", "draw")).transpose("sample", ...)
    chosen = np.linspace(0, flat.sizes["sample"] - 1, min(draws, flat.sizes["sample"]))
    return flat.isel(sample=chosen.astype(int)).drop_vars(["sample", "chain", "draw"])


def influence(posterior: xr.Dataset, columns: dict[str, Any], data: Any,
              groups: tuple[str, ...], fewest: int = 1) -> pd.DataFrame:
    """Rate without each group, by importance weights.

    Parameters
    ----------
    posterior, columns, data
        Draws, tables and observations of the main fit.
    groups
        'family', 'organization', 'model'.
    fewest
        Smallest group to leave out.

    Returns
    -------
    DataFrame
        ``group``, ``name``, ``models``, ``pareto_k``, ``ess`` of the weights, ``mean``, ``sd``
        of the rate (1/year) without it, and ``shift``: the change of the mean in sds of the
        main fit.
    """
    draws = thinned(posterior)
    cells = CellLikelihood(draws, columns)
    family = data["family_index"].values
    contrast_model = data["cell_model"].values[data["contrast_cell"].values]
    rate = draws["rate_z"].values * draws["c1"].values

    @cache
    def of_family(f: int) -> np.ndarray:
        return cells.summed(np.flatnonzero(family == f), family, whole=True)

    @cache
    def of_model(i: int) -> np.ndarray:
        return cells.summed([i], family, whole=False)

    rows = []
    for group in groups:
        labels = group_of(data, group)
        for name in dict.fromkeys(labels):
            members = np.flatnonzero(labels == name)
            if len(members) < fewest or len(members) == len(labels):
                continue
            loglik = cells.of_contrasts(np.isin(contrast_model, members))
            for f in np.unique(family[members]):
                mine = members[family[members] == f]
                entire = len(mine) == (family == f).sum()
                loglik = loglik + (of_family(f) if entire else sum(map(of_model, mine)))
            weight, k = pareto_smoothed(-loglik)  # weights 1 / p(group | rest)
            mean = float(weight @ rate)
            rows.append({
                "group": group, "name": str(name), "models": len(members), "pareto_k": k,
                "ess": float(1 / (weight**2).sum()), "mean": mean,
                "sd": float(np.sqrt(weight @ (rate - mean) ** 2)),
                "shift": float((mean - rate.mean()) / rate.std()),
            })
    return pd.DataFrame(rows, columns=["group", "name", "models", "pareto_k", "ess", "mean", "sd",
                                       "shift"])
