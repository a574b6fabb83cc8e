"""Rounds of SBC with the joint model: one truth, its data, and the posterior's draws."""

from __future__ import annotations

from typing import Any

import numpy as np

from densing_bayes.calibration import sbc
from densing_bayes.calibration.rig import Rig
from densing_bayes.fitting import case_seed, sample
from densing_bayes.specs import Sampling
from densing_bayes.worlds import fill, simulate

QUANTITIES = ("rate", "level", "drift", "omega", "q", "omega_family", "q_family")


def sbc_round(ours: Rig, case: str, centre: dict[str, Any], sampling: Sampling, *, cores: int = 1,
              noise: float = 1.0) -> dict[str, Any]:
    """One round of SBC: `sbc.RANKS` posterior draws of every quantity, and the truth.

    Parameters
    ----------
    noise
        Factor on the ladder's noise in the simulator only: 1 unless the check itself is tested.
    """
    rng = np.random.default_rng(case_seed(sampling.seed, case))
    priors = sbc.narrowed(ours.spec.priors, centre)
    truth = sbc.draw_truth(priors, ours.columns, rng)
    loud = truth | {"sigma_loss": noise * np.asarray(truth["sigma_loss"])}
    changes, latent = simulate(ours.columns, loud, rng)
    refit = ours.fit(case, changes, sampling, priors=priors, cores=cores)
    draws = quantities(refit.posterior, refit.derived)
    at = np.linspace(0, len(draws["rate"]) - 1, sbc.RANKS).astype(int)
    shown = {name: values[at] for name, values in draws.items()}
    told = true_quantities(truth | latent | truth, ours.columns)
    shown["ladder log likelihood"] = ladder_likelihood(
        {name: shown[name] for name in LADDER}, changes, ours)
    told["ladder log likelihood"] = ladder_likelihood(
        {name: np.array([told[name]]) for name in LADDER}, changes, ours)[0]
    return {"truth": {name: float(told[name]) for name in shown},
            "draws": {name: values.tolist() for name, values in shown.items()},
            **refit.health()}


LADDER = ("log_loss_at_centre", "size_share", "alpha", "beta", "sigma_loss")


def quantities(posterior: Any, derived: Any) -> dict[str, np.ndarray]:
    """Draws of the quantities that SBC ranks, flat; of vectors the first entry."""
    c1 = posterior["c1"]
    count = derived.sizes["model"]
    found = {name: derived[name] for name in QUANTITIES}
    found["level"] = derived["level"]
    found |= {name: derived[name].isel(anchor=0) for name in ("alpha", "beta")}
    found |= {name: posterior[name].isel(anchor=0) for name in (
        "log_loss_at_centre", "size_share", "headroom", "log_steepness", "log_midpoint",
        "sigma_loss", "sigma_pair")}
    found |= {"nu": posterior["nu"], "sd_source": posterior["sd_source"].isel(benchmark=0),
              "sd_benchmark": (posterior["sd_benchmark_z"] * c1).isel(benchmark=0)}
    found |= {f"density of the {word} model": derived["log_density"].isel(model=at)
              for word, at in (("first", 0), ("last", count - 1))}
    return {name: value.values.ravel() for name, value in found.items()}


def true_quantities(truth: dict[str, Any], columns: Any) -> dict[str, float]:
    """The same quantities of a truth from `sbc.draw_truth` and `simulate`."""
    full = fill(truth, columns)
    first = {name: float(np.ravel(value)[0]) for name, value in full.items()
             if np.size(value)}
    return first | {
        "alpha": np.exp(first["log_alpha"]), "beta": np.exp(first["log_beta"]),
        # the report's level is at LLaMA-1's release, the prior's at the models' mean date
        "level": first["level"] - first["rate"] * float(columns["setting"]["centre_time"][0]),
        "density of the first model": float(truth["log_density"][0]),
        "density of the last model": float(truth["log_density"][-1])}


def ladder_likelihood(at: dict[str, np.ndarray], changes: Any, ours: Rig) -> np.ndarray:
    """Ln likelihood of the first ladder: a quantity of parameters and data together.

    Without one, a fit that ignored its data would pass (Modrak et al. 2023).
    """
    ladder, anchors = changes["ladder"], ours.columns["anchors"]
    rows = np.asarray(ladder["anchor"]) == 0
    size, tokens, seen = (np.asarray(ladder[name])[rows]
                          for name in ("log_params", "log_tokens", "log_loss"))
    share, centre = at["size_share"][:, None], at["log_loss_at_centre"][:, None]
    fitted = centre + np.log(
        share * np.exp(-at["alpha"][:, None] * (size - anchors["centre_log_params"][0]))
        + (1 - share) * np.exp(-at["beta"][:, None] * (tokens - anchors["centre_log_tokens"][0])))
    sigma = at["sigma_loss"][:, None]
    return (-0.5 * ((seen - fitted) / sigma) ** 2 - np.log(sigma)).sum(axis=1)


def centre(ours: Rig, sampling: Sampling) -> dict[str, Any]:
    """Posterior means on the real tables: about which real-design rounds draw their truths."""
    posterior = sample(ours.compiled, sampling, case="sbc centre", cores=1)["posterior"]
    mean = posterior.to_dataset().mean(("chain", "draw"))
    c0, c1 = float(mean["c0"]), float(mean["c1"])
    share = mean["size_share"]
    same = ("log_loss_at_centre", "size_share", "headroom", "log_steepness", "log_midpoint",
            "sigma_loss", "sigma_pair", "q", "sd_source", "nu", "linked_headroom",
            "drift")
    found = {name: mean[name].values for name in same if name in mean}
    omega = [float(mean[f"sd_{name}_z"]) * c1 for name in ("family", "model")]
    found |= {
        "log_alpha": (mean["log_size_slope"] - np.log(share)).values,
        "log_beta": (mean["log_token_slope"] - np.log(1 - share)).values,
        "rate": float(mean["rate_z"]) * c1, "level": c0 + c1 * float(mean["mean_z"])
        - float(ours.columns["setting"]["mean_log_params"][0]) + sum(omega),
        "omega": float(np.mean(omega)), "sd_benchmark": mean["sd_benchmark_z"].values * c1}
    if "middle_z" in mean:
        found |= {"linked_midpoint": c0 + c1 * mean["middle_z"].values,
                  "log_kappa": mean["log_kappa_z"].values - np.log(c1)}
    return found


def ranks_of(rounds: list[dict[str, Any]], **spoil: float) -> dict[str, np.ndarray]:
    """Rank of the truth by quantity, one per round; see `sbc.spoilt` for ``spoil``."""
    names = list(rounds[0]["truth"])
    return {name: np.array([int(sbc.rank(
        sbc.spoilt(np.asarray(one["draws"][name]), **spoil), np.asarray(one["truth"][name])))
        for one in rounds]) for name in names}


def judge_rounds(rounds: list[dict[str, Any]], **spoil: float) -> dict[str, Any]:
    """`sbc.judge` on rounds, perhaps spoilt on purpose."""
    return sbc.judge(ranks_of(rounds, **spoil))
