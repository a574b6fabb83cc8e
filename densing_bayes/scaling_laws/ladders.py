"""Ladders under several laws: weighted by what each law predicts, and pooled over ladders.

Laws are compared by PSIS-LOO on the ladder's runs and by rehearsals at a distance. One that fails
its diagnostics though sampled again, longer, is left out of the mixture and named.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from densing_bayes.errors import GateError
from densing_bayes.scaling_laws.fit import VARIANTS, LawFit, fit_law, location_scale, variants_of
from densing_bayes.scaling_laws.pooling import Pooled, pool
from densing_bayes.scaling_laws.rehearse import Rehearsal, rehearse
from densing_bayes.scaling_laws.tables import Ladder, Runs
from densing_bayes.scaling_laws.weights import (
    bootstrap_weights,
    combined,
    decisively_worse,
    distant_density,
)
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
    rehearsals
        Fits of the laws in question to parts of the ladder; none where it has too few runs.
    failed
        Diagnostics of laws left out.
    skipped
        Laws that were not tried, since the ladder has too few runs for them.
    """

    ladder: Ladder
    laws: dict[str, LawFit]
    weights: dict[str, float]
    comparison: Any = None
    rehearsals: list[Rehearsal] = field(default_factory=list)
    failed: dict[str, dict[str, Any]] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

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
    asked = in_question(passed)
    rehearsals = rehearse(ladder, asked, spec, progress=progress, case=case)
    weights = law_weights({name: passed[name] for name in asked}, rehearsals,
                          seed=spec.sampling.seed)
    return LadderFit(ladder, passed, {name: weights.get(name, 0.0) for name in passed},
                     _compare(passed), rehearsals, failed,
                     [name for name in names if enough and name not in enough])


def law_weights(fits: dict[str, LawFit], rehearsals: list[Rehearsal], *,
                seed: int) -> dict[str, float]:
    """Weights of laws: beforehand, times leave-one-out densities, times rehearsals."""
    names = list(fits)
    if len(names) == 1:
        return {names[0]: 1.0}
    loo = np.column_stack([fits[name].loo["log_density"] for name in names])
    evidence = [np.array([VARIANTS[name].prior for name in names]),
                bootstrap_weights(loo, seed=seed)]
    if rehearsals:
        rows = np.array([[_distant(one, one.fits[name]) for name in names]
                         for one in rehearsals])
        evidence.append(bootstrap_weights(rows, seed=seed))
    return dict(zip(names, combined(*evidence).tolist(), strict=True))


def _distant(rehearsal: Rehearsal, fit: LawFit) -> float:
    """`distant_density` of a law in a rehearsal."""
    fitted, scale, _ = location_scale(fit.draws, rehearsal.size, rehearsal.token, 0.0)
    error, spread, far = [], [], []
    for rows in groups(rehearsal.group):
        mean = fitted[:, rows].mean(axis=1)
        noise = np.median(scale[:, rows], axis=0).mean()
        error.append(rehearsal.log_loss[rows].mean() - mean.mean())
        spread.append(np.hypot(mean.std(), noise / np.sqrt(len(rows))))
        far.append(rehearsal.distance[rows].mean())
    return distant_density(error=np.array(error), spread=np.array(spread), distance=np.array(far))


def groups(number: np.ndarray) -> list[np.ndarray]:
    """Positions of the members of each group.

    Examples
    --------
    >>> [rows.tolist() for rows in groups(np.array([0, 1, 0]))]
    [[0, 2], [1]]
    """
    return [np.flatnonzero(number == one) for one in range(number.max() + 1)]


def in_question(fits: dict[str, LawFit]) -> list[str]:
    """The laws that do not predict the ladder's own runs decisively worse than the best."""
    if len(fits) == 1:
        return list(fits)
    worse = decisively_worse(np.column_stack([fit.loo["log_density"] for fit in fits.values()]))
    return [name for name, out in zip(fits, worse, strict=True) if not out]


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
