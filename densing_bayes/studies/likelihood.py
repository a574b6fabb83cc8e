"""The likelihood of each model's cells with the model itself summed out, per draw.

Importance weights for leaving a model out need p(its cells | all else). Given its own ln N^ the
cells fit well in every draw, and the weights would be wild; integrated over ln N^ under the
frontier (and over the family's effect for a whole family) they are tame. The integrals are one
and two dimensional, done on grids about each model's posterior.

The formulas are those of `families.densing`; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr
from scipy import special, stats

from densing_bayes import laws
from densing_bayes.joint.growth import effects
from densing_bayes.joint.quantities import ruler_parameters

NODES, REACH = 41, 6.0  # grid of ln N^: points, and reach in posterior sds
FAMILY_NODES = 25


class CellLikelihood:
    """Log likelihoods of cells under draws of the joint posterior.

    Parameters
    ----------
    draws
        Posterior with one dimension ``sample``, first.
    columns
        Tables of the joint model.
    """

    def __init__(self, draws: xr.Dataset, columns: dict[str, Any]):
        self.draws, self.columns = draws, columns
        self.setting = {name: float(value[0]) for name, value in columns["setting"].items()}
        self.c0, self.c1 = draws["c0"].values, draws["c1"].values
        self.anchors = len(columns["anchors"]["chance"])
        self.law, self.curve = ruler_parameters(draws, columns)
        self.own = draws["sd_benchmark_z"].values * self.c1[:, None]  # e-folds

    # -- the cells -----------------------------------------------------------------------------

    def expected(self, benchmark: int, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score on a benchmark and its slope per e-fold, at z of shape (sample, points)."""
        size = self.c0[:, None] + self.c1[:, None] * z
        if benchmark < self.anchors:
            law = {name: _at(value, benchmark) for name, value in self.law.items()}
            curve = {name: _at(value, benchmark) for name, value in self.curve.items()}
            loss = laws.loss_of_log_size(log_size=size, tokens=self.setting["reference_tokens"],
                                         **law)
            score = laws.score(loss=loss, **curve)
            share = (score - curve["chance"]) / curve["scale"]
            slope = (-curve["gamma"] * curve["scale"] * share * (1 - share) * law["alpha"]
                     * np.exp(law["log_a"] - law["alpha"] * size))
            return score, slope
        place = benchmark - self.anchors
        chance = float(self.columns["linked_benchmarks"]["chance"][place])
        scale = self.draws["linked_headroom"].values[:, place, None] * (1 - chance)
        kappa = np.exp(self.draws["log_kappa_z"].values[:, place, None])
        middle = self.draws["middle_z"].values[:, place, None]
        score = laws.linked_score(log_size=z, slope=kappa, midpoint=middle, scale=scale,
                                  chance=chance)
        share = (score - chance) / scale
        return score, scale * share * (1 - share) * kappa / self.c1[:, None]

    def of_cells(self, model: int, z: np.ndarray) -> np.ndarray:
        """Log likelihood of all cells of a model at z of shape (sample, points)."""
        total = np.zeros(z.shape)
        nu = 2 + self.draws["nu"].values[:, None]
        for group in ("anchored", "linked_cells"):
            cells = {name: np.asarray(value) for name, value in self.columns[group].items()}
            for row in np.flatnonzero((cells["model"] == model) & (cells["weight"] > 0)):
                benchmark = int(cells["benchmark"][row])
                score, slope = self.expected(benchmark, z)
                spread = score * (1 - score)
                source = self.draws["sd_source"].values[:, benchmark, None]
                sigma = np.sqrt(
                    (slope * self.own[:, benchmark, None]) ** 2 + spread / cells["items"][row]
                    + 4 * spread * source**2 / cells["replicates"][row] + np.finfo(float).tiny)
                total += stats.t.logpdf(cells["score"][row], nu, score, sigma)
        return total

    def of_contrasts(self, rows: np.ndarray) -> np.ndarray:
        """Log likelihood of differences between sources, shape (sample,)."""
        contrasts = {name: np.asarray(value)[rows]
                     for name, value in self.columns["contrasts"].items()}
        sigma = (self.draws["sd_source"].values[:, contrasts["benchmark"].astype(int)]
                 * contrasts["spread"])
        return (stats.t.logpdf(contrasts["value"], 3.0, 0.0, sigma)
                * contrasts["weight"]).sum(axis=1)

    # -- the frontier --------------------------------------------------------------------------

    def _spread(self, part: str, q: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """omega, q and mean gap (both in z) of families or of models."""
        share = self.draws[q].values
        omega = self.draws[f"sd_{part}_z"].values / np.sqrt(1 - 2 * share / np.pi)
        return omega, share, omega * np.sqrt(2 * share / np.pi)

    def _line(self, model: int) -> np.ndarray:
        """Frontier in z for a model, before its family's effect, shape (sample,)."""
        table = self.columns["models"]
        _, _, gap = self._spread("model", "q")
        size = table["log_params"][model] - self.setting["mean_log_params"]
        steps = self.draws["rate_step"].values
        wander = steps @ effects(self.columns["knots"], [table["time"][model]])[0]
        return ((size + wander) / self.c1 + self.draws["mean_z"].values
                + self.draws["rate_z"].values * table["time"][model] + gap)

    def summed(self, models: Iterable[int], families: np.ndarray, whole: bool) -> np.ndarray:
        """Ln p(cells of these models | all else), each model's ln N^ summed out, (sample,).

        ``whole``: they are a whole family, whose effect is summed out as well; else the
        effects of their families are as drawn.
        """
        models = list(models)
        omega, q, _ = self._spread("model", "q")
        omega_family, q_family, _ = self._spread("family", "q_family")
        grids, step, likelihood = [], [], []
        for model in models:
            posterior = self.draws["z"].values[:, model]
            nodes = posterior.mean() + posterior.std() * np.linspace(-REACH, REACH, NODES)
            grids.append(nodes)
            step.append(np.log(nodes[1] - nodes[0]))
            likelihood.append(self.of_cells(model, np.broadcast_to(nodes, (len(q), NODES))))

        def given(effect: np.ndarray) -> np.ndarray:
            """Ln p(cells | effect of their families), effect (sample, models)."""
            total = np.zeros(len(q))
            for i, model in enumerate(models):
                centre = self._line(model) + omega_family * effect[:, i]
                prior = skew_normal(grids[i], centre[:, None], omega[:, None], q[:, None])
                total += special.logsumexp(prior + likelihood[i], axis=1) + step[i]
            return total

        if not whole:
            return given(self.draws["family_effect"].values[:, families[models]])
        drawn = self.draws["family_effect"].values[:, families[models[0]]]
        nodes = drawn.mean() + drawn.std() * np.linspace(-REACH, REACH, FAMILY_NODES)
        mean = np.sqrt(2 / np.pi) * np.sqrt(q_family)
        parts = [skew_normal(node, mean, 1.0, q_family)
                 + given(np.full((len(q), len(models)), node)) for node in nodes]
        return special.logsumexp(parts, axis=0) + np.log(nodes[1] - nodes[0])


def skew_normal(value: Any, centre: Any, omega: Any, q: Any) -> np.ndarray:
    """Log density of `families.frontier.frontier`.

    Examples
    --------
    >>> grid = np.linspace(-9, 9, 2001)
    >>> round(float(np.exp(skew_normal(grid, 0.5, 1.2, 0.7)).sum() * (grid[1] - grid[0])), 6)
    1.0
    """
    e = (value - centre) / omega
    return (np.log(2) - 0.5 * np.log(2 * np.pi) - np.log(omega) - 0.5 * e**2
            + special.log_ndtr(-np.sqrt(q / (1 - q)) * e))


def _at(value: Any, benchmark: int) -> Any:
    """One anchor's draws as a column; constants as they are."""
    if not hasattr(value, "dims"):
        return value
    one = value.isel(anchor=benchmark)
    return one.values[:, None] if one.ndim else float(one)
