"""The joint model of `densing_bayes.joint.graph` in NumPyro, in two parametrisations."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax.nn import softplus
from jax.scipy.special import expit, log_ndtr, logit
from numpyro.distributions import constraints

MEAN_HALF = (2 / jnp.pi) ** 0.5  # mean of a half-normal of scale 1


def vector(name: str, of: Any, length: int) -> Any:
    """Independent variables of one dimension."""
    return numpyro.sample(name, of.expand([length]) if of.batch_shape != (length,) else of)


def free(name: str, length: int) -> Any:
    """Variables on the whole line whose density is added by the caller."""
    return numpyro.sample(name, dist.ImproperUniform(constraints.real, (length,), ()))


def above(name: str, of: Any, floor: Any) -> Any:
    """Shares above a floor."""
    y = numpyro.sample(name, dist.ImproperUniform(constraints.interval(floor, 1.0),
                                                  (len(floor),), ()))
    numpyro.factor(f"{name}_density", of.log_prob(y).sum())
    return y


def below(value: Any, frontier: Any, gap: Any, noise: Any) -> Any:
    """Log density of frontier - u + v: u half-normal of scale ``gap``, v normal."""
    omega = jnp.sqrt(gap**2 + noise**2)
    e = (value - frontier) / omega
    return (jnp.log(2.0) - jnp.log(omega) + dist.Normal(0, 1).log_prob(e)
            + log_ndtr(-gap / noise * e))


def model(d: dict[str, Any]) -> None:
    """The joint model; ``d`` from `benchmarks.peers.data.flat` (indices from 0)."""
    natural = bool(d["natural"])

    def prior(name: str) -> Any:
        return d[f"prior_{name}"]

    def half(name: str, length: int) -> Any:
        return vector(name, dist.HalfNormal(prior(name)[0]), length)

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
    scale = above("headroom", dist.Beta(*prior("headroom")), d["anchors_floor"]) * (1 - chance)
    gamma = -jnp.exp(vector("log_steepness", dist.Normal(*prior("log_steepness")), k)) / centre
    midpoint = jnp.exp(vector("log_midpoint", dist.Normal(*prior("log_midpoint")), k)) * centre
    log_a = log_centre + jnp.log(share) + alpha * d["anchors_centre_log_params"]
    log_b = log_centre + jnp.log1p(-share) + beta * d["anchors_centre_log_tokens"]
    token_loss = jnp.exp(log_b - beta * d["log_reference_tokens"])
    i = d["ladder_anchor"]
    fitted = jnp.log(jnp.exp(log_a[i] - alpha[i] * d["ladder_log_params"])
                     + jnp.exp(log_b[i] - beta[i] * d["ladder_log_tokens"]))
    numpyro.sample("ladder", dist.Normal(fitted, half("sigma_loss", k)[i]),
                   obs=d["ladder_log_loss"])
    i = d["pairs_anchor"]
    sigma = half("sigma_pair", k)[i]
    off = vector("off_share", dist.Beta(*prior("off_share")), k)[i]
    fitted = scale[i] * expit(gamma[i] * (d["pairs_loss"] - midpoint[i])) + chance[i]
    on_curve, at_chance = (dist.Normal(mean, sigma).log_prob(d["pairs_score"])
                           for mean in (fitted, chance[i]))
    numpyro.factor("pairs", (d["pairs_share"] * jnp.logaddexp(
        jnp.log1p(-off) + on_curve, jnp.log(off) + at_chance)).sum())

    def log_size(score: float) -> Any:
        loss = midpoint[0] - jnp.log(scale[0] / (score - chance[0]) - 1) / gamma[0]
        return (log_a[0] - jnp.log(loss - token_loss[0])) / alpha[0]

    c0 = log_size(d["low_score"])
    c1 = log_size(d["high_score"]) - c0
    numpyro.factor("reachable", jnp.where(jnp.isnan(c0) | jnp.isnan(c1), -jnp.inf, 0.0))
    u0, u1 = (d["mean_size"], 1.0) if natural else (c0, c1)  # ln N^ = u0 + u1 z

    # the frontier, and the gaps below it
    gap_family, gap_model = (numpyro.sample(f"gap_{name}_z", dist.HalfNormal(
        prior(f"{name}_gap")[0] / u1)) for name in ("family", "model"))
    spread = numpyro.sample("spread_growth", dist.Normal(*prior("spread_growth")))
    noise = numpyro.sample("noise", dist.LogNormal(*prior("noise")))
    cost = numpyro.sample("log_cost_ratio", dist.Normal(*prior("log_cost_ratio")))
    mean_gap = 0.0 if natural else gap_family + MEAN_HALF * gap_model
    level, level_sd = prior("level")
    mean_z = numpyro.sample("mean_z", dist.Normal(
        (level + d["mean_size"] - u0) / u1 - mean_gap, level_sd / u1))
    mu, sigma = prior("rate")
    rate_z = numpyro.sample("rate_z", dist.Normal(mu / u1, sigma / u1))
    drift = numpyro.sample("drift", dist.LogNormal(*prior("drift")))
    weight, turn = d["turn_weight"], d["turn"]
    rate = rate_z * u1 * turn.sum(axis=0)
    step = numpyro.sample("step_coordinate", dist.Normal(
        weight * rate / drift**(1 - weight), drift**weight))
    growth = d["softness"] * softplus(
        turn @ (drift**(1 - weight) * step + (1 - weight) * rate) / d["softness"])
    time, counts = d["models_time"], d["models_eligible"]
    size = d["models_log_used"] + jnp.log1p(
        jnp.exp(cost + d["models_log_held"] - d["models_log_used"])) - softplus(cost)
    frontier = counts * (mean_z + mean_gap + (
        size - d["mean_size"] + d["effect"] @ growth) / u1) + (1 - counts) * (
            level + size - u0) / u1
    own_gap = counts * gap_model * jnp.exp(spread * time)
    own_noise = (counts * noise + (1 - counts) * level_sd) / u1

    # curves of benchmarks without a ladder, and benchmarks' own trends
    n_l = d["n_linked_benchmarks"]
    headroom = above("linked_headroom", dist.Beta(*prior("linked_headroom")),
                     d["linked_benchmarks_floor"])
    p = jnp.minimum(d["linked_benchmarks_mean_share"] / headroom, 0.95)
    log_1mp = jnp.zeros(n_l) if natural else jnp.log1p(-p)
    mu, sigma = prior("log_kappa")
    kappa = jnp.exp(vector("linked_steepness", dist.Normal(mu + jnp.log(u1) + log_1mp, sigma),
                           n_l) - log_1mp)
    lead = jnp.zeros(n_l) if natural else logit(p) / kappa
    mu, sigma = prior("linked_midpoint")
    middle = vector("linked_place", dist.Normal((mu - u0) / u1 + lead, sigma / u1), n_l) - lead
    own = []
    for name in ("trend", "tilt"):
        sigma = numpyro.sample(f"{name}_spread", dist.LogNormal(*prior(f"{name}_spread")))
        own.append(vector(f"{name}_contrast", dist.Normal(0.0, sigma), n_b)[1:]
                   @ d["contrast_rows"] / u1)

    def moved(group: str) -> Any:
        b, i = d[f"{group}_benchmark"], d[f"{group}_model"]
        return own[0][b] * time[i] + own[1][b] * d["models_tilt_size"][i]

    at = d["linked_cells_benchmark"] - k
    # families and models
    of_family, n_f = d["models_family"], d["n_families"]
    scale_family = gap_family * jnp.exp(spread * d["families_time"])
    if natural:
        gap = vector("family_coordinate", dist.Exponential(1 / scale_family), n_f)
        z = free("model_coordinate", len(time))
        numpyro.factor("models", below(z, frontier - counts * gap[of_family], own_gap,
                                       own_noise).sum())
    else:
        place = jnp.zeros(len(time)).at[d["anchored_model"]].add(
            d["anchored_share"] * (d["anchored_place"] - moved("anchored")))
        place = place.at[d["linked_cells_model"]].add(d["linked_cells_share"] * (
            middle[at] + d["linked_cells_place"] / kappa[at] - moved("linked_cells")))
        precision = d["models_own_precision"]
        sd = jnp.sqrt(own_gap**2 * (1 - 2 / jnp.pi) + own_noise**2)
        root = 1 / jnp.sqrt(1 + precision * sd**2)
        base = frontier - MEAN_HALF * own_gap
        one, none = counts * precision * root**2, jnp.zeros(n_f)
        tau = 1 / jnp.sqrt(none.at[of_family].add(one) + 1 / scale_family**2)
        x = tau * none.at[of_family].add(one * (base - place)) + free("family_coordinate", n_f)
        gap = tau * softplus(x)
        numpyro.factor("families", (jnp.log(tau / scale_family) - softplus(-x)
                                    - gap / scale_family).sum())
        mean = base - counts * gap[of_family]
        z = (mean + (sd * root) ** 2 * precision * (place - mean)
             + sd * root * free("model_coordinate", len(time)))
        numpyro.factor("models", (jnp.log(sd * root) + below(
            z, mean + MEAN_HALF * own_gap, own_gap, own_noise)).sum())

    # scores
    sd_source = half("sd_source", n_b)
    size_sd = prior("sd_benchmark")[0] / u1  # mirrored at zero in the package's coordinates
    sd_benchmark = u1 * jnp.abs(vector("sd_benchmark_z", dist.HalfNormal(size_sd) if natural
                                       else dist.Normal(0.0, size_sd), n_b))
    nu = 2 + numpyro.sample("nu", dist.Gamma(*prior("nu")))
    numpyro.sample("contrasts", dist.StudentT(
        3.0, 0.0, sd_source[d["contrasts_benchmark"]] * d["contrasts_spread"]),
        obs=d["contrasts_value"])

    def scores(group: str, expected: Any, slope: Any) -> None:
        b = d[f"{group}_benchmark"]
        spread = expected * (1 - expected)
        variance = ((slope * sd_benchmark[b]) ** 2 + spread / d[f"{group}_items"]
                    + 4 * spread * sd_source[b] ** 2 / d[f"{group}_replicates"]
                    + d[f"{group}_least"])
        numpyro.sample(group, dist.StudentT(nu, expected, jnp.sqrt(variance)),
                       obs=d[f"{group}_score"])

    b = d["anchored_benchmark"]
    size_term = jnp.exp(log_a[b] - alpha[b] * (u0 + u1 * (
        z[d["anchored_model"]] + moved("anchored"))))
    part = expit(gamma[b] * (size_term + token_loss[b] - midpoint[b]))
    scores("anchored", scale[b] * part + chance[b],
           -gamma[b] * scale[b] * part * (1 - part) * alpha[b] * size_term)
    low = d["linked_benchmarks_chance"][at]
    height = headroom[at] * (1 - low)
    part = expit(kappa[at] * (z[d["linked_cells_model"]] + moved("linked_cells") - middle[at]))
    scores("linked_cells", low + height * part, height * part * (1 - part) * kappa[at] / u1)

    numpyro.deterministic("rate", growth @ d["rate_weight"])
    numpyro.deterministic("level", (mean_z + mean_gap) * u1 + u0 - d["mean_size"]
                          - growth @ d["level_weight"])
    numpyro.deterministic("gap_family", gap_family * u1)
    numpyro.deterministic("gap_model", gap_model * u1)
