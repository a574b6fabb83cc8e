"""Checks of a posterior: the convergence gate first, then what the model gets wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.errors import GateError
from densing_bayes.fitting import sample
from densing_bayes.specs import Sampling

RHAT_MAX = 1.01
ESS_MIN = 400


def diagnostics(tree: xr.DataTree, names: Iterable[str]) -> dict[str, Any]:
    """R-hat, effective sample sizes and divergences of the parameters that feed a headline.

    ``passed`` is True when R-hat <= 1.01, bulk and tail ESS >= 400, and no divergence
    (Vehtari et al. 2021, arXiv 1903.08008). A parameter that does not vary is left out; one
    with a draw that is no finite number counts as not converged at all.
    """
    import arviz_stats as azs  # imports for seconds

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


def sampled(compiled: Any, sampling: Sampling, names: Iterable[str], *, case: str,
            progress: Callable[[str], None] = lambda _: None, **more: Any,
            ) -> tuple[xr.DataTree, dict[str, Any]]:
    """Draws that pass the gate, and what it measured: sampled again, longer, where it refuses.

    Up to three times: with three and nine times as many draws in smaller and smaller steps.

    Parameters
    ----------
    names
        Parameters that the gate looks at.
    case, more
        As `densing_bayes.fitting.sample` takes them.

    Raises
    ------
    GateError
        It refused the longest run too: nothing of such a fit is told as a result.
    """
    names = list(names)
    for again, asked in enumerate((sampling, sampling.longer(), sampling.longer().longer())):
        if again:
            progress(f"{case}: sampling again, for longer")
        tree = sample(compiled, asked, case=case, **more)
        found = diagnostics(tree, names)
        if found["passed"]:
            return tree, found
    raise GateError(f"{case}, sampled three times: {told(found)}: the draws do not represent the "
                    f"posterior, and no number of this fit is told")


def told(gate: dict[str, Any]) -> str:
    """What a gate measured, in words."""
    worst = gate["worst"]
    return (f"R-hat {gate['rhat_max']:.3f} ({worst['rhat']}), bulk ESS "
            f"{gate['ess_bulk_min']:.0f} ({worst['ess_bulk']}), tail ESS "
            f"{gate['ess_tail_min']:.0f} ({worst['ess_tail']}), {gate['divergences']} divergences")
