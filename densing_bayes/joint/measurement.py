"""Measurement: what scores say about effective sizes.

One cell is one model on one benchmark; its mean over sources is compared with the benchmark's
curve. The spread of a cell about the curve has three parts: the benchmark's own deviation (sd
``sd_benchmark`` in e-folds of effective size, carried to score by the curve's slope), the
counted items, and the sources' disagreement, which repeated cells estimate. Heavy tails take
the outliers. Observed scores are never inverted.
"""

from __future__ import annotations

from typing import Any

import pymc as pm
import pytensor.tensor as pt

from densing_bayes.families.blocks import Packed, Table, rv
from densing_bayes.joint.curves import noise_variance


def source_error(contrasts: Table, priors: dict[str, Packed]) -> Any:
    """Sd of one source's score at S = 1/2, per benchmark, with the likelihood of repeated cells.

    ``contrasts`` (benchmark, value, spread) are orthonormal differences between the
    sources of one cell, free of the cell's mean; the sd scales as sqrt(4 S (1 - S)), so that it
    vanishes at 0 and 1.
    """
    tau = rv("sd_source", priors["sd_source"], dims="benchmark")
    sigma = tau[contrasts.index("benchmark")] * contrasts["spread"]
    pm.StudentT("sources", nu=3.0, mu=0.0, sigma=sigma, observed=contrasts.values("value"))
    return tau


def score_likelihood(name: str, cells: Table, expected: Any, slope: Any, sd_benchmark: Any,
                     sd_source: Any, nu: Any) -> None:
    """Likelihood of the mean scores of one group of cells.

    Parameters
    ----------
    cells
        A row per cell: model, benchmark, score, items, replicates.
    expected, slope
        Curve at the model's effective size, and its derivative per e-fold.
    """
    benchmark = cells.index("benchmark")
    noise = noise_variance(expected=expected, items=cells["items"],
                           replicates=cells["replicates"], sd_source=sd_source[benchmark])
    sigma = pt.sqrt((slope * sd_benchmark[benchmark]) ** 2 + noise)
    pm.StudentT(f"{name}_scores", nu=nu, mu=expected, sigma=sigma,
                observed=cells.values("score"))
