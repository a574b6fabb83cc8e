"""The joint posterior of many models: families and models integrated out, globals weighted.

NUTS moves all models' places at once: beyond ten thousand a draw takes seconds. Given the some
fifty globals the families are independent, so that their places can be integrated out by
quadrature (`joint.kernel.marginal`) at the cost of a dozen gradients. What is left is a
small posterior, sampled in five steps:

1. pilot: NUTS on some whole families of the same tables gives a starting point and scales;
2. nodes of the integrals where the posterior of every family and model is;
3. the mode (BFGS) and, by differences of gradients, the curvature there of all that models and
   repeated scores say; priors, ladder and pairs need no approximation, they cost nothing;
4. draws of that approximate posterior (priors, ladder and pairs exact, models quadratic),
   weighted by exact over approximate density, Pareto-smoothed (`densing_bayes.importance`),
   each with families' effects and models' places drawn given the globals;
5. equally weighted draws of these.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from scipy import linalg, optimize

from densing_bayes.fitting import case_seed, sample
from densing_bayes.importance import FLATTEST, Weighted, pareto_smoothed
from densing_bayes.joint.engine import DIMS, CompiledJoint, compiled_function, compiled_joint
from densing_bayes.joint.growth import turns
from densing_bayes.joint.integrated import Marginal
from densing_bayes.specs import Sampling

METHOD = "marginal"  # as told by a fit's attrs
PILOT = 1000  # models of the pilot, and its NUTS draws per chain
PILOT_DRAWS, PILOT_TUNE = 150, 300
STEP, FINE = 0.3, 1e-3  # of differences, in approximate posterior widths
# where curves are told: z for the first benchmark, whose scores at 0 and 1 are given, and
# quantiles of the models' z for linked and for further anchored ones
FIRST_PLACES, PLACES = (0.5, 1.4), ((0.05, 0.5, 0.95), (0.05, 0.35, 0.65, 0.95))
# Tails of a proposal should be the heavier ones: the quadratic's share that is counted
COUNTED = 0.92
WEIGHTED, APART = 600, 4  # draws that are weighted, of so many times as many by NUTS
CHAINS, DRAWS = 4, 100  # equally weighted draws told, in chains like those of NUTS


@dataclass(frozen=True, eq=False)
class Approximation:
    """Priors, ladder and pairs exactly; models and repeated scores as a quadratic.

    Points are ``mode + root y``: the posterior is about as wide as 1 in y. The quadratic is in
    the summary (`densing_bayes.joint.kernel.summary`), which tells the curves at ``places``.
    """

    marginal: Marginal
    mode: np.ndarray
    root: np.ndarray
    quadratic: tuple[np.ndarray, ...]  # places, centre, slope, curvature

    def __call__(self, y: np.ndarray) -> tuple[float, np.ndarray]:
        """Log density and gradient in y."""
        total, gradient = self.marginal.code["approximate"](
            self.mode + self.root @ y, self.marginal.plain, *self.quadratic)
        return total, self.root.T @ gradient


def pilot(compiled: CompiledJoint, sampling: Sampling) -> xr.Dataset:
    """Draws of the joint posterior of random whole families, `PILOT` models or a few more.

    Ladder, pairs and repeated cells are all there: they cost little.
    """
    columns = compiled.columns
    family = np.asarray(columns["models"]["family"], int)
    rng = np.random.default_rng(case_seed(sampling.seed, "pilot families"))
    members = np.bincount(family)
    order = rng.permutation(members.size)
    chosen = np.sort(order[:1 + np.searchsorted(np.cumsum(members[order]), PILOT)])
    inside = np.isin(family, chosen)
    rank = np.cumsum(inside) - 1
    tables = {"models": {name: np.asarray(value)[inside] for name, value in
                         columns["models"].items()}}
    tables["models"]["family"] = np.searchsorted(chosen, family[inside])
    for group in ("anchored", "linked_cells"):
        cells = {name: np.asarray(value) for name, value in columns[group].items()}
        keep = inside[cells["model"].astype(int)]
        tables[group] = {name: value[keep] for name, value in cells.items()}
        tables[group]["model"] = rank[tables[group]["model"].astype(int)]
    labels = {"model": np.arange(inside.sum()), "family": chosen}
    some = compiled_joint({**columns, **tables}, {**compiled.coords, **labels}, compiled.priors,
                          irreducible=compiled.irreducible)
    short = replace(sampling, draws=PILOT_DRAWS, tune=PILOT_TUNE, chains=4)
    return sample(some, short, case="pilot")["posterior"].to_dataset()


def points_of(marginal: Marginal, draws: xr.Dataset) -> np.ndarray:
    """Draws of another fit of the same tables as points of the globals, (draw, global)."""
    columns = marginal.compiled.columns
    weight, turn = turns(columns["knots"], columns["models"]["time"])
    out = []
    for _, draw in draws.drop_vars(["z", "family_effect"]).stack(s=("chain", "draw")).groupby("s"):
        at = {str(name): value.values[..., 0] for name, value in draw.items()}
        at["step_coordinate"] = turn.T @ at["rate_step"] / at["drift"] ** (1 - weight)
        out.append(marginal.above.point(at))
    return np.array(out)


def approximate(marginal: Marginal, points: np.ndarray) -> Approximation:
    """Mode and curvature, from points that are roughly where the posterior is."""
    start, covariance = points.mean(axis=0), np.cov(points.T)
    root = linalg.cholesky(0.9 * covariance + 0.1 * np.diag(np.diag(covariance)), lower=True)
    marginal.place_nodes(start)

    def descend(y: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = marginal.gradient(start + root @ y)
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            return 1e300, np.zeros_like(y)
        return -value, -root.T @ gradient

    found = optimize.minimize(descend, np.zeros(len(start)), jac=True, method="BFGS",
                              options={"gtol": 0.3, "maxiter": 300})
    mode, root = start + root @ found.x, root @ linalg.cholesky(found.hess_inv, lower=True)
    marginal.place_nodes(mode)

    code, above = marginal.code, marginal.plain
    places = np.array([*([0, z] for z in FIRST_PLACES), *(
        [b, z] for b in range(1, marginal.benchmarks)
        for z in np.quantile(marginal.centres(), PLACES[b < marginal.anchors]))], float).T

    def summary(x: np.ndarray) -> np.ndarray:
        return np.asarray(code["summary_at"](x, above, places))

    def pulled(x: np.ndarray, bar: np.ndarray) -> np.ndarray:
        """The summary's derivatives to the globals, times ``bar``."""
        both = [code["back"](x, above, places, one)[1] for one in (bar, np.zeros_like(bar))]
        return np.asarray(both[0] - both[1])

    # The latents speak of the globals by the summary alone, so their slope and curvature in its
    # coordinates follow from those in the globals'.
    whole, latent = differences(marginal, mode, root)
    gradient = marginal.gradient(mode)[1] - marginal.above.log_density(mode)[1]
    units = np.eye(len(centre := summary(mode)))
    jacobian = np.array([pulled(mode, unit) for unit in units]) @ root
    inverse = linalg.pinv(jacobian)
    slope = inverse.T @ (root.T @ gradient)
    bent = np.array([(pulled(mode + step, slope) - pulled(mode - step, slope)) @ root
                     for step in FINE * root.T]) / (2 * FINE)
    curvature = inverse.T @ (latent - 0.5 * (bent + bent.T)) @ inverse
    values, vectors = np.linalg.eigh(-whole)
    return Approximation(marginal, mode, root @ vectors / np.sqrt(np.maximum(values, FLATTEST)),
                         (places, centre, slope, COUNTED * curvature))


def differences(marginal: Marginal, mode: np.ndarray, root: np.ndarray,
                ) -> tuple[np.ndarray, np.ndarray]:
    """Second derivatives along the columns of ``root``: of all, and without what is exact."""
    found = []
    for step in STEP * root.T:
        pair = [(marginal.gradient(x)[1], marginal.above.log_density(x)[1])
                for x in (mode + step, mode - step)]
        found.append([(pair[0][k] - pair[1][k]) @ root / (2 * STEP) for k in (0, 1)])
    whole, exact = (0.5 * (matrix + matrix.T) for matrix in np.array(found).transpose(1, 0, 2))
    return whole, whole - exact


@dataclass(frozen=True, eq=False)
class Points:
    """Weighted points of the globals, each with a draw of effects and z given it."""

    weighted: Weighted
    effects: np.ndarray
    z: np.ndarray


def weigh(marginal: Marginal, near: Approximation, sampling: Sampling, count: int) -> Points:
    """Points of the globals with weights that make them draws of the posterior."""
    dim, chains = len(near.mode), 4
    long = replace(sampling, draws=APART * count // chains, tune=500, chains=chains)
    tree = sample(compiled_function(near, dim), long, case="approximate posterior")
    y = tree["posterior"]["x"].values.reshape(-1, dim)[::APART]
    points, ratio = near.mode + y @ near.root.T, np.empty(len(y))
    effects, z = (np.empty((len(y), size), np.float32) for size in (
        marginal.latents.low.size, marginal.latents.z_low.size))
    rng = np.random.default_rng(case_seed(sampling.seed, "families and models"))
    for i, x in enumerate(points):
        value, effects[i], z[i] = marginal.draw(x, rng)
        ratio[i] = value - near(y[i])[0]
    weight, k = pareto_smoothed(ratio)
    return Points(Weighted(points, np.zeros(len(points), int), weight, k, np.nan), effects, z)


def sample_marginal(compiled: CompiledJoint, sampling: Sampling, *, times: int = 1,
                    threads: int | None = None) -> xr.DataTree:
    """Draws of the joint posterior of many models, shaped like those of NUTS.

    ``posterior`` has chain and draw first and all that NUTS tells but the sampled coordinates of
    families and models; effects and z are single precision. The draws are independent given the
    weighted points (``times`` as many as usual); chains have no meaning of their own.

    Returns
    -------
    xr.DataTree
        Its attrs: ``method``, ``pareto_k`` and ``ess_importance`` of the weights, ``weighted``
        (how many points), ``nodes_family`` and ``nodes_model`` (means), and ``seconds`` of each
        step (JSON).
    """
    seconds: dict[str, float] = {}

    def timed(name: str, call: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        out = call()
        seconds[name] = round(time.perf_counter() - began, 2)
        return out

    marginal = timed("sorting", lambda: Marginal(compiled, threads))
    draws = timed("pilot", lambda: pilot(compiled, sampling))
    near = timed("mode and curvature", lambda: approximate(marginal, points_of(marginal, draws)))
    found = timed("weighted draws", lambda: weigh(marginal, near, sampling, times * WEIGHTED))
    weighted = found.weighted
    rng = np.random.default_rng(case_seed(sampling.seed, "resampled"))
    posterior = told(marginal, found, weighted.resample(CHAINS * DRAWS, rng))
    nodes = marginal.latents
    tree = xr.DataTree.from_dict({"posterior": posterior, "sample_stats": xr.Dataset(
        {"weight": ("point", weighted.weight)})})
    tree.attrs.update({
        "method": METHOD, "pareto_k": weighted.pareto_k, "ess_importance": weighted.ess,
        "weighted": len(weighted.x), "nodes_family": float(nodes.count.mean()),
        "nodes_model": float(nodes.z_count.mean()), "seconds": json.dumps(seconds)})
    return tree


def told(marginal: Marginal, points: Points, chosen: np.ndarray) -> xr.Dataset:
    """The posterior at equally weighted points of the globals, effects and z with them."""
    compiled = marginal.compiled
    natural = [marginal.natural(x) for x in points.weighted.x[chosen]]
    out = {"family_effect": points.effects[chosen], "z": points.z[chosen]} | {
        name: np.array([one[name] for one in natural]) for name in marginal.above.shapes}
    dims = {name: (DIMS[name],) if name in DIMS else () for name in out}
    return xr.Dataset(
        {name: (("chain", "draw", *dims[name]), out[name].reshape(
            CHAINS, DRAWS, *out[name].shape[1:])) for name in compiled.shapes if name in out},
        {dim: compiled.coords[dim] for dim in {one for of in dims.values() for one in of}}
        | {"chain": np.arange(CHAINS), "draw": np.arange(DRAWS)})
