"""Draws as the corollaries use them: of one or several regimes, pooled by weight.

Times are years since `ORIGIN` (LLaMA-1, 2023-02-24), the day at which ``level`` is taken.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from densing_bayes import laws
from densing_bayes.errors import InputError, Problem, did_you_mean, plain
from densing_bayes.joint.quantities import frontier_path
from densing_bayes.joint.views import View
from densing_bayes.observations import ORIGIN
from densing_bayes.trends import DAYS_PER_YEAR


def years_of(date: dt.date) -> float:
    """Years since `ORIGIN`.

    Examples
    --------
    >>> years_of(dt.date(2023, 2, 24)), round(years_of(dt.date(2024, 2, 24)), 4)
    (0.0, 0.9993)
    """
    return (date - dt.date.fromisoformat(ORIGIN)).days / DAYS_PER_YEAR


def date_of(years: float) -> dt.date:
    """The calendar day, the inverse of `years_of`; days beyond the calendar are its last day.

    Examples
    --------
    >>> date_of(years_of(dt.date(2030, 12, 31))).isoformat()
    '2030-12-31'
    """
    days = round(years * DAYS_PER_YEAR)
    origin = dt.date.fromisoformat(ORIGIN)
    return origin + dt.timedelta(days=min(days, (dt.date.max - origin).days))


@dataclass(frozen=True)
class Posterior:
    """Draws of one fit under one regime of growth.

    Parameters
    ----------
    draws
        Dataset with dims ``chain``, ``draw`` (and ``model``): ``rate`` (1/year) and ``level``
        (ln density at `ORIGIN`) of the frontier, ``gap_family``, ``gap_model``,
        ``spread_growth``, ``noise``, ``log_effective``, ``log_density``; coordinates ``date``,
        ``eligible`` and ``log_params`` of each model.
    log_size_of_score
        Score on ``benchmark`` -> draws of the ln effective size that reaches it; NaN where the
        score lies above the ceiling.
    benchmark
        Name of the anchored benchmark.
    name, weight
        Of the regime, for pooling (stacking weights).
    path
        Years since `ORIGIN` (1-D array) -> draws of the frontier's ln density with a last dim
        ``time``; None for the straight line level + rate t.
    views
        Model -> what the benchmarks of the fit say of it (`densing_bayes.joint.views`).
    where
        ``centre``, ``last`` and ``mean_size`` of the benchmarks' own trends
        (`densing_bayes.corollaries.targets.Target`).
    """

    draws: xr.Dataset
    log_size_of_score: Callable[[float], xr.DataArray] | None = None
    benchmark: str = "MMLU"
    name: str = "fit"
    weight: float = 1.0
    path: Callable[[np.ndarray], xr.DataArray] | None = None
    views: Callable[[str], list[View]] | None = None
    where: Mapping[str, float] = field(default_factory=dict)

    def frontier(self, years: np.ndarray) -> np.ndarray:
        """Ln density of the frontier, shape (sample, time)."""
        if self.path is not None:
            return flat(self.path(years), "time")
        return flat(self.draws["level"])[:, None] + flat(self.draws["rate"])[:, None] * years


LAW = ("log_a", "alpha", "log_b", "beta", "irreducible")
CURVE = ("gamma", "midpoint", "scale", "chance")


def constants(derived: xr.Dataset, names: Sequence[str]) -> dict[str, xr.DataArray]:
    """Constants of the first anchor's ruler: arguments of `densing_bayes.laws`."""
    return {name: derived[name].isel(anchor=0, missing_dims="ignore") for name in names}


def from_derived(derived: xr.Dataset, *, benchmark: str, reference_tokens: float,
                 name: str = "fit", weight: float = 1.0, **more: Any) -> Posterior:
    """The posterior of a joint fit, as `densing_bayes.joint.quantities.derive` gives it.

    Parameters
    ----------
    derived
        With the ruler's constants, dim ``anchor``; the first anchor reads scores.
    benchmark
        The first anchor.
    reference_tokens
        D0 of the ruler.
    more
        ``views`` and ``where`` of `Posterior`.
    """
    law, curve = constants(derived, LAW), constants(derived, CURVE)

    def log_size_of_score(score: float) -> xr.DataArray:
        with np.errstate(invalid="ignore", divide="ignore"):
            loss = laws.loss_of_score(score=score, **curve)
            size = laws.log_effective_size(loss=loss, tokens=reference_tokens, **law)
        return size.where(score > curve["chance"], -np.inf)  # guessing needs no model

    return Posterior(derived, log_size_of_score, benchmark, name, weight,
                     lambda years: frontier_path(derived, years), **more)


def flat(values: xr.DataArray, *rest: str) -> np.ndarray:
    """Draws as an array whose first axis is the sample (chain by chain)."""
    array = values.transpose("chain", "draw", *rest).to_numpy()
    return array.reshape(array.shape[0] * array.shape[1], *array.shape[2:])


@dataclass(frozen=True, eq=False)
class Seen:
    """A model as one benchmark sees it, in the draws of a pool.

    Parameters
    ----------
    benchmark, domain, score
        As in `densing_bayes.joint.views.View`.
    log_size, trend, tilt
        Its draws, (sample,).
    where
        Of the posterior.
    """

    benchmark: str
    domain: str
    score: float
    log_size: np.ndarray
    trend: np.ndarray
    tilt: np.ndarray
    where: Mapping[str, float]


@dataclass(frozen=True)
class Pool:
    """Draws of all regimes in one list, each regime as often as its weight says."""

    parts: tuple[tuple[Posterior, np.ndarray], ...]

    def _take(self, values: Callable[[Posterior], np.ndarray]) -> np.ndarray:
        return np.concatenate([values(part)[index] for part, index in self.parts])

    @property
    def size(self) -> int:
        """Number of draws."""
        return sum(len(index) for _, index in self.parts)

    @cached_property
    def models(self) -> list[str]:
        """Names of the models that every regime knows."""
        known = [set(part.draws["model"].to_numpy().tolist()) for part, _ in self.parts]
        return sorted(set.intersection(*known))

    @cached_property
    def places(self) -> dict[str, tuple[dt.date, float]]:
        """Release date and ln parameters of each model."""
        if not self.models:
            return {}
        known = self.parts[0][0].draws.sel(model=self.models)
        days = known["date"].to_numpy().astype("datetime64[D]").tolist()
        sizes = known["log_params"].to_numpy().tolist()
        return dict(zip(self.models, zip(days, sizes, strict=True), strict=True))

    def thin(self, size: int) -> Pool:
        """At most ``size`` draws, at even steps, the regimes' shares kept."""
        share = min(1.0, size / self.size)
        return Pool(tuple(
            (part, index[np.linspace(0, len(index) - 1, max(1, round(len(index) * share)))
                         .round().astype(int)]) for part, index in self.parts))

    @property
    def benchmark(self) -> str:
        """The benchmark of `size_of_score`."""
        return self.parts[0][0].benchmark

    def frontier(self, years: np.ndarray) -> np.ndarray:
        """Ln density of the frontier, shape (sample, time)."""
        return self._take(lambda part: part.frontier(years))

    def values(self, name: str) -> np.ndarray:
        """A scalar parameter, shape (sample,)."""
        return self._take(lambda part: flat(part.draws[name]))

    @property
    def centre(self) -> float:
        """Mean date of the models that may lie on the frontier, at which scales of gaps are."""
        known = self.parts[0][0].draws
        days = known["date"].values[known["eligible"].values].astype("datetime64[D]")
        return float(np.mean([years_of(day) for day in days.tolist()]))

    def effective(self, model: str) -> np.ndarray:
        """Ln effective size of a model, shape (sample,)."""
        return self._take(lambda part: flat(part.draws["log_effective"].sel(model=model)))

    def effective_of(self, models: Sequence[str]) -> np.ndarray:
        """Ln effective sizes of models, shape (sample, model)."""
        def of(part: Posterior) -> np.ndarray:
            place = {name: k for k, name in enumerate(part.draws["model"].values.tolist())}
            return flat(part.draws["log_effective"], "model")[:, [place[name] for name in models]]

        return self._take(of)

    def seen(self, model: str) -> list[Seen]:
        """What the benchmarks of the fit say of a model of the tables; empty where none has."""
        posteriors = [part for part, _ in self.parts]
        if any(part.views is None for part in posteriors):
            return []
        each = [part.views(model) for part in posteriors]  # type: ignore[misc]
        return [Seen(first.benchmark, first.domain, first.score,
                     *(np.concatenate([flat(getattr(found[k], name))[index] for found, (_, index)
                                       in zip(each, self.parts, strict=True)])
                       for name in ("log_size", "trend", "tilt")), posteriors[0].where)
                for k, first in enumerate(each[0])]

    def own_trends(self, benchmark: int) -> tuple[Any, Any, Mapping[str, float]]:
        """Draws of a benchmark's own trend and tilt, and where they are zero; none known: 0."""
        first = self.parts[0][0]
        if "trend" not in first.draws or not first.where:
            return 0.0, 0.0, {}
        trend, tilt = (self._take(lambda part, name=name: flat(  # type: ignore[misc]
            part.draws[name].isel(benchmark=benchmark))) for name in ("trend", "tilt"))
        return trend, tilt, first.where

    def size_of_score(self, score: float) -> np.ndarray:
        """Ln effective size that reaches a score; infinite where the ceiling is below it."""
        def of(part: Posterior) -> np.ndarray:
            if part.log_size_of_score is None:
                raise InputError(Problem("this fit has no anchored benchmark to read scores on"))
            return flat(part.log_size_of_score(score))

        sizes = self._take(of)
        missing = np.isnan(sizes)
        if missing.mean() > 0.5:
            raise InputError(Problem(
                f"no effective size reaches this score on {self.benchmark} in "
                f"{missing.mean():.0%} of the draws", given=score,
                allowed="a score between chance level and the benchmark's ceiling"))
        return np.where(missing, np.inf, sizes)


def pool(posteriors: Posterior | Sequence[Posterior], size: int | None = None) -> Pool:
    """Regimes stacked: each gives draws in proportion to its weight.

    Parameters
    ----------
    size
        Number of draws (default: all of a single posterior, or as many as the regimes hold
        without repeating one). Draws are taken at even steps.

    Raises
    ------
    InputError
        Where no regime has a positive weight.

    Examples
    --------
    >>> line = lambda rate: xr.Dataset({"rate": (("chain", "draw"), np.full((1, 100), rate))})
    >>> both = pool([Posterior(line(2.0), weight=3), Posterior(line(1.0), weight=1)], 20)
    >>> both.size, float(both.values("rate").mean())
    (20, 1.75)
    """
    given = [posteriors] if isinstance(posteriors, Posterior) else list(posteriors)
    given = [part for part in given if part.weight > 0]
    if not given:
        raise InputError(Problem("no regime has a positive weight"))
    total = sum(part.weight for part in given)
    shares = np.array([part.weight / total for part in given])
    held = np.array([part.draws.sizes["chain"] * part.draws.sizes["draw"] for part in given])
    if size is None:
        size = int((held / shares).min())
    counts = np.diff(np.round(np.concatenate([[0.0], np.cumsum(shares)]) * size)).astype(int)
    parts = []
    for part, have, count in zip(given, held, counts, strict=True):
        if count:
            parts.append((part, np.linspace(0, have - 1, count).round().astype(int)))
    return Pool(tuple(parts))


def pair(draws: Any, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draws of an independent posterior, ``size`` of them in random order.

    Two posteriors that share no data are combined by pairing any draw of one with any draw of
    the other.
    """
    values = np.asarray(draws, dtype=float).ravel()
    if size <= len(values):
        return rng.permutation(values)[:size]
    return rng.choice(values, size)


def unknown(what: str, given: str, known: Sequence[str], outside: Sequence[str] = ()) -> InputError:
    """The error for a name that is not on a list, with the nearest one, whatever its case.

    Of ``outside``, names that the tables have and the fit has not, it says so.
    """
    some = ", ".join(list(known)[:8]) + (f" and {len(known) - 8} more" if len(known) > 8 else "")
    same = next((name for name in outside if plain(name) == plain(given)), None)
    return InputError(Problem(
        f"unknown {what}", given=given, allowed=some,
        hint=f"{same!r} is in the tables, outside this fit" if same
        else did_you_mean(given, known)))
