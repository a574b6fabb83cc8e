"""Rehearsals: a ladder's largest runs are hidden and predicted from the rest, several times.

They show, on the ladder itself, how each law extrapolates at a distance: evidence for the weights
of the laws, and for a drift that none of them expresses. Hidden are the runs of most compute, and
where a ladder has few sizes also its largest one, since the next model is then a step in size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from densing_bayes.scaling_laws.fit import LawFit, fit_law
from densing_bayes.scaling_laws.geometry import reach
from densing_bayes.scaling_laws.tables import FEWEST_RUNS, FEWEST_SIZES, Ladder
from densing_bayes.specs import ModelSpec

KEPT_SHARES = (0.7, 0.85)  # of the runs, least compute first
FEW_SIZES = 8  # a ladder of at most so many also hides its largest size
SAME_SIZE = 0.01  # of ln params: sizes nearer than this are one size
WINDOW = 0.7  # of ln compute: hidden runs of one size this near share their error


@dataclass(frozen=True)
class Rehearsal:
    """Laws fitted to a part of a ladder, and the runs hidden from them."""

    name: str
    kept: Ladder
    hidden: pd.DataFrame
    fits: dict[str, LawFit]

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

    @property
    def distance(self) -> np.ndarray:
        """E-folds of each hidden run from the kept ones (`geometry.reach`)."""
        return reach(self.size, self.token, self.kept.size, self.kept.token)

    @property
    def group(self) -> np.ndarray:
        """Number of the group of each hidden run: one size, about one compute."""
        block = np.floor((self.size + self.token) / WINDOW).astype(int)
        return np.unique(np.column_stack([same_size(self.size), block]), axis=0,
                         return_inverse=True)[1].reshape(-1)


def rehearse(ladder: Ladder, names: list[str], spec: ModelSpec, *,
             progress: Callable[[str], None] | None = None, case: str = "") -> list[Rehearsal]:
    """Variants of the law fitted to parts of a ladder; empty where too few runs would be kept."""
    found = []
    for cut, keep in cuts(ladder).items():
        kept = ladder.part(keep)
        label = " ".join(part for part in (case, f"rehearsal {cut}") if part)
        fits = {name: fit_law(kept, name, spec, progress=progress, case=label, rough=True)
                for name in names}
        found.append(Rehearsal(cut, kept, ladder.frame[~keep].reset_index(drop=True), fits))
    return found


def cuts(ladder: Ladder) -> dict[str, np.ndarray]:
    """Which runs each rehearsal keeps, by its name.

    A cut needs five kept runs of three sizes (of three token counts where the ladder has a
    single size); cuts that would keep the same runs are made once.
    """
    compute, sizes = ladder.size + ladder.token, same_size(ladder.size)
    tried = {f"compute to {share:.0%}": compute <= np.quantile(compute, share) + 1e-9
             for share in KEPT_SHARES}
    if FEWEST_SIZES < sizes.max() + 1 <= FEW_SIZES:
        tried["sizes but the largest"] = sizes < sizes.max()
    steps = ladder.token if ladder.design.kind == "one size" else ladder.size
    found: dict[str, np.ndarray] = {}
    for name, keep in tried.items():
        enough = keep.sum() >= FEWEST_RUNS and not keep.all() and (
            same_size(steps[keep]).max() + 1 > FEWEST_SIZES)
        known = any((keep == one).all() for one in found.values())
        if enough and not known and np.ptp(ladder.log_loss[keep]) > 0:
            found[name] = keep
    return found


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
