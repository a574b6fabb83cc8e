"""Ladders under several laws: weighted by what each law predicts, and pooled over ladders.

Laws are compared by PSIS-LOO on the ladder's runs and by a rehearsal on its largest ones. One
that fails its diagnostics twice is left out of the mixture and named.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from densing_bayes.errors import GateError
from densing_bayes.scaling.fit import VARIANTS, LawFit, fit_law, variants_of
from densing_bayes.scaling.pooling import Pooled, pool
from densing_bayes.scaling.rehearse import Rehearsal, rehearse, same_size
from densing_bayes.scaling.tables import Ladder, Runs
from densing_bayes.scaling.weights import decisively_worse, stacking_weights
from densing_bayes.specs import ModelSpec


@dataclass(frozen=True)
class LadderFit:
    """One ladder under all laws that passed, with the weight of each.

    Parameters
    ----------
    weights
        Weight of each law, see `law_weights`.
    comparison
        ArviZ's table of laws: elpd, differences, and its own (optimal) stacking weight; None
        for a single law.
    rehearsal
        Fits of the same laws to the smaller runs; None where none was needed or possible.
    failed
        Diagnostics of laws left out.
    """

    ladder: Ladder
    laws: dict[str, LawFit]
    weights: dict[str, float]
    comparison: Any = None
    rehearsal: Rehearsal | None = None
    failed: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def best(self) -> LawFit:
        """The law with the largest weight."""
        return self.laws[max(self.weights, key=self.weights.__getitem__)]


def fit_ladder(ladder: Ladder, laws: Iterable[str], spec: ModelSpec, *,
               progress: Callable[[str], None] | None = None, case: str = "") -> LadderFit:
    """A ladder under several laws, weighted.

    Parameters
    ----------
    laws
        Names in `fit.LAWS`. A law that needs more runs than the ladder has is skipped, unless
        none would be left.

    Raises
    ------
    GateError
        Where no law passes its diagnostics.
    """
    names = variants_of(laws)
    enough = [name for name in names if len(ladder.frame) >= VARIANTS[name].fewest]
    fits = {name: fit_law(ladder, name, spec, progress=progress, case=case)
            for name in enough or names}
    failed = {name: fit.diagnostics for name, fit in fits.items()
              if not fit.diagnostics["passed"]}
    passed = {name: fit for name, fit in fits.items() if name not in failed}
    if not passed:
        raise GateError(f"{ladder.name}: no law passed its diagnostics ({failed})")
    if len(passed) == 1:
        return LadderFit(ladder, passed, dict.fromkeys(passed, 1.0), failed=failed)
    rehearsal = rehearse(ladder, in_question(passed), spec, progress=progress, case=case)
    return LadderFit(ladder, passed, law_weights(passed, rehearsal, seed=spec.sampling.seed),
                     _compare(passed), rehearsal, failed)


def law_weights(fits: dict[str, LawFit], rehearsal: Rehearsal | None, *,
                seed: int) -> dict[str, float]:
    """Stacking weights of laws on one ladder.

    One observation is one model size, since runs of one size share its errors: the mean LOO
    log density of its runs, and, for a size hidden in the rehearsal, the mean log density of
    its hidden runs there. A law that predicts the ladder's runs decisively worse than the best
    has no weight.
    """
    names = in_question(fits)
    ladder = fits[names[0]].ladder
    rows = _means(np.column_stack([fits[name].loo["log_density"] for name in names]),
                  same_size(ladder.size))
    if rehearsal is not None:
        hidden = np.column_stack([rehearsal.log_density(name) for name in names])
        rows = np.vstack([rows, _means(hidden, same_size(rehearsal.size))])
    found = dict(zip(names, stacking_weights(rows, seed=seed).tolist(), strict=True))
    return {name: found.get(name, 0.0) for name in fits}


def in_question(fits: dict[str, LawFit]) -> list[str]:
    """The laws that do not predict the ladder's own runs decisively worse than the best."""
    worse = decisively_worse(np.column_stack([fit.loo["log_density"] for fit in fits.values()]))
    return [name for name, out in zip(fits, worse, strict=True) if not out]


def _means(rows: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Mean of the rows of each group."""
    return np.stack([rows[group == one].mean(axis=0) for one in range(group.max() + 1)])


def fit_runs(runs: Runs, laws: Iterable[str], spec: ModelSpec, *,
             progress: Callable[[str], None] | None = None
             ) -> tuple[dict[str, LadderFit], dict[str, Pooled], list[str]]:
    """Every ladder under every law; with several ladders, exponents partially pooled per law.

    Returns
    -------
    ladders
        Fits of each ladder on its own: weights compare laws on its runs alone.
    pooled
        Per law, the common exponents and each ladder's draws under pooling; empty with one
        ladder.
    refused
        Of several ladders, those on which no law passed its diagnostics, each with the reason.
    """
    laws = list(laws)
    fits, refused = {}, []
    for name, ladder in runs.ladders.items():
        try:
            fits[name] = fit_ladder(ladder, laws, spec, progress=progress)
        except GateError as error:
            if len(runs.ladders) == 1:
                raise
            refused.append(str(error))
    if not fits:
        raise GateError("; ".join(refused))
    pooled = {}
    if len(fits) > 1:
        for name in variants_of(laws):
            having = {key: fit.laws[name].draws for key, fit in fits.items() if name in fit.laws}
            if len(having) > 1:
                pooled[name] = pool(having, spec.priors, seed=spec.sampling.seed)
    return fits, pooled, refused


def _compare(fits: dict[str, LawFit]) -> Any:
    """ArviZ's comparison of laws, or None for a single law."""
    import arviz_stats as azs

    if len(fits) < 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return azs.compare({name: fit.loo["object"] for name, fit in fits.items()},
                           method="stacking", round_to="none")
