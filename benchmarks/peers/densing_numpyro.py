"""The joint model of `densing_bayes.joint.graph` in NumPyro, in two parametrisations."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax.scipy.special import expit, log_ndtr, logit
from numpyro.distributions import constraints


def below(name: str, f: Any, omega: Any, q: Any, length: int) -> Any:
    """A skew-normal vector below the frontier ``f``."""
    y = numpyro.sample(name, dist.ImproperUniform(constraints.real, (length,), ()))
    e = (y - f) / omega
    density = (jnp.log(2.0) - jnp.log(omega) + dist.Normal(0, 1).log_prob(e)
               + log_ndtr(-jnp.sqrt(q / (1 - q)) * e))
    numpyro.factor(f"{name}_density", density.sum())
    return y


def model(d: dict[str, Any]) -> None:
    """The joint model; ``d`` from `benchmarks.peers.data.flat` (indices from 0)."""
    natural = bool(d["natural"])

    def prior(name: str) -> Any:
        return d[f"prior_{name}"]

    def vector(name: str, of: Any, length: int) -> Any:
        return numpyro.sample(name, of.expand([length]) if of.batch_shape != (length,) else of)

    k, n_b = d["n_anchors"], d["n_benchmark"]
    # the ruler
    share = vector("size_share", dist.Beta(*prior("size_share")), k)
    mu, sigma = prior("log_alpha")
    alpha = jnp.exp(vector("log_size_slope", dist.Normal(mu + jnp.log(share), sigma), k)) / share
    mu, sigma = prior("log_beta")
    beta = jnp.exp(vector("log_token_slope", dist.Normal(mu + jnp.log1p(-share), sigma), k)
                   ) / (1 - share)
    log_centre = vector("log_loss_at_centre", dist.Normal(*prior("log_loss_at_centre")), k)
    centre = jnp.exp(log_centre)
    chance = d["anchors_chance"]
    scale = vector("headroom", dist.Beta(*prior("headroom")), k) * (1 - chance)
    gamma = -jnp.exp(vector("log_steepness", dist.Normal(*prior("log_steepness")), k)) / centre
    midpoint = jnp.exp(vector("log_midpoint", dist.Normal(*prior("log_midpoint")), k)) * centre
    log_a = log_centre + jnp.log(share) + alpha * d["anchors_centre_log_params"]
    log_b = log_centre + jnp.log1p(-share) + beta * d["anchors_centre_log_tokens"]
    sigma_loss = vector("sigma_loss", dist.HalfNormal(prior("sigma_loss")[0]), k)
    sigma_pair = vector("sigma_pair", dist.HalfNormal(prior("sigma_pair")[0]), k)
    token_loss = jnp.exp(log_b - beta * d["log_reference_tokens"])

    def log_size(score: float) -> Any:
        loss = midpoint[0] - jnp.log(scale[0] / (score - chance[0]) - 1) / gamma[0]
        return (log_a[0] - jnp.log(loss - token_loss[0])) / alpha[0]

    c0 = log_size(d["low_score"])
    c1 = log_size(d["high_score"]) - c0
    numpyro.factor("reachable", jnp.where(jnp.isnan(c0) | jnp.isnan(c1), -jnp.inf, 0.0))
    u0, u1 = (d["mean_log_params"], 1.0) if natural else (c0, c1)
    i = d["ladder_anchor"]
    fitted = jnp.log(jnp.exp(log_a[i] - alpha[i] * d["ladder_log_params"])
                     + jnp.exp(log_b[i] - beta[i] * d["ladder_log_tokens"]))
    numpyro.sample("ladder", dist.Normal(fitted, sigma_loss[i]), obs=d["ladder_log_loss"])
    i = d["pairs_anchor"]
    fitted = scale[i] * expit(gamma[i] * (d["pairs_loss"] - midpoint[i])) + chance[i]
    numpyro.sample("pairs", dist.Normal(fitted, sigma_pair[i]), obs=d["pairs_score"])

    # spread and frontier
    spread, ratios, gap = {}, {}, {}
    q = {"family": numpyro.sample("q_family", dist.Beta(*prior("q"))),
         "model": numpyro.sample("q", dist.Beta(*prior("q")))}
    for name in ("family", "model"):
        ratio = 1.0 if natural else jnp.sqrt(1 - 2 * q[name] / jnp.pi)
        sd = numpyro.sample(f"sd_{name}_z", dist.HalfNormal(prior("omega")[0] * ratio / u1))
        spread[name], ratios[name] = sd, ratio
        gap[name] = 0.0 if natural else sd / ratio * jnp.sqrt(2 * q[name] / jnp.pi)

    def members(name: str, mean: Any, pull: Any, precision: Any) -> Any:
        sd = spread[name]
        if natural:  # the mean is the frontier
            return below(f"{name}_coordinate", mean, sd, q[name], len(mean))
        root = 1 / jnp.sqrt(1 + precision * sd**2)
        at = sd * root**2 * pull
        y = below(f"{name}_coordinate", (gap[name] / sd - at) / root, 1 / (ratios[name] * root),
                  q[name], len(mean))
        return mean + sd * (at + root * y)

    shift = (0.0 if natural else (d["mean_log_params"] - u0) / u1) - gap["family"] - gap["model"]
    mu, sigma = prior("level")
    mean_z = numpyro.sample("mean_z", dist.Normal(mu / u1 + shift, sigma / u1))
    mu, sigma = prior("rate")
    rate_z = numpyro.sample("rate_z", dist.Normal(mu / u1, sigma / u1))
    drift = numpyro.sample("drift", dist.LogNormal(*prior("drift")))
    by_value = d["turn_weight"]
    coordinate = numpyro.sample("step_coordinate", dist.Normal(0, drift**by_value))
    step = d["turn"] @ (drift**(1 - by_value) * coordinate)
    time = d["models_time"]
    effect = d["knots_scale"] * (jnp.maximum(time[:, None] - d["knots_at"], 0)
                                 - d["knots_level"] - d["knots_slope"] * time[:, None])
    base = ((d["models_log_params"] - d["mean_log_params"]) / u1 + mean_z + rate_z * time
            + effect @ step / u1)
    precision, of_family = d["own_precision"], d["models_family"]
    one, zero = precision / (1 + precision * spread["model"]**2), jnp.zeros(d["n_families"])
    family = members("family", zero, zero.at[of_family].add(one * (d["own_place"] - base)),
                     zero.at[of_family].add(one))
    mean = base + family[of_family]
    z = members("model", mean, precision * (d["own_place"] - mean), precision)

    # scores
    sd_source = vector("sd_source", dist.HalfNormal(prior("sd_source")[0]), n_b)
    size = prior("sd_benchmark")[0] / u1  # mirrored at zero in the package's coordinates
    sd_benchmark = u1 * jnp.abs(vector(
        "sd_benchmark_z", dist.HalfNormal(size) if natural else dist.Normal(0.0, size), n_b))
    nu = 2 + numpyro.sample("nu", dist.Gamma(*prior("nu")))
    numpyro.sample("contrasts", dist.StudentT(
        3.0, 0.0, sd_source[d["contrasts_benchmark"]] * d["contrasts_spread"]),
        obs=d["contrasts_value"])

    def scores(group: str, expected: Any, slope: Any) -> None:
        b = d[f"{group}_benchmark"]
        spread = expected * (1 - expected)
        variance = ((slope * sd_benchmark[b]) ** 2 + spread / d[f"{group}_items"]
                    + 4 * spread * sd_source[b] ** 2 / d[f"{group}_replicates"])
        numpyro.sample(group, dist.StudentT(nu, expected, jnp.sqrt(variance)),
                       obs=d[f"{group}_score"])

    b = d["anchored_benchmark"]
    size_term = jnp.exp(log_a[b] - alpha[b] * (u0 + u1 * z[d["anchored_model"]]))
    part = expit(gamma[b] * (size_term + token_loss[b] - midpoint[b]))
    scores("anchored", scale[b] * part + chance[b],
           -gamma[b] * scale[b] * part * (1 - part) * alpha[b] * size_term)
    length = d["n_linked_benchmarks"]
    if length:
        headroom = vector("linked_headroom", dist.Beta(*prior("linked_headroom")), length)
        p = jnp.minimum(d["linked_benchmarks_mean_share"] / headroom, 0.95)
        log_1mp = jnp.zeros(length) if natural else jnp.log1p(-p)
        mu, sigma = prior("log_kappa")
        log_slope = vector("linked_steepness",
                           dist.Normal(mu + jnp.log(u1) + log_1mp, sigma), length) - log_1mp
        lead = jnp.zeros(length) if natural else logit(p) / jnp.exp(log_slope)
        mu, sigma = prior("linked_midpoint")
        middle = vector("linked_place", dist.Normal((mu - u0) / u1 + lead, sigma / u1),
                        length) - lead
        at = d["linked_cells_benchmark"] - k
        kappa, low = jnp.exp(log_slope)[at], d["linked_benchmarks_chance"][at]
        height = headroom[at] * (1 - low)
        part = expit(kappa * (z[d["linked_cells_model"]] - middle[at]))
        scores("linked_cells", low + height * part, height * part * (1 - part) * kappa / u1)

    rate = numpyro.deterministic("rate", rate_z * u1)
    numpyro.deterministic("level", (mean_z - shift) * u1 - rate * d["centre_time"])
    numpyro.deterministic("omega", spread["model"] / ratios["model"] * u1)
    numpyro.deterministic("omega_family", spread["family"] / ratios["family"] * u1)
