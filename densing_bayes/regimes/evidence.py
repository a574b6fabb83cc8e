"""Evidence for a change: Savage-Dickey ratio, predictive comparisons, and power.

The rule of the verdict (`Rule`) is stated here, and `power` applies it to simulated series.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import arviz_base as azb
import arviz_stats as azs
import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats
from scipy.special import logsumexp

from densing_bayes.importance import stream
from densing_bayes.regimes.designs import Design, Regime, Units, rows_of
from densing_bayes.regimes.fits import CHUNK, Fit, candidate_likelihood, carried, fit
from densing_bayes.regimes.series import FEWEST, Series, check
from densing_bayes.specs import ModelSpec

WIDTHS = np.geomspace(0.1, 2.0, 14)  # prior sd of the change, as multiples of the spec's
SMALL = 100  # points below which a difference of elpd has no normal error (Sivula et al. 2020)
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

    def __str__(self) -> str:
        return (f"a Savage-Dickey ratio of {self.ratio:g} or more and a probability of one sign "
                f"of {self.probability:g} or more")

    def holds(self, ratio: Any, p_up: Any) -> Any:
        """Whether a change is claimed."""
        return (ratio >= self.ratio) & (np.maximum(p_up, 1 - p_up) >= self.probability)

    def claim(self, ratio: float, p_faster: float) -> str:
        """``faster``, ``slower`` or ``undecided``.

        Examples
        --------
        >>> RULE.claim(25.0, 0.99), RULE.claim(25.0, 0.9), RULE.claim(3.0, 0.001)
        ('faster', 'undecided', 'undecided')
        """
        if not self.holds(ratio, p_faster):
            return "undecided"
        return "faster" if p_faster > 0.5 else "slower"


RULE = Rule()


# -- the Savage-Dickey ratio --------------------------------------------------------------------


def change_density(found: Fit, grid: np.ndarray, draws: int = 160) -> np.ndarray:
    """Posterior density of the change (standard units) on a grid, Rao-Blackwellised.

    Mean over draws of the density of the change given everything else, with the date summed
    out: it reaches into tails where a kernel density estimate of the draws sees nothing.
    """
    rows = rows_of(found.series, found.units)
    shape = found.design.values(rows["time"])
    log_prior = stats.norm.logpdf(grid, 0, found.spec.priors["change"].args["sigma"])
    pick = np.linspace(0, len(found.pick) - 1, min(draws, len(found.pick))).astype(int)
    each = np.empty((len(pick), len(grid)))
    size = max(1, CHUNK // (shape.size * len(pick)))
    for i in range(0, len(grid), size):
        for j in range(i, min(i + size, len(grid))):
            change = np.full(len(pick), grid[j])
            each[:, j] = logsumexp(
                candidate_likelihood(found, rows, shape, change, pick), axis=1) + log_prior[j]
    each -= each.max(axis=1, keepdims=True)
    density = np.exp(each)
    density /= np.trapezoid(density, grid, axis=1)[:, None]
    return density.mean(axis=0)


def savage_dickey(found: Fit, constant: Fit,
                  widths: Sequence[float] = tuple(WIDTHS)) -> pd.DataFrame:
    """Evidence for a change over none, as a curve over the prior width of the change.

    The regime without a change is the one with a change of zero, so their Bayes factor is the
    prior over the posterior density at zero (Dickey 1971). For another prior width s it is
    E[N(c; 0, s) / N(c; 0, s0)] over the posterior of the change c, times that ratio.

    Far from zero the posterior density at zero is an average that few draws dominate; there the
    Bayes factor is taken from the two fits' marginal likelihoods, and only its course over the
    widths from the density.

    Returns
    -------
    DataFrame
        ``width`` (multiple of the spec's), ``width_per_year`` (prior sd of the change in the
        unit of the series per year), ``ratio``: above 1 for a change, below 1 for none.
    """
    prior = found.spec.priors["change"].args["sigma"]
    widths = np.asarray(widths, dtype=float)
    change = found.seen["change"]
    middle, spread = change.mean(), max(change.std(), 1e-6)
    grid = np.unique(np.concatenate([  # dense where the posterior is, and reaching to zero
        np.quantile(change, np.linspace(0, 1, 33)), middle + spread * np.linspace(-7, 7, 29),
        prior * widths.max() * np.linspace(-4, 4, 17), [0.0]]))
    likelihood = change_density(found, grid) / stats.norm.pdf(grid, 0, prior)
    shared = found.series.shared.shape[1] > 0
    if shared:  # the change that the measurements' shared error may fake
        size = np.linalg.norm(carried(found)[:, 2], axis=1) @ found.chances
        nodes, weights = np.polynomial.hermite_e.hermegauss(15)
        likelihood = (np.interp(grid[:, None] + size * nodes, grid, likelihood) * weights).sum(
            axis=1)
    at_zero = likelihood[np.searchsorted(grid, 0.0)]
    if None not in (found.log_evidence, constant.log_evidence) and not shared:
        factor = np.exp(found.log_evidence - constant.log_evidence)
        at_zero = np.trapezoid(likelihood * stats.norm.pdf(grid, 0, prior), grid) / factor
    evidence = np.array([
        np.trapezoid(likelihood * stats.norm.pdf(grid, 0, prior * width), grid) for width in widths
    ])
    with np.errstate(divide="ignore"):
        ratio = np.minimum(evidence / at_zero, LARGEST_RATIO)
    if not found.design.values(np.linspace(-0.5, 0.5, 9)).any():
        ratio = np.ones_like(ratio)  # no column: the data say nothing, at any width
    return pd.DataFrame({
        "width": widths, "width_per_year": prior * widths * abs(found.units.per_year),
        "ratio": ratio})


# -- predictive comparison ----------------------------------------------------------------------


def leave_one_out(fits: dict[str, Fit]) -> tuple[pd.DataFrame, list[str]]:
    """PSIS-LOO of each regime, differences to the first, stacking weights; and its warnings."""
    scores = {}
    notes = []
    for name, found in fits.items():
        shape = (found.chains, -1)
        likelihood = found.pointwise(found.series)
        tree = azb.from_dict({
            "posterior": {"rate": found.draws["rate"].reshape(shape)},
            "log_likelihood": {"point": likelihood.reshape(*shape, likelihood.shape[1])},
        })
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # said in words below
            scores[name] = azs.loo(tree, pointwise=True)
    bad = {name: int((score.pareto_k > score.good_k).sum()) for name, score in scores.items()}
    worst = max(bad, key=lambda name: bad[name])
    if bad[worst]:
        notes.append(
            f"{sum(map(bool, bad.values()))} of {len(bad)} regimes have points with Pareto k above "
            f"{scores[worst].good_k:.2f}, at most {bad[worst]} of {likelihood.shape[1]} points "
            f"({fits[worst].regime.title})")
    frame = _compare(scores)
    frame["pareto_k_max"] = [float(scores[name].pareto_k.max()) for name in frame.index]
    count = likelihood.shape[1]
    if count < SMALL:
        notes.insert(0, f"{count} points are fewer than {SMALL}: the standard errors of "
                        "differences are too small to be read as normal")
    return frame, notes


def leave_future_out(series: Series, regimes: Sequence[Regime], spec: ModelSpec,
                     progress: Callable[[str], None] | None = None) -> pd.DataFrame | None:
    """Each regime's log score of points that it had not seen, refitted on growing windows.

    The second half of the series is cut into up to ``WINDOWS`` blocks; each is scored by fits
    to everything before it, in the units of that window, so nothing of the future leaks in.
    None where the first half is too short to fit.
    """
    count = len(series)
    edges = np.unique(np.linspace(max(FEWEST, math.ceil(count / 2)), count, WINDOWS + 1).round())
    windows = [(int(a), int(b)) for a, b in pairwise(edges)
               if not check(series.until(int(a)))]
    if not windows or sum(b - a for a, b in windows) < 3:
        return None
    sampling = replace(spec.sampling, **QUICK)
    points: dict[str, list[np.ndarray]] = {regime.name: [] for regime in regimes}
    for start, stop in windows:
        if progress is not None:
            progress(f"leaving out what came after {series.dates[start - 1]}")
        known = series.until(start)
        for regime in regimes:
            case = f"before {start}"
            found = fit(known, regime.within(known), spec, sampling=sampling, case=case,
                        checked=False)
            ahead = found.pointwise(series.until(stop), given=start, case=f"{regime.name} {case}")
            points[regime.name].append(logsumexp(ahead, axis=0) - np.log(len(ahead)))
    scores = {}
    for name, blocks in points.items():
        each = xr.DataArray(np.concatenate(blocks), dims="point")
        scores[name] = azs.ELPDDataLFO(
            elpd=float(each.sum()), se=float(each.std(ddof=1) * np.sqrt(each.size)), p=np.nan,
            n_samples=QUICK["draws"] * QUICK["chains"], n_data_points=each.size, scale="log",
            warning=False, good_k=None, elpd_i=each, forecast_horizon=1,
            min_observations=windows[0][0], refits=np.array([a for a, _ in windows]),
            n_refits=len(windows))
    frame = _compare(scores)
    frame.attrs["each"] = {name: np.asarray(score.elpd_i) for name, score in scores.items()}
    return frame


def _compare(scores: dict[str, Any]) -> pd.DataFrame:
    """elpd, difference to the first regime with its se, stacking weight; in their order."""
    first = next(iter(scores))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = azs.compare(scores, reference=first, round_to="none")
    frame = pd.DataFrame(frame)[["elpd", "elpd_diff", "dse"]].loc[list(scores)]
    frame = frame.rename(columns={"dse": "se"}).astype(float)
    frame["weight"] = stack(np.column_stack([np.asarray(one.elpd_i) for one in scores.values()]))
    return frame


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
    truth = known.design.values(time)[0]
    posterior = known.draws["change"].var()
    day = known.regime.dates[0]
    if not truth.any() or posterior >= 0.98 * prior**2:
        return Power(math.inf, probability, day, 0.0)
    noise = np.linalg.norm(truth) / np.sqrt(1 / posterior - 1 / prior**2)
    shapes = Design.of(regime, known.units, time).values(time)
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
    return Regime("kink_middle", "rate changes in the middle", "kink",
                  ((units.first + units.last) / 2,))
