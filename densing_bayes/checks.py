"""Checks of a posterior: the convergence gate first, then what the model gets wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import arviz_stats as azs
import numpy as np
import xarray as xr

RHAT_MAX = 1.01
ESS_MIN = 400


def diagnostics(tree: xr.DataTree, names: Iterable[str]) -> dict[str, Any]:
    """R-hat, effective sample sizes and divergences of the parameters that feed a headline.

    ``passed`` is True when R-hat <= 1.01, bulk and tail ESS >= 400, and no divergence
    (Vehtari et al. 2021, arXiv 1903.08008). A parameter that does not vary is left out.
    """
    posterior = tree["posterior"].to_dataset()[list(names)]
    varies = [name for name in posterior if float(posterior[name].std()) > 0]
    posterior = posterior[varies]
    rhat = azs.rhat(posterior)
    bulk = azs.ess(posterior, method="bulk")
    tail = azs.ess(posterior, method="tail")

    def worst(dataset: Any, reduce: Any) -> tuple[float, str]:
        values = {name: float(reduce(np.asarray(dataset[name]))) for name in varies}
        name = reduce(list(values.values()))
        return float(name), next(key for key, value in values.items() if value == name)

    rhat_max, rhat_at = worst(rhat, np.max)
    bulk_min, bulk_at = worst(bulk, np.min)
    tail_min, tail_at = worst(tail, np.min)
    divergences = int(tree["sample_stats"]["diverging"].sum())
    return {
        "rhat_max": rhat_max, "ess_bulk_min": bulk_min, "ess_tail_min": tail_min,
        "divergences": divergences,
        "worst": {"rhat": rhat_at, "ess_bulk": bulk_at, "ess_tail": tail_at},
        "passed": bool(rhat_max <= RHAT_MAX and min(bulk_min, tail_min) >= ESS_MIN
                       and divergences == 0),
    }
