"""The rehearsal: a ladder's largest runs are hidden and predicted from the rest.

It shows, on the ladder itself, how each law extrapolates: evidence for the weights of the laws
and for what none of them expresses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import logsumexp
from scipy.stats import t as student

from densing_bayes.scaling.fit import LawFit, fit_law, location_scale
from densing_bayes.scaling.tables import FEWEST_RUNS, FEWEST_SIZES, Ladder
from densing_bayes.specs import ModelSpec

KEPT_SHARE = 2 / 3  # of the runs, least compute first
SAME_SIZE = 0.01  # of ln params: sizes nearer than this are one size


@dataclass(frozen=True)
class Rehearsal:
    """Laws fitted to the smaller runs of a ladder, and the runs hidden from them."""

    kept: Ladder
    hidden: pd.DataFrame
    fits: dict[str, LawFit]
    resolution: float

    @property
    def size(self) -> np.ndarray:
        """ln(N/N0) of the hidden runs, about the kept ladder's centre."""
        return self.kept.of(self.hidden["params"], self.hidden["tokens"])[0]

    @property
    def token(self) -> np.ndarray:
        """ln(D/D0) of the hidden runs, about the kept ladder's centre."""
        return self.kept.of(self.hidden["params"], self.hidden["tokens"])[1]

    @property
    def log_loss(self) -> np.ndarray:
        """Log loss of the hidden runs."""
        return np.log(self.hidden["loss"].to_numpy())

    def log_density(self, name: str) -> np.ndarray:
        """Log predictive density of each hidden run under a law fitted to the kept ones."""
        fitted, scale, tail = location_scale(self.fits[name].draws, self.size, self.token,
                                             self.resolution)
        density = student.logpdf((self.log_loss - fitted) / scale, tail) - np.log(scale)
        return logsumexp(density, axis=0) - np.log(len(density))


def rehearse(ladder: Ladder, names: list[str], spec: ModelSpec, *,
             progress: Callable[[str], None] | None = None, case: str = "") -> Rehearsal | None:
    """Variants of the law fitted to the smaller runs, or None where too few would be kept."""
    keep = kept_runs(ladder)
    if keep is None:
        return None
    kept = ladder.part(keep)
    fits = {name: fit_law(kept, name, spec, progress=progress, case=f"{case} rehearsal".strip())
            for name in names}
    return Rehearsal(kept, ladder.frame[~keep].reset_index(drop=True), fits,
                     float(spec.options["resolution"]))


def kept_runs(ladder: Ladder) -> np.ndarray | None:
    """Which runs a rehearsal keeps (least compute first), or None where it would keep too few."""
    compute = ladder.size + ladder.token
    count = max(FEWEST_RUNS, int(np.ceil(KEPT_SHARE * len(compute))))
    if count >= len(compute):
        return None
    keep = np.zeros(len(compute), dtype=bool)
    keep[np.argsort(compute, kind="stable")[:count]] = True
    enough = same_size(ladder.size[keep]).max() + 1 > FEWEST_SIZES
    return keep if enough and np.ptp(ladder.log_loss[keep]) > 0 else None


def same_size(size: np.ndarray) -> np.ndarray:
    """Number of the size that each run has: sizes within 1% of the next are one.

    Examples
    --------
    >>> same_size(np.log([7e9, 1e9, 7.01e9])).tolist()
    [1, 0, 1]
    """
    order = np.argsort(size, kind="stable")
    steps = np.diff(size[order], prepend=size[order][0]) > SAME_SIZE
    group = np.empty(len(size), dtype=int)
    group[order] = np.cumsum(steps)
    return group
