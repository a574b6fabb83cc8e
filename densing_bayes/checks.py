"""Checks of a posterior: the convergence gate first, then what the model gets wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import arviz_stats as azs
import numpy as np
import xarray as xr

RHAT_MAX = 1.01
ESS_MIN = 400


def diagnostics(tree: xr.DataTree, names: Iterable[str]) -> dict[str, Any]:
    """R-hat, effective sample sizes and divergences of the parameters that feed a headline.

    ``passed`` is True when R-hat <= 1.01, bulk and tail ESS >= 400, and no divergence
    (Vehtari et al. 2021, arXiv 1903.08008). A parameter that does not vary is left out; one
    with a draw that is no finite number counts as not converged at all.
    """
    posterior = tree["posterior"].to_dataset()[list(names)]
    varies = [name for name, draws in posterior.items()
              if not (draws.values == draws.values.flat[0]).all()]
    finite = [name for name in varies if np.isfinite(posterior[name].values).all()]

    def worst(measure: Callable[[xr.DataArray], Any], reduce: Callable[..., Any],
              broken: float) -> tuple[float, str]:
        found = dict.fromkeys(varies, broken)
        for name in finite:
            values = np.ravel(measure(posterior[name]))
            found[name] = broken if np.isnan(values).any() else float(reduce(values))
        name = reduce(found, key=found.__getitem__, default="")
        return found.get(name, broken), str(name)

    rhat_max, rhat_at = worst(azs.rhat, max, np.inf)
    bulk_min, bulk_at = worst(lambda draws: azs.ess(draws, method="bulk"), min, 0.0)
    tail_min, tail_at = worst(lambda draws: azs.ess(draws, method="tail"), min, 0.0)
    divergences = int(tree["sample_stats"]["diverging"].sum())
    return {
        "rhat_max": rhat_max, "ess_bulk_min": bulk_min, "ess_tail_min": tail_min,
        "divergences": divergences,
        "worst": {"rhat": rhat_at, "ess_bulk": bulk_at, "ess_tail": tail_at},
        "passed": bool(rhat_max <= RHAT_MAX and min(bulk_min, tail_min) >= ESS_MIN
                       and divergences == 0),
    }
