"""Evidence for a change: marginal likelihoods, predictive comparisons, and power.

The rule of the verdict (`Rule`) is stated here, and `power` applies it to simulated series.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import logsumexp

from densing_bayes.breakpoints.designs import Design, Regime, Units
from densing_bayes.breakpoints.exact import evidence_of_widths
from densing_bayes.breakpoints.fits import Fit, carried, fit_all
from densing_bayes.breakpoints.series import FEWEST, Series, check
from densing_bayes.breakpoints.shapes import Kink
from densing_bayes.importance import pareto_smoothed, stream
from densing_bayes.specs import ModelSpec

WIDTHS = np.geomspace(0.1, 2.0, 14)  # prior sd of the change, as multiples of the spec's
SMALL = 100  # points below which a difference of elpd has no normal error (Sivula et al. 2020)
GOOD_K = 0.7  # Pareto k up to which PSIS-LOO is to be trusted
LARGEST_RATIO = 1e6  # beyond this the ratio's size rests on a tail that no draw has seen
WINDOWS = 4
QUICK = {"draws": 250, "tune": 300, "chains": 2}  # of a refit that only scores a few points


@dataclass(frozen=True)
class Rule:
    """When the verdict may say that the rate changed.

    In a world without a change a Bayes factor reaches k at most once in k times (Markov's
    inequality, over the prior), and on real spreads far more rarely; the false-alarm rate of
    the rule as a whole is measured by ``tests/statistical``.
    """

    ratio: float = 10.0
    probability: float = 0.975
    worst: float = -1.0

    def __str__(self) -> str:
        return (f"evidence of {self.ratio:g} : 1 or more over the strongest regime without a "
                f"change, a probability of one sign of {self.probability:g} or more, and later "
                f"points not predicted worse from earlier ones by {-self.worst:g} or more in elpd")

    def holds(self, ratio: Any, p_up: Any) -> Any:
        """Whether evidence and sign suffice."""
        return (ratio >= self.ratio) & (np.maximum(p_up, 1 - p_up) >= self.probability)

    def claim(self, ratio: float, p_faster: float, ahead: float | None = None) -> str:
        """``faster``, ``slower`` or ``undecided``.

        Parameters
        ----------
        ratio, p_faster
            Evidence for a change, and probability that the rate rose.
        ahead
            What a change gains in elpd of later points over none; None if it is not known.

        Examples
        --------
        >>> RULE.claim(25.0, 0.99), RULE.claim(25.0, 0.9), RULE.claim(3.0, 0.001)
        ('faster', 'undecided', 'undecided')
        >>> RULE.claim(25.0, 0.99, ahead=-1.1)
        'undecided'
        """
        if not self.holds(ratio, p_faster) or (ahead is not None and ahead <= self.worst):
            return "undecided"
        return "faster" if p_faster > 0.5 else "slower"


RULE = Rule()


# -- marginal likelihoods -----------------------------------------------------------------------


def over_widths(found: Fit, constant: Fit,
                asked: Sequence[float] = tuple(WIDTHS)) -> pd.DataFrame:
    """Evidence for one change over none (Bayes factor), as a curve over its prior width.

    Of all points each width has its exact marginal likelihood. Else the curve's course is
    E[N(c; 0, s) / N(c; 0, s0)] over the posterior of the change c, for another prior width s,
    and its height the ratio of the two fits' marginal likelihoods; of chains, and of series
    whose points share an error that may fake a change, the Savage-Dickey ratio (Dickey 1971):
    prior over posterior density at zero.

    Returns
    -------
    DataFrame
        ``width`` (multiple of the spec's), ``width_per_year`` (prior sd of the change in the
        unit of the series per year), ``ratio``: above 1 for a change, below 1 for none.
    """
    prior = found.spec.priors["change"].args["sigma"]
    widths = np.asarray(asked, dtype=float)
    shared = found.series.shared.shape[1] > 0
    one, none = found.log_evidence, constant.log_evidence
    if found.diagnostics["method"] == "exact" and not shared and none is not None:
        with np.errstate(over="ignore"):
            ratio = np.exp(evidence_of_widths(found, widths) - none)
    else:
        change = found.seen["sizes"][:, 0]
        faked = np.linalg.norm(carried(found)[:, 2], axis=1) @ found.chances if shared else 0.0
        log_prior = stats.norm.logpdf(change, 0, prior)

        def seen(width: float) -> float:
            return float(np.exp(stats.norm.logpdf(change, 0, width) - log_prior).mean())

        each = np.array([seen(np.hypot(faked, prior * width)) for width in widths])
        smooth = 1.06 * change.std() * len(change) ** -0.2  # of a density estimate at zero
        with np.errstate(over="ignore", divide="ignore"):
            at_zero = seen(np.hypot(faked, max(smooth, 1e-9)))
            ratio = each * np.exp(one - none) if one is not None and none is not None and (
                not shared) else each / np.array(at_zero)
    if not found.design.values(np.linspace(-0.5, 0.5, 9)).any():
        ratio = np.ones_like(ratio)  # no column: the data say nothing, at any width
    return pd.DataFrame({
        "width": widths, "width_per_year": prior * widths * abs(found.units.per_year),
        "ratio": np.minimum(ratio, LARGEST_RATIO)})


def over_rivals(fits: dict[str, Fit], changing: Sequence[str]) -> tuple[float, str] | None:
    """Evidence for a change over the strongest regime without one, and that regime's name.

    The changing regimes are equally likely beforehand: their marginal likelihoods are averaged.
    None where a marginal likelihood is not known (chains, errors that points share).
    """
    logs = {name: found.log_evidence for name, found in fits.items()
            if found.log_evidence is not None}
    steady = [name for name, found in fits.items() if not found.regime.shape.turns]
    if any(found.series.shared.shape[1] for found in fits.values()) or not {
            *steady, *changing} <= logs.keys():
        return None
    rival = max(steady, key=logs.__getitem__)
    change = logsumexp([logs[name] for name in changing]) - np.log(len(changing))
    return float(min(np.exp(min(change - logs[rival], 50.0)), LARGEST_RATIO)), rival


# -- predictive comparison ----------------------------------------------------------------------


def leave_one_out(fits: dict[str, Fit]) -> tuple[pd.DataFrame, list[str]]:
    """LOO of each regime, differences to the first, stacking weights; and its warnings.

    Of all points it is exact, each being predicted from all others; else by PSIS (Vehtari et al.
    2024), whose Pareto k says where it fails.
    """
    scores, k, notes = {}, {}, []
    for name, found in fits.items():
        scores[name], k[name] = (
            (found.left_out, np.zeros(1)) if found.left_out is not None else _psis(found))
    count = len(next(iter(scores.values())))
    bad = {name: int((each > GOOD_K).sum()) for name, each in k.items()}
    worst = max(bad, key=lambda name: bad[name])
    if bad[worst]:
        notes.append(
            f"{sum(map(bool, bad.values()))} of {len(bad)} regimes have points with Pareto k above "
            f"{GOOD_K:.2f}, at most {bad[worst]} of {count} points "
            f"({fits[worst].regime.title})")
    frame = _compare(scores)
    if any(found.left_out is None for found in fits.values()):
        frame["pareto_k_max"] = [float(k[name].max()) for name in frame.index]
    if count < SMALL:
        notes.insert(0, f"{count} points are fewer than {SMALL}: the standard errors of "
                        "differences are too small to be read as normal")
    return frame, notes


def _psis(found: Fit) -> tuple[np.ndarray, np.ndarray]:
    """Log density of each point given the others by Pareto-smoothed weights, and their k."""
    likelihood = found.pointwise()
    each, k = [], []
    for point in likelihood.T:
        weight, shape = pareto_smoothed(-point)
        each.append(logsumexp(point, b=weight))
        k.append(shape)
    return np.array(each), np.array(k)


def windows_of(series: Series) -> list[tuple[int, int]]:
    """Blocks of the second half of a series, each with all that came before it; whole dates."""
    starts = np.unique(series.dates, return_index=True)[1]
    ends = np.append(starts[1:], len(series))  # counts of points at which a date is complete
    wanted = np.linspace(max(FEWEST, math.ceil(len(series) / 2)), len(series), WINDOWS + 1)
    edges = np.unique([ends[min(int(np.searchsorted(ends, count - 1e-9)), len(ends) - 1)]
                       for count in wanted])
    return [(int(a), int(b)) for a, b in pairwise(edges) if not check(series.until(int(a)))]


def leave_future_out(series: Series, regimes: Sequence[Regime], spec: ModelSpec,
                     progress: Callable[[str], None] | None = None) -> pd.DataFrame | None:
    """Each regime's log score of points that it had not seen, refitted on growing windows.

    The second half of the series is cut into up to ``WINDOWS`` blocks; each is scored by fits
    to everything before it, in the units of that window, so nothing of the future leaks in.
    None where the first half is too short to fit.
    """
    windows = windows_of(series)
    if not windows or sum(b - a for a, b in windows) < 3:
        return None
    sampling = replace(spec.sampling, **QUICK)
    points: dict[str, list[np.ndarray]] = {regime.name: [] for regime in regimes}
    for start, stop in windows:
        if progress is not None:
            progress(f"leaving out what came after {series.dates[start - 1]}")
        known = series.until(start)
        fits = fit_all(known, [regime.within(known) for regime in regimes], spec,
                       sampling=sampling, case=f"before {start}", checked=False)
        for name, found in fits.items():
            ahead = found.pointwise(series.until(stop), given=start)
            points[name].append(logsumexp(ahead, axis=0) - np.log(len(ahead)))
    each = {name: np.concatenate(blocks) for name, blocks in points.items()}
    frame = _compare(each)
    frame.attrs["each"] = each
    return frame


def _compare(scores: dict[str, np.ndarray]) -> pd.DataFrame:
    """elpd, difference to the first regime with its se, stacking weight; in their order."""
    each = np.column_stack(list(scores.values()))
    differences = each - each[:, :1]
    return pd.DataFrame({
        "elpd": each.sum(axis=0), "elpd_diff": differences.sum(axis=0),
        "se": differences.std(axis=0) * np.sqrt(len(each)), "weight": stack(each),
    }, index=list(scores))


def stack(elpd: np.ndarray, bootstraps: int = 200, steps: int = 300) -> np.ndarray:
    """Stacking weights, averaged over a Bayesian bootstrap of the points.

    Plain stacking (Yao et al. 2018) picks the weights that maximise the sum over points of the
    log of the mixed density. On a dozen points the optimum sits in a corner and tells a
    forecast that the regime is certain. Averaging the optimum over Dirichlet weights of the
    points says how firmly they choose; on many points it is plain stacking again. The optimum is
    found by EM from equal weights, so that regimes which predict alike share alike.

    Parameters
    ----------
    elpd
        Log density of each held-out point by regime, (point, regime).

    Examples
    --------
    >>> import numpy as np
    >>> [round(float(w), 2) for w in stack(np.zeros((9, 2)))]
    [0.5, 0.5]
    """
    density = np.exp(elpd - elpd.max(axis=1, keepdims=True))
    counts = np.random.default_rng(0).dirichlet(np.ones(len(elpd)), size=bootstraps)
    weights = np.full((bootstraps, elpd.shape[1]), 1 / elpd.shape[1])
    for _ in range(steps):
        share = weights[:, None, :] * density
        share /= share.sum(axis=-1, keepdims=True)
        weights = (counts[:, :, None] * share).sum(axis=1)
    return weights.mean(axis=0)


# -- power ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Power:
    """What the data could have shown.

    Parameters
    ----------
    smallest
        Smallest change of the rate (per year) that the rule would have shown with probability
        ``probability``, at ``day``; infinite where none.
    false_alarms
        Share of simulated series without a change in which the rule would claim one.
    """

    smallest: float
    probability: float
    day: float
    false_alarms: float


def power(known: Fit, regime: Regime, probability: float = 0.8, worlds: int = 400) -> Power:
    """Smallest change that the rule would have shown, by simulation of a linear series.

    Parameters
    ----------
    known
        Fit of a kink at one date, where the change is put; its posterior sd of the change says
        how much noise a straight-line analysis of this series faces.
    regime
        The kink regime that the verdict judges by (its date may be unknown).

    Notes
    -----
    Simulated are least-squares estimates under normal noise, for which the Bayes factor and the
    posterior have closed forms: seconds would not do for hundreds of refits at every size.
    """
    prior = known.spec.priors["change"].args["sigma"]
    time = known.units.time(known.series.days)
    truth = known.design.values(time)[0, 0]
    posterior = known.seen["sizes"][:, 0].var()
    day = known.regime.dates[0]
    if not truth.any() or posterior >= 0.98 * prior**2:
        return Power(math.inf, probability, day, 0.0)
    noise = np.linalg.norm(truth) / np.sqrt(1 / posterior - 1 / prior**2)
    shapes = Design.of(regime, known.units, time).values(time)[:, 0]
    shapes = shapes[np.linalg.norm(shapes, axis=1) > 0]
    size = np.linalg.norm(shapes, axis=1)
    rng = stream(known.spec.sampling.seed, "power")
    scatter = noise * rng.normal(size=(worlds, len(time)))
    variance = noise**2 / size**2

    def shown(change: float) -> float:
        estimate = (change * truth + scatter) @ shapes.T / size**2
        logs = (0.5 * np.log(variance / (variance + prior**2))
                + 0.5 * estimate**2 / variance * prior**2 / (variance + prior**2))
        z = estimate / np.sqrt(variance) * prior / np.sqrt(variance + prior**2)
        weight = np.exp(logs - logsumexp(logs, axis=1, keepdims=True))
        p_up = (weight * stats.norm.cdf(z)).sum(axis=1)
        ratio = np.exp(np.minimum(logsumexp(logs, axis=1) - np.log(len(size)), 50))
        return float(RULE.holds(ratio, p_up).mean())

    low, high = 0.0, 1.0
    while shown(high) < probability and high < 1e3:
        low, high = high, 2 * high
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (low, middle) if shown(middle) >= probability else (middle, high)
    return Power(high * abs(known.units.per_year), probability, day, shown(0.0))


def middle_kink(series: Series) -> Regime:
    """A kink in the middle of the series, for power where no date is given."""
    units = Units.of(series)
    return Regime("kink_middle", "rate changes in the middle", Kink(),
                  ((units.first + units.last) / 2,))
