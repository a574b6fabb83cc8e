"""Where a ladder's runs lie: what their design can tell, and how far a model is from them.

In the plane of x = ln N and y = ln D. Runs that lie on a line there (one size, one number of
tokens, one ratio of tokens to parameters) measure the loss along it and nothing across it: the
exponents and the compute-optimal allocation then rest on the prior. A model may be far from the
runs in compute, which the hull of an IsoFLOP sweep does not show, or off their hull at a compute
they reach: both distances count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull, QhullError

THIN = 0.15  # sd of ln-sizes off a line, below which runs lie on it
SAME = 0.02  # sd of a ln-size, below which runs share it
OFF_LINE = 0.4  # e-folds off the line, beyond which a model is not on it


@dataclass(frozen=True)
class Design:
    """What the runs of a ladder can tell.

    Parameters
    ----------
    kind
        ``surface``, or the line on which the runs lie: ``one size``, ``one token count``,
        ``one ratio`` (of tokens to parameters), ``one path`` (any other line).
    middle, along
        A point of the line, and its direction (unit vector), in (ln N, ln D).
    """

    kind: str
    middle: np.ndarray
    along: np.ndarray

    @property
    def line(self) -> bool:
        """Whether the runs measure the loss along a line only."""
        return self.kind != "surface"

    def off_line(self, log_params: np.ndarray, log_tokens: np.ndarray) -> np.ndarray:
        """E-folds between a model and the line of the runs; 0 where they span a surface."""
        if not self.line:
            return np.zeros(np.shape(log_params))
        normal = np.array([-self.along[1], self.along[0]])
        return abs((log_params - self.middle[0]) * normal[0]
                   + (log_tokens - self.middle[1]) * normal[1])


def design(log_params: np.ndarray, log_tokens: np.ndarray) -> Design:
    """The design of runs at ``log_params`` and ``log_tokens``.

    Examples
    --------
    >>> sizes = np.log([1e8, 4e8, 1e9, 4e9])
    >>> design(sizes, sizes + np.log(20)).kind
    'one ratio'
    >>> design(sizes, np.full(4, np.log(3e11))).kind
    'one token count'
    >>> design(np.tile(sizes, 2), np.log([2e9] * 4 + [9e10] * 4)).kind
    'surface'
    """
    points = np.column_stack([log_params, log_tokens])
    middle = points.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(points.T, bias=True))
    along = vectors[:, 1]
    if points[:, 0].std() < SAME:
        return Design("one size", middle, np.array([0.0, 1.0]))
    if points[:, 1].std() < SAME:
        return Design("one token count", middle, np.array([1.0, 0.0]))
    if (points[:, 1] - points[:, 0]).std() < THIN:
        return Design("one ratio", middle, np.array([1.0, 1.0]) / np.sqrt(2))
    kind = "one path" if np.sqrt(max(values[0], 0.0)) < THIN else "surface"
    return Design(kind, middle, along)


def compute_distance(log_flop: np.ndarray, runs: np.ndarray) -> np.ndarray:
    """E-folds of compute beyond the run of most compute; 0 at or below it.

    Examples
    --------
    >>> compute_distance(np.log([1e22, 1e20]), np.log([1e18, 1e21])).round(2).tolist()
    [2.3, 0.0]
    """
    return np.maximum(log_flop - runs.max(), 0.0)


def hull_distance(x: np.ndarray, y: np.ndarray, runs_x: np.ndarray,
                  runs_y: np.ndarray) -> np.ndarray:
    """Euclidean distance in (ln N, ln D) from the convex hull of the runs; 0 inside it.

    Examples
    --------
    >>> square = np.array([0.0, 1, 0, 1]), np.array([0.0, 0, 1, 1])
    >>> hull_distance(np.array([0.5, 2.0, 4.0]), np.array([0.5, 0.5, 5.0]), *square).tolist()
    [0.0, 1.0, 5.0]
    >>> line = np.array([0.0, 1, 2]), np.array([0.0, 1, 2])  # a hull without area
    >>> hull_distance(np.array([1.0, 0.0]), np.array([1.0, -1.0]), *line).round(6).tolist()
    [0.0, 1.0]
    """
    at = np.column_stack([np.atleast_1d(x), np.atleast_1d(y)]).astype(float)
    points = np.column_stack([runs_x, runs_y])
    try:
        hull = ConvexHull(points)
        corners = points[hull.vertices]
        inside = (at @ hull.equations[:, :2].T + hull.equations[:, 2] <= 1e-9).all(axis=1)
    except (QhullError, ValueError):
        order = np.argsort(points @ design(runs_x, runs_y).along)
        corners, inside = points[order[[0, -1]]], np.zeros(len(at), dtype=bool)
    steps = np.roll(corners, -1, axis=0) - corners
    length = np.maximum((steps**2).sum(axis=1), 1e-300)
    share = np.clip(((at[:, None] - corners) * steps).sum(axis=2) / length, 0, 1)
    nearest = corners + share[..., None] * steps
    far = np.sqrt(((at[:, None] - nearest) ** 2).sum(axis=2)).min(axis=1)
    return np.where(inside | (far < 1e-9), 0.0, far)


def reach(x: np.ndarray, y: np.ndarray, runs_x: np.ndarray, runs_y: np.ndarray) -> np.ndarray:
    """E-folds to extrapolate: the larger of the distances in compute and to the hull.

    Examples
    --------
    >>> square = np.array([0.0, 1, 0, 1]), np.array([0.0, 0, 1, 1])
    >>> reach(np.array([0.5, 3.0]), np.array([0.5, 1.0]), *square).tolist()
    [0.0, 2.0]
    """
    return np.maximum(compute_distance(np.asarray(x) + y, runs_x + runs_y),
                      hull_distance(x, y, runs_x, runs_y))
