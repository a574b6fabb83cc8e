"""The likelihood of models' scores with the models themselves summed out, per draw.

Importance weights for leaving a model out need p(its scores | all else). Given its own effective
size the scores fit well in every draw, and the weights are wild: on the shipped tables Pareto's k
is above 0.7 for half of the models. Summed over its place below the frontier (and over its
family's gap, where the whole family goes) they are tame. The sums are over grids about each
model's posterior.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import log_ndtr, logsumexp

from densing_bayes.joint.curves import log_density
from densing_bayes.joint.predict import all_cells, cells_at, moved, thin
from densing_bayes.joint.quantities import frontier_path
from densing_bayes.priors import Prior

NODES, REACH = 41, 6.0  # grid of a model's place: points, and reach in posterior sds
GAP_NODES = 25  # of a family's gap


class Marginal:
    """Log likelihoods of the scores of models, their places summed out, at draws of the main fit.

    Parameters
    ----------
    posterior, derived, columns
        Of the main fit, the same draws.
    level
        Prior of the level: of the densities of models that may not lie on the frontier.
    """

    def __init__(self, posterior: xr.Dataset, derived: xr.Dataset, columns: dict[str, Any],
                 level: Prior) -> None:
        count = posterior.sizes["chain"] * posterior.sizes["draw"]
        self.draws, self.columns, self.level = thin(posterior, count), columns, level
        told = thin(derived[["log_size", "gap_family", "gap_model", "spread_growth", "noise"]],
                    count)
        self.size = told["log_size"].broadcast_like(self.draws["z"]).transpose(
            "sample", "model").values
        models = columns["models"]
        self.time = np.asarray(models["time"], float)
        self.eligible = np.asarray(models["eligible"]) > 0
        self.family = np.asarray(models["family"], int)
        years = self.time + float(columns["setting"]["centre_time"][0])
        self.frontier = thin(frontier_path(derived, years, "model").to_dataset(name="f"), count)[
            "f"].transpose("sample", "model").values
        spread = told["spread_growth"].values[:, None]
        self.gap_model = told["gap_model"].values[:, None] * np.exp(spread * self.time)
        self.gap_family = told["gap_family"].values[:, None] * np.exp(
            spread * np.asarray(columns["families"]["time"], float))
        self.noise = told["noise"].values[:, None]
        self.cells = all_cells(columns)
        self.place = cache(self._place)

    def _place(self, model: int) -> tuple[np.ndarray, np.ndarray]:
        """Ln densities on a grid, and log likelihood times step of the grid there, (sample, n)."""
        z = self.draws["z"].values[:, model]
        nodes = z.mean() + z.std() * np.linspace(-REACH, REACH, NODES)
        c0, c1 = (self.draws[name].values[:, None] for name in ("c0", "c1"))
        log_effective = c0 + c1 * nodes
        total = np.broadcast_to(np.log(c1 * (nodes[1] - nodes[0])), log_effective.shape).copy()
        tilt_size = float(self.columns["models"]["tilt_size"][model])
        for row in np.flatnonzero((self.cells["model"] == model) & (self.cells["weight"] > 0)):
            benchmark = np.full(NODES, int(self.cells["benchmark"][row]))
            at = cells_at(
                self.draws, self.columns, benchmark=benchmark, items=self.cells["items"][row],
                replicates=self.cells["replicates"][row], log_size=log_effective + moved(
                    self.draws, benchmark=benchmark, time=self.time[model], tilt_size=tilt_size))
            total += log_density(self.cells["score"][row], at,
                                 2 + self.draws["nu"].values[:, None])
        return log_effective - self.size[:, [model]], total

    def given_gap(self, model: int, gap: np.ndarray, place: tuple[np.ndarray, np.ndarray],
                  ) -> np.ndarray:
        """Ln p(scores of the model | its family's gap), for gaps of shape (sample,)."""
        density, likelihood = place
        if not self.eligible[model]:
            mean, sd = self.level.args["mu"], self.level.args["sigma"]
            prior = -0.5 * ((density - mean) / sd) ** 2 - np.log(sd * np.sqrt(2 * np.pi))
        else:
            prior = below(density, (self.frontier[:, model] - gap)[:, None],
                          self.gap_model[:, [model]], self.noise)
        return logsumexp(prior + likelihood, axis=1)

    def of_model(self, model: int) -> np.ndarray:
        """Ln p(scores of the model | all else), (sample,)."""
        return self.given_gap(model, self.draws["family_gap"].values[:, self.family[model]],
                              self.place(model))

    def of_family(self, family: int) -> np.ndarray:
        """Ln p(scores of all models of the family | all else), its gap summed out, (sample,)."""
        members = np.flatnonzero(self.family == family)
        drawn, scale = self.draws["family_gap"].values[:, family], self.gap_family[:, family]
        low = max(0.0, drawn.mean() - REACH * drawn.std())
        step = (drawn.mean() + REACH * drawn.std() - low) / GAP_NODES
        parts = []
        for start in low + step * np.arange(GAP_NODES):
            # the exponential's mass of the cell: its scale may be smaller than a cell
            mass = -start / scale + np.log(-np.expm1(-step / scale))
            gap = np.full(len(scale), start + step / 2)
            parts.append(mass + sum(self.given_gap(int(model), gap, self.place(int(model)))
                                    for model in members))
        return logsumexp(parts, axis=0)


def below(value: Any, boundary: Any, gap: Any, noise: Any) -> np.ndarray:
    """Log density of boundary - half-normal gap + normal noise (Aigner, Lovell & Schmidt 1977).

    Examples
    --------
    >>> grid = np.linspace(-9, 9, 2001)
    >>> round(float(np.exp(below(grid, 0.5, 1.2, 0.3)).sum() * (grid[1] - grid[0])), 6)
    1.0
    """
    omega = np.sqrt(gap**2 + noise**2)
    e = (value - boundary) / omega
    return (np.log(2) - 0.5 * np.log(2 * np.pi) - np.log(omega) - 0.5 * e**2
            + log_ndtr(-gap / noise * e))
