"""Deviations from a path that may last: white noise, memory that decays in time, a random walk.

The deviation of point i is w(t_i) + e_i. The noise e has a variance of its own for each point;
w is one process that all points share:

- a memory that decays with the *time* between points (Ornstein-Uhlenbeck), or
- a random walk (Brownian motion): shocks that stay, as series of technology have them (Farmer &
  Lafond 2016, doi 10.1016/j.respol.2015.11.001).

Points of one date share w(t) and differ by e, so their order says nothing. Everything here is
linear in the values, so one pass of a Kalman filter over the dates whitens all columns of all
regimes for many covariances at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Dates:
    """Points grouped by date; the points come in the order of their dates.

    Parameters
    ----------
    time
        The different times, ascending, (date,).
    start
        The first point of each, (date,).
    """

    time: np.ndarray
    start: np.ndarray

    @classmethod
    def group(cls, time: np.ndarray) -> Dates:
        """The dates of points at the given ascending times."""
        return cls(*np.unique(time, return_index=True))

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sums over the points of each date, (..., point) -> (..., date)."""
        return np.add.reduceat(values, self.start, axis=-1)

    @property
    def gaps(self) -> np.ndarray:
        """Time from each date to the next."""
        return np.diff(self.time)


@dataclass(frozen=True, eq=False)
class Covariance:
    """Covariances of the deviations, one per case.

    Parameters
    ----------
    noise
        Variance of e, (case, point).
    state
        Variance of w where it is stationary; of a random walk, what it gains per unit of time.
    memory
        Time in which a deviation falls to 1/e; infinite of a random walk.
    """

    noise: np.ndarray
    state: np.ndarray
    memory: np.ndarray

    def matrix(self, time: np.ndarray) -> np.ndarray:
        """The first case as a matrix (point, point), for points at the given times."""
        apart = np.abs(np.subtract.outer(time, time))
        lasting = (np.minimum.outer(time, time) - time[0] if np.isinf(self.memory[0]) else
                   np.exp(-apart / self.memory[0]))
        return np.diag(self.noise[0]) + self.state[0] * lasting

    def steps(self, gaps: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Variance of w at the first date, and from each date to the next what is kept of w
        and the variance that is added.

        A random walk begins at zero: where it begins is the level.
        """
        walk = np.isinf(self.memory)
        ratio = gaps / np.where(walk, 1.0, self.memory)[:, None]
        kept = np.where(walk[:, None], 1.0, np.exp(-ratio))
        added = self.state[:, None] * np.where(walk[:, None], gaps, -np.expm1(-2 * ratio))
        return np.where(walk, 0.0, self.state), kept, added


def unit_size(time: np.ndarray, memory: float) -> float:
    """Mean variance about their own straight line of points that only w moves, ``state`` being 1.

    Dividing by it makes processes of any memory equally large about a trend.
    """
    if np.isinf(memory):
        at = time - time.min()
        matrix = np.minimum.outer(at, at)
    else:
        matrix = np.exp(-np.abs(np.subtract.outer(time, time)) / memory)
    line = np.linalg.qr(np.column_stack([np.ones_like(time), time]))[0]
    return float((np.trace(matrix) - np.trace(line.T @ matrix @ line)) / len(time))


def products(columns: np.ndarray, dates: Dates, covariance: Covariance, rows: int,
             ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X' K^-1 X of columns (point, column) and log det K, for each case.

    Returns
    -------
    array (case, row, column), array (case, column), array (case,)
        Products of the first ``rows`` columns with all, of each column with itself, and log det.
    """
    weight = 1 / covariance.noise
    total = dates.sums(weight)
    weighted = weight[:, None, :] * columns.T  # (case, column, point)
    mean = dates.sums(weighted) / total[:, None]
    scaled = mean * np.sqrt(total)[:, None]  # points beside the mean of their date
    passed = Filter.over(np.moveaxis(mean, 1, 2), total, dates, covariance)
    white = passed.surprise / np.sqrt(passed.spread)[..., None]
    gram = (weighted[:, :rows] @ columns - scaled[:, :rows] @ scaled.transpose(0, 2, 1)
            + white[..., :rows].transpose(0, 2, 1) @ white)
    own = weight @ columns**2 - (scaled**2).sum(axis=2) + (white**2).sum(axis=1)
    logdet = (np.log(total) + np.log(passed.spread)).sum(axis=1) - np.log(weight).sum(axis=1)
    return gram, own, logdet


@dataclass(frozen=True, eq=False)
class Filter:
    """A Kalman filter of w over the means of dates.

    Attributes
    ----------
    surprise
        Mean minus its prediction from earlier dates, (case, date, column).
    spread
        Variance of the surprise, (case, date).
    variance
        Of w before its date is seen, (case, date).
    kept
        What is kept of w from each date to the next, (case, date - 1).
    state, uncertainty
        Mean (case, column) and variance (case,) of w at the last date, when that is seen.
    """

    surprise: np.ndarray
    spread: np.ndarray
    variance: np.ndarray
    kept: np.ndarray
    state: np.ndarray
    uncertainty: np.ndarray

    @classmethod
    def over(cls, mean: np.ndarray, total: np.ndarray, dates: Dates,
             covariance: Covariance) -> Filter:
        """Filter means (case, date, column) whose noise has the precision ``total``."""
        now, kept, added = covariance.steps(dates.gaps)
        variance, spread = np.empty_like(total), np.empty_like(total)
        surprise = np.empty_like(mean)
        state = np.zeros((len(mean), mean.shape[2]))
        for j in range(len(dates.time)):
            if j:
                state = kept[:, j - 1, None] * state
                now = kept[:, j - 1] ** 2 * now + added[:, j - 1]
            variance[:, j], spread[:, j] = now, now + 1 / total[:, j]
            surprise[:, j] = mean[:, j] - state
            gain = now / spread[:, j]
            state = state + gain[:, None] * surprise[:, j]
            now = now * (1 - gain)
        return cls(surprise, spread, variance, kept, state, now)


def _means(columns: np.ndarray, dates: Dates, covariance: Covariance,
           ) -> tuple[np.ndarray, np.ndarray, np.ndarray, Filter]:
    """Weights of points; weights and means of dates; the filter. Columns (case, column, point)."""
    weight = 1 / covariance.noise
    total = dates.sums(weight)
    mean = np.moveaxis(dates.sums(weight[:, None] * columns) / total[:, None], 1, 2)
    return weight, total, mean, Filter.over(mean, total, dates, covariance)


def inverse(columns: np.ndarray, dates: Dates, covariance: Covariance,
            ) -> tuple[np.ndarray, np.ndarray]:
    """K^-1 X of columns (case, column, point), and the diagonal of K^-1, (case, point).

    A backward pass of the smoother gives both without a matrix.
    """
    weight, total, mean, passed = _means(columns, dates, covariance)
    pull = np.empty_like(mean)  # of the dates' means: what the whole is of the points
    worth = np.empty_like(total)
    later, latest = np.zeros_like(mean[:, 0]), np.zeros(len(mean))
    for j in reversed(range(len(dates.time))):
        kept = passed.kept[:, j] if j < len(dates.time) - 1 else np.zeros(len(mean))
        gain = kept * passed.variance[:, j] / passed.spread[:, j]
        pull[:, j] = (passed.surprise[:, j] / passed.spread[:, j, None]
                      - gain[:, None] * later)
        worth[:, j] = 1 / passed.spread[:, j] + gain**2 * latest
        later = pull[:, j] + kept[:, None] * later
        latest = 1 / passed.spread[:, j] + (kept - gain) ** 2 * latest
    count = np.diff(np.append(dates.start, columns.shape[2]))
    total, worth = (np.repeat(part, count, axis=1) for part in (total, worth))
    mean, pull = (np.repeat(np.moveaxis(part, 2, 1), count, axis=2) for part in (mean, pull))
    share = weight / total
    return (weight[:, None] * (columns - mean) + share[:, None] * pull,
            weight * (1 - share) + share**2 * worth)


def leave_one_out(residual: np.ndarray, dates: Dates, covariance: Covariance) -> np.ndarray:
    """Log density of each point given all others, (case, point).

    With Q the inverse of the covariance it is that of a normal with mean r_i - (Q r)_i / Q_ii
    and variance 1 / Q_ii (Burkner, Gabry & Vehtari 2021, doi 10.1007/s00180-020-01045-4).
    """
    off, own = inverse(residual[:, None], dates, covariance)
    return given_others(off[:, 0], own)


def given_others(off: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Log density of points given all others, from (Q r)_i and Q_ii."""
    return 0.5 * (np.log(own / (2 * np.pi)) - off**2 / own)


def one_ahead(residual: np.ndarray, dates: Dates, covariance: Covariance) -> np.ndarray:
    """Log density of the points of each date given those of all earlier dates, (case, date)."""
    weight, total, mean, passed = _means(residual[:, None], dates, covariance)
    beside = (dates.sums(weight * residual**2) - total * mean[..., 0] ** 2 + np.log(total)
              - dates.sums(np.log(weight / (2 * np.pi))))
    return -0.5 * (beside + np.log(passed.spread)
                   + passed.surprise[..., 0] ** 2 / passed.spread)


def carry_on(residual: np.ndarray, dates: Dates, covariance: Covariance, time: np.ndarray,
             rng: np.random.Generator) -> np.ndarray:
    """Draws of w at coming times, one course per case, (case, time); times ascend."""
    *_, passed = _means(residual[:, None], dates, covariance)
    gaps = np.diff(np.concatenate([dates.time[-1:], time]))
    _, kept, added = covariance.steps(gaps)
    found = np.empty((len(residual), len(time)))
    state = passed.state[:, 0] + np.sqrt(passed.uncertainty) * rng.normal(size=len(residual))
    for j in range(len(time)):
        state = kept[:, j] * state + np.sqrt(added[:, j]) * rng.normal(size=len(residual))
        found[:, j] = state
    return found
