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
from densing_bayes.observations import Observations
from densing_bayes.specs import ModelSpec
from densing_bayes.studies.leave_out import Marginal
from densing_bayes.studies.likelihood import of_contrasts
from densing_bayes.studies.variants import group_of

DRAWS = 1000  # of the main fit, about


def influence(posterior: xr.Dataset, derived: xr.Dataset, columns: dict[str, Any],
              observations: Observations, spec: ModelSpec, groups: tuple[str, ...],
              fewest: int = 1) -> pd.DataFrame:
    """Rate without each group, by importance weights.

    A draw is worth one over the likelihood of the group's scores, its models summed out
    (`densing_bayes.studies.leave_out`), and of the differences between their sources.

    Parameters
    ----------
    posterior, derived, columns, observations, spec
        Of the main fit.
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
    data = observations.data
    step = -(-posterior.sizes["chain"] * posterior.sizes["draw"] // DRAWS)
    posterior, derived = (part.isel(draw=slice(None, None, step)) for part in (posterior, derived))
    summed = Marginal(posterior, derived, columns, spec.priors["level"])
    sources = of_contrasts(summed.draws, columns)
    contrast_model = data["cell_model"].values[data["contrast_cell"].values]
    of_model, of_family = cache(summed.of_model), cache(summed.of_family)
    rate = derived["rate"].transpose("chain", "draw").values.ravel()
    found = []
    for group in groups:
        labels = group_of(data, group)
        for name in dict.fromkeys(labels):
            members = labels == name
            if members.sum() < fewest or members.all():
                continue
            loglik = sources[:, members[contrast_model]].sum(axis=1)
            for family in np.unique(summed.family[members]):
                mine = members & (summed.family == family)
                entire = mine.sum() == (summed.family == family).sum()
                loglik = loglik + (of_family(int(family)) if entire else
                                   sum(of_model(int(i)) for i in np.flatnonzero(mine)))
            weight, k = pareto_smoothed(-loglik)  # weights 1 / p(group | rest)
            mean = float(weight @ rate)
            found.append({
                "group": group, "name": str(name), "models": int(members.sum()), "pareto_k": k,
                "ess": float(1 / (weight**2).sum()), "mean": mean,
                "sd": float(np.sqrt(weight @ (rate - mean) ** 2)),
                "shift": float((mean - rate.mean()) / rate.std()),
            })
    return pd.DataFrame(found, columns=["group", "name", "models", "pareto_k", "ess", "mean",
                                        "sd", "shift"])
