"""Pairs of parent and compressed child: by how much their effective sizes differ.

A benchmark's score is S = d + c / (1 + exp(-z)). The paper's laws (a sigmoid of a loss that is a
power law in N^) make z = A - B N^^-alpha, whose slope per e-fold of N^ is kappa at z = 0 and
falls as z rises: dz / d ln N^ = kappa - alpha z. A child whose effective size lies Delta e-folds
from its parent's stands at

    z_child = z_parent + (kappa / alpha - z_parent) (1 - exp(-alpha Delta)),

free of the curve's midpoint. Two kinds of data:

* families trained at several sizes on the same tokens tell kappa and alpha, if density does not
  change along the family on average (then ln N^ and ln N move together);
* pairs scored by one source tell the difference. What the source adds to both cancels, and the
  two answer the same items, so their counting errors partly cancel too.

All scores form one vector: members of families, parents, children. One vector compiles in half
the time of three.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy import special

from densing_bayes import laws
from densing_bayes.families.blocks import rv
from densing_bayes.specs import ModelSpec


def build(arrays: dict[str, Any], coords: dict[str, Any], spec: ModelSpec) -> pm.Model:
    """The model of pairs as a PyMC graph.

    Parameters
    ----------
    arrays
        From `densing_bayes.compressed.pair_arrays`.
    coords
        Labels of ``benchmark``, ``family``, ``treatment`` (method and bits), ``kind``, ``pair``,
        ``cell`` (a pair on a benchmark), ``row`` (a cell in a source) and ``start`` (one per
        family on a benchmark in a source, then one per row).
    spec
        Priors of family ``compression``.
    """
    priors = spec.priors
    with pm.Model(coords=coords) as model:
        data = {name: pm.Data(name, value) for name, value in arrays.items()}

        # the benchmarks: slope per e-fold of effective size, chance and ceiling
        typical = rv("log_slope_mean", priors["log_slope_mean"])
        spread = rv("log_slope_sd", priors["log_slope_sd"])
        known = data["slope_known"]  # 1 where a fit of the curves gives the slope
        log_slope = pm.Normal("log_slope", known * data["slope_mu"] + (1 - known) * typical,
                              known * data["slope_sd"] + (1 - known) * spread, dims="benchmark")
        bend = rv("bend", priors["bend"])

        # the pairs: log density ratio, pooled by method and bits, methods pooled by kind
        kind = data["method_kind"]
        centre = pt.stack([rv("quantised_mean", priors["quantised_mean"]),
                           rv("retrained_mean", priors["retrained_mean"])])
        sd_method = rv("sd_method", priors["sd_method"], dims="kind")
        mean = pm.Normal("method_mean", centre[kind], sd_method[kind], dims="treatment")
        method = data["pair_method"]
        sd_pair = rv("sd_pair", priors["sd_pair"], dims="kind")
        ratio = pm.Deterministic("log_ratio", _spread("pair_raw", mean[method], sd_pair,
                                                      kind[method], "pair"), dims="pair")
        sd_benchmark = rv("sd_benchmark", priors["sd_benchmark"], dims="kind")
        of = data["cell_pair"]
        on_benchmark = _spread("cell_raw", ratio[of], sd_benchmark, kind[method[of]], "cell")
        shift = data["log_params_ratio"][of] + on_benchmark  # Delta

        # where each score stands on its benchmark's curve: members, parents, children
        tilt = pt.exp(rv("family_slope_sd", priors["family_slope_sd"])
                      * pm.ZeroSumNormal("family_tilt", 1, dims="family"))
        step = pt.concatenate([data["member_log_params"] * tilt[data["member_family"]],
                               pt.zeros(data["row_cell"].shape),
                               shift[data["row_cell"]]])
        place = pm.Normal("place", 0, 2, dims="start",  # z of the start
                          initval=_first_guess(arrays))[data["score_start"]]
        bench = data["score_benchmark"]
        chance, scale = data["chance"][bench], data["scale"][bench]
        rise = (pt.exp(log_slope)[bench] / bend - place) * -pt.expm1(-bend * step)
        expected = laws.linked_score(log_size=place + rise, slope=1.0, midpoint=0.0,
                                     scale=scale, chance=chance)

        # counted items, and what a source adds; a child's error follows its parent's
        variance = expected * (1 - expected)
        counted = pt.sqrt(variance / data["score_items"])
        error = (data["score"] - expected) / counted
        agree = pt.concatenate([pt.zeros(1), rv("item_agreement", priors["item_agreement"],
                                                dims="kind")])[data["score_agrees"]]
        scatter = pt.stack([rv("sd_source", priors["sd_source"]), 0.0,
                            rv("sd_paired", priors["sd_paired"])])[data["score_role"]]
        fitted = expected + agree * error[data["score_partner"]] * counted
        sigma = pt.sqrt(counted**2 * (1 - agree**2) + 4 * variance * scatter**2)
        logp = pm.logp(pm.Normal.dist(fitted, sigma), data["score"])
        pm.Potential("scores", logp.sum())
        last = data["row_cell"].shape[0]
        pm.Deterministic("child_error", ((data["score"] - fitted) / sigma)[-last:], dims="row")
    return model


def _spread(name: str, mean: Any, sd: Any, kind: Any, dims: str) -> Any:
    """Normal(mean, sd[kind]) in the coordinates that mix.

    Quantised pairs hardly differ beyond their method (sd near 0), so their standardised place is
    sampled; retrained pairs are each pinned down by their own scores, so the value itself is.
    """
    own = pt.as_tensor([0.0, 1.0])[kind]
    raw = pm.Normal(name, own * mean, 1 - own + own * sd[kind], dims=dims)
    return (1 - own) * mean + raw * (own + (1 - own) * sd[kind])


def _first_guess(arrays: dict[str, Any]) -> np.ndarray:
    """Where the chains begin: each start at the mean logit of its first scores, kept off the ends.

    Only a beginning, never data: scores at chance have no inverse.
    """
    bench = arrays["score_benchmark"]
    share = (arrays["score"] - arrays["chance"][bench]) / arrays["scale"][bench]
    logit = special.logit(np.clip(share, 0.02, 0.98))
    first = arrays["score_role"] < 2
    start = arrays["score_start"][first]
    return np.bincount(start, logit[first]) / np.bincount(start)
