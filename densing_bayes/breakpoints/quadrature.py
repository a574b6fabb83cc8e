"""Exact posteriors of points that scatter about a path: linear in all but three numbers.

Given how points deviate from the path (`densing_bayes.breakpoints.noise`), level, rate and the
sizes of a change are normal beforehand and so afterwards. What is left is summed over a grid: the
size of the deviations, the share of it that lasts, and how long it lasts. Draws from the sums are
independent, so there are no chains to judge; that the grid is wide enough is checked. One pass
of a filter over the points serves all regimes of a series.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy import special, stats

from densing_bayes.breakpoints.noise import Covariance, Dates, products, unit_size
from densing_bayes.priors import Prior

SHARES = special.expit(np.array([-1.0, 0.5, 2.0, 3.5, 6.0]))  # of the variance that may last
MEMORIES = 4  # lengths of memory, from half the points' spacing to half the series
LONGEST = 0.5  # spans: a longer memory cannot be told from a random walk
SIZES = 30.0, 6.0  # how far the size may lie below and above that of a straight line's residuals
EXACT = 1e-3  # least size: points on a line have no scatter of their own
STEP = 0.9  # between sizes, in sds of a size's posterior
COARSE = 8  # of measured points, sizes are first looked at this many steps apart
UNLIKELY = 30.0  # nats below the likeliest at which a size is not looked at again
EDGE = 0.005  # most probability that may lie at the ends of the sizes
CHUNK = 2_000_000  # cells of (case, point, column) in memory at once


@dataclass(frozen=True, eq=False)
class Grid:
    """Cells of the deviations: what they are, and their log prior probability.

    Attributes
    ----------
    size
        Sd of the deviations about a straight line, (cell,).
    share, memory
        Share of their variance that lasts, and for how long (infinite: a random walk).
    state
        Variance of the lasting part, as `Covariance` states it.
    edge
        Whether a cell is at an end of the sizes beyond which there might be more.
    """

    size: np.ndarray
    share: np.ndarray
    memory: np.ndarray
    state: np.ndarray
    log_prior: np.ndarray
    edge: np.ndarray

    @classmethod
    def of(cls, time: np.ndarray, residual: float, priors: Mapping[str, Prior],
           error: float) -> Grid:
        """The grid for points at the given times whose residual about a line has this sd.

        Where there are errors of measurement (their median: ``error``) they may be all there
        is: the size goes on to where it adds nothing, and that it does is no fault of the grid.
        """
        dates = Dates.group(time)
        low = max(residual / SIZES[0] / (4 if error else 1), EXACT)
        high = max(residual, error, 4 * EXACT) * SIZES[1]
        steps = 1 + int(np.ceil(np.log(high / low) * np.sqrt(2 * len(time)) / STEP))
        sizes = np.geomspace(low, high, steps)
        gap = float(np.clip(np.median(dates.gaps), 1e-3, LONGEST / 2))
        memories = np.geomspace(gap / 2, LONGEST, MEMORIES)
        share, memory, chance = _kinds(memories, priors)
        unit = np.array([unit_size(time, each) if part else 1.0
                         for part, each in zip(share, memory, strict=True)])
        log_size = (stats.halfnorm.logpdf(sizes, scale=priors["noise"].args["sigma"])
                    + np.log(sizes) + np.log(np.log(sizes[1] / sizes[0])))
        size, kind = (part.ravel() for part in np.meshgrid(
            sizes, np.arange(len(share)), indexing="ij"))
        return cls(size, share[kind], memory[kind], size**2 * (share / unit)[kind],
                   np.repeat(log_size, len(share)) + np.log(chance)[kind],
                   (size == sizes[-1]) | ((size == sizes[0]) & (low > EXACT) & (error == 0)))

    def at(self, cells: np.ndarray) -> Grid:
        """Some of the cells."""
        return Grid(*(getattr(self, part.name)[cells] for part in fields(self)))

    def every(self, step: int) -> np.ndarray:
        """Which cells have every so-manieth size, the largest included."""
        place = np.arange(len(self.size)) // self.kinds
        return (place % step == 0) | (place == place[-1])

    def near(self, coarse: Grid, likely: np.ndarray) -> np.ndarray:
        """Which cells lie within a coarse step of a likely coarse cell of their kind."""
        kinds = self.kinds
        sizes = self.size[::kinds]
        there = np.searchsorted(sizes, coarse.size[::kinds] * (1 - 1e-9))
        keep = np.zeros((len(sizes), kinds), dtype=bool)
        for place, row in zip(there, likely.reshape(-1, kinds), strict=True):
            keep[max(place - COARSE, 0):place + COARSE + 1] |= row
        return keep.ravel()

    @property
    def kinds(self) -> int:
        """How many pairs of share and memory each size has."""
        return int((self.size == self.size[0]).sum())

    def covariance(self, error: np.ndarray, spread: np.ndarray, cells: Any) -> Covariance:
        """The covariances of cells.

        Parameters
        ----------
        error
            The points' own sd of measurement.
        spread
            Further variance of points in units of the size's square: of outliers.
        """
        size, share = self.size[cells, None], self.share[cells, None]
        return Covariance(size**2 * (1 - share + spread) + error**2, self.state[cells],
                          self.memory[cells])


def _kinds(memories: np.ndarray, priors: Mapping[str, Prior],
           ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Share, memory and prior probability of each kind of deviation; white noise first."""
    lasting, unit_root = (p["alpha"] / (p["alpha"] + p["beta"])
                          for p in (priors["lasting"].args, priors["unit_root"].args))
    between = special.expit((special.logit(SHARES[1:]) + special.logit(SHARES[:-1])) / 2)
    p_share = np.diff(stats.beta(*priors["memory"].args.values()).cdf([0.0, *between, 1.0]))
    times = priors["timescale"].args
    dist = stats.lognorm(times["sigma"], scale=np.exp(times["mu"]))
    p_memory = np.diff(dist.cdf([0.0, *np.sqrt(memories[1:] * memories[:-1]), np.inf]))
    chance = np.append(p_memory * (1 - unit_root), unit_root)
    share, memory = (part.ravel() for part in np.meshgrid(
        SHARES, np.append(memories, np.inf), indexing="ij"))
    return (np.append(0.0, share), np.append(1.0, memory),
            np.append(1 - lasting, lasting * np.outer(p_share, chance).ravel()))


@dataclass(frozen=True, eq=False)
class Survey:
    """What all regimes of a series share: products of their columns under every covariance.

    Attributes
    ----------
    gram
        Of the first columns (value, 1, time, and those of shapes of several sizes) with all,
        (case, row, column): a case is a cell, or a kind of deviations where their size only
        scales (``scaled``).
    own
        Of each column with itself, (case, column).
    logdet
        Log determinant of the covariance, by case.
    places
        Regime -> which columns are its own, (candidate, size).
    """

    grid: Grid
    gram: np.ndarray
    own: np.ndarray
    logdet: np.ndarray
    points: int
    scaled: bool
    places: dict[str, np.ndarray]

    def inner(self, case: Any, at: np.ndarray) -> np.ndarray:
        """Products among columns ``at`` (..., column) of a case, or of every case (slice)."""
        first, second = np.minimum(at[..., :, None], at[..., None, :]), np.maximum(
            at[..., :, None], at[..., None, :])
        rows = self.gram.shape[1]
        among = self.gram[case, np.minimum(first, rows - 1), second]
        return np.where(first < rows, among, self.own[case, second])

    def cells(self, case_values: np.ndarray, power: float) -> np.ndarray:
        """Values by case as values by cell, scaled by the size to some power."""
        if not self.scaled:
            return case_values
        kinds = self.grid.kinds
        size = self.grid.size[::kinds] / self.grid.size[0]
        wide = size.reshape(-1, *[1] * case_values.ndim) ** power
        return (wide * case_values).reshape(-1, *case_values.shape[1:])

    @property
    def log_determinant(self) -> np.ndarray:
        """Log determinant of each cell's covariance."""
        if not self.scaled:
            return self.logdet
        size = self.grid.size[::self.grid.kinds] / self.grid.size[0]
        return (self.logdet + 2 * self.points * np.log(size)[:, None]).ravel()


def survey(time: np.ndarray, value: np.ndarray, error: np.ndarray, spread: np.ndarray,
           columns: Mapping[str, np.ndarray], priors: Mapping[str, Prior]) -> Survey:
    """One pass over the points for the columns (candidate, size, point) of all regimes.

    Parameters
    ----------
    time, value, error
        In standard units; times ascend.
    spread
        See `Grid.covariance`.
    """
    line = np.column_stack([np.ones_like(time), time])
    residual = value - line @ np.linalg.lstsq(line, value, rcond=None)[0]
    grid = Grid.of(time, residual[spread == 0].std(), priors,
                   float(np.median(error[error > 0])) if error.any() else 0.0)
    ordered = dict(sorted(columns.items(), key=lambda one: one[1].shape[1] < 2))  # many first
    flat = np.concatenate([each.reshape(-1, len(time)) for each in ordered.values()])
    several = sum(each.size // len(time) for each in ordered.values() if each.shape[1] > 1)
    _, first, of = np.unique(flat.round(12), axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)  # a column that comes twice keeps its first place
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    rows = 3 + int((first < several).sum())
    places, start = {}, 0
    for name, each in ordered.items():
        count = each.shape[0] * each.shape[1]
        places[name] = 3 + rank[of[start:start + count]].reshape(each.shape[:2])
        start += count
    full, dates = np.column_stack([value, line, flat[first[order]].T]), Dates.group(time)

    def passed(grid: Grid, count: int, scaled: bool) -> Survey:
        size = max(1, CHUNK // full.size)
        parts = [products(full, dates, grid.covariance(error, spread,
                                                       slice(i, min(i + size, count))), rows)
                 for i in range(0, count, size)]
        gram, own, logdet = (np.concatenate(part) for part in zip(*parts, strict=True))
        return Survey(grid, gram, own, logdet, len(time), scaled, places)

    if not error.any():
        return passed(grid, grid.kinds, True)
    coarse = passed(grid.at(grid.every(COARSE)), int(grid.every(COARSE).sum()), False)
    likely = grid.at(grid.near(coarse.grid, _likely(coarse, priors)))
    return passed(likely, len(likely.size), False)


def _likely(coarse: Survey, priors: Mapping[str, Prior]) -> np.ndarray:
    """Which cells may matter to any regime: within `UNLIKELY` of its likeliest."""
    keep = np.zeros(len(coarse.grid.size), dtype=bool)
    for name, places in coarse.places.items():
        count = len(places)
        scale = np.full(count, priors["change"].args["sigma"])
        best = sums(coarse, name, scale, np.zeros(count), priors).log_joint.max(axis=1)
        keep |= best > best.max() - UNLIKELY
    return keep


@dataclass(frozen=True, eq=False)
class Sums:
    """A regime's posterior as sums over cells and candidates.

    Attributes
    ----------
    log_joint
        Log of prior times marginal likelihood, (cell, candidate).
    """

    survey: Survey
    places: np.ndarray
    scale: np.ndarray  # prior sd of a candidate's sizes
    line: np.ndarray  # prior precision of level and rate
    log_joint: np.ndarray

    @property
    def log_evidence(self) -> float:
        """Log marginal likelihood."""
        return float(special.logsumexp(self.log_joint))

    @property
    def weight(self) -> np.ndarray:
        """Posterior probability of each cell and candidate."""
        return np.exp(self.log_joint - self.log_evidence)

    def draw(self, count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Independent draws: ``cell``, ``pick`` (the candidate), ``level``, ``rate``, ``sizes``."""
        weight = self.weight.ravel()
        cell, pick = np.divmod(rng.choice(weight.size, count, p=weight / weight.sum()),
                               self.log_joint.shape[1])
        own = self.places[pick]
        at = np.concatenate([np.tile([1, 2], (count, 1)), own], axis=1)
        case = cell % self.survey.grid.kinds if self.survey.scaled else cell
        shrink = ((self.survey.grid.size[0] / self.survey.grid.size[cell]) ** 2
                  if self.survey.scaled else np.ones(count))
        gram = self.survey.inner(case[:, None, None], at)
        right = self.survey.gram[case[:, None], 0, at] * shrink[:, None]
        precision = np.concatenate([np.tile(self.line, (count, 1)), np.tile(
            self.scale[pick, None] ** -2, (1, own.shape[1]))], axis=1)
        matrix = gram * shrink[:, None, None] + precision[:, :, None] * np.eye(at.shape[1])
        root = np.linalg.cholesky(matrix).transpose(0, 2, 1)
        mean = np.linalg.solve(matrix, right[..., None])
        found = (mean + np.linalg.solve(root, rng.normal(size=mean.shape)))[..., 0]
        return {"cell": cell, "pick": pick, "level": found[:, 0], "rate": found[:, 1],
                "sizes": found[:, 2:]}


def sums(found: Survey, name: str, scale: np.ndarray, log_prior: np.ndarray,
         priors: Mapping[str, Prior], shared: bool = False) -> Sums:
    """A regime's posterior, level, rate and sizes being integrated out in closed form.

    Parameters
    ----------
    scale
        Prior sd of each candidate's sizes.
    log_prior
        Log probability of each candidate beforehand.
    shared
        Whether candidates differ in their scale only, so that one decomposition serves all.
    """
    places = found.places[name]
    line = np.array([priors[part].args["sigma"] ** -2 for part in ("level", "rate")])
    own = places[:1] if shared else places
    straight = found.cells(found.gram[:, :3, :3], -2)
    matrix = straight[:, 1:, 1:] + np.diag(line)
    right = straight[:, 1:, 0]
    inverse = np.linalg.inv(matrix)
    fitted = np.einsum("kij,kj->ki", inverse, right)
    log = -0.5 * (found.log_determinant + straight[:, 0, 0] - (right * fitted).sum(axis=1)
                  + np.linalg.slogdet(matrix)[1] - np.log(line).sum())
    if places.shape[1] == 0:
        each = np.zeros((len(log), len(places)))
    else:
        across = np.moveaxis(found.gram[:, :3, own], 1, -1)
        across = found.cells(across, -2)  # (cell, candidate, size, [value, 1, time])
        inside = found.cells(found.inner(slice(None), own), -2)
        slope = across[..., 1:]
        inside = inside - slope @ inverse[:, None] @ slope.transpose(0, 1, 3, 2)
        pull = across[..., 0] - np.einsum("kgdi,ki->kgd", slope, fitted)
        if places.shape[1] == 1:
            size, turned = inside[..., 0], pull
        else:
            size, vectors = np.linalg.eigh(inside)
            turned = np.einsum("kgde,kgd->kge", vectors, pull)
        variance = (scale**2)[:, None]
        size = 1 + variance * np.maximum(size, 0)
        each = 0.5 * (variance * turned**2 / size - np.log(size)).sum(axis=2)
    return Sums(found, places, scale, line,
                log[:, None] + each + log_prior + found.grid.log_prior[:, None])
