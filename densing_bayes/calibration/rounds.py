"""Rounds of SBC with the joint model: one truth, its data, and the posterior's draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.calibration import sbc
from densing_bayes.calibration.coverage import window
from densing_bayes.calibration.rig import refit
from densing_bayes.fitting import case_seed, sample
from densing_bayes.joint.engine import MEAN_HALF
from densing_bayes.joint.fit import Joint
from densing_bayes.parameters import PARAMETERS
from densing_bayes.specs import Sampling
from densing_bayes.worlds import DIMS, Columns, frontier, simulate

LADDER = ("log_loss_at_centre", "size_share", "log_alpha", "log_beta", "sigma_loss")
AVERAGE = "average growth of the frontier"


def sbc_round(ours: Joint, case: str, centre: dict[str, Any], sampling: Sampling, *,
              cores: int = 1, noise: float = 1.0) -> dict[str, Any]:
    """One round of SBC: `sbc.RANKS` posterior draws of every quantity, and the truth.

    Pairs all count in full, as the simulator draws them: what checkpoints of one run share is no
    part of the model, which lets them count for less.

    Parameters
    ----------
    noise
        Factor on the ladder's noise in the simulator only: 1 unless the check itself is tested.
    """
    rng = np.random.default_rng(case_seed(sampling.seed, case))
    priors = sbc.narrowed(ours.spec.priors, centre)
    design = ours.columns | {"pairs": ours.columns["pairs"] | {
        "share": np.ones(len(ours.columns["pairs"]["loss"]))}}
    truth = sbc.draw_truth(priors, design, rng)
    loud = truth | {"sigma_loss": noise * np.asarray(truth["sigma_loss"])}
    changes, latent = simulate(design, loud, rng, aside=priors["level"])
    fit = refit(ours, case, sampling, changes=changes, priors=priors, cores=cores)
    draws = natural(fit.posterior, fit.columns)
    draws |= {"growth": fit.posterior["growth"], "family_gaps": fit.posterior["family_gap"],
              "log_density": fit.derived["log_density"]}
    shown = {name: values for key, draw in draws.items()
             for name, values in ends(key, draw.transpose("chain", "draw", ...).values).items()}
    shown[AVERAGE] = fit.derived["rate"].values.ravel()
    at = np.linspace(0, len(shown[AVERAGE]) - 1, sbc.RANKS).astype(int)
    shown = {name: values[at] for name, values in shown.items()}
    told = {name: values[0] for key in draws for name, values in ends(
        key, np.asarray((latent | truth)[key], float)[None, None]).items()}
    since, until = window(fit.derived)
    told[AVERAGE] = np.diff(frontier(design, latent, [since, until]))[0] / (until - since)
    for values in (shown, told):
        values["ladder log likelihood"] = ladder_likelihood(
            {name: np.atleast_1d(values[name if name in values else f"{name}, first"])
             for name in LADDER}, changes, ours.columns)
    return {"truth": {name: float(np.ravel(told[name])[0]) for name in shown},
            "draws": {name: values.tolist() for name, values in shown.items()},
            **fit.health()}


def natural(posterior: xr.Dataset, columns: Columns) -> dict[str, xr.DataArray]:
    """Draws of every parameter that has a prior, in the prior's units, by the prior's name.

    And of the contrasts of the benchmarks' own trends.
    """
    c0, c1 = posterior["c0"], posterior["c1"]
    gaps = {name: posterior[f"gap_{name}_z"] * c1 for name in ("family", "model")}
    carried = {
        "log_alpha": posterior["log_size_slope"] - np.log(posterior["size_share"]),
        "log_beta": posterior["log_token_slope"] - np.log1p(-posterior["size_share"]),
        "family_gap": gaps["family"], "model_gap": gaps["model"],
        "rate": posterior["rate_z"] * c1,
        "level": posterior["mean_z"] * c1 + c0 - columns["setting"]["mean_size"][0]
        + gaps["family"] + MEAN_HALF * gaps["model"],
        "sd_benchmark": posterior["sd_benchmark_z"] * c1,
    }
    if "middle_z" in posterior:
        carried |= {"log_kappa": posterior["log_kappa_z"] - np.log(c1),
                    "linked_midpoint": c0 + c1 * posterior["middle_z"]}
    out = {row.prior: carried.get(row.prior, posterior.get(row.name)) for row in PARAMETERS
           if row.prior in DIMS}
    out |= {name: posterior[name] for name in ("trend_contrast", "tilt_contrast")}
    return {name: draws for name, draws in out.items() if draws is not None}


def ends(name: str, draws: np.ndarray) -> dict[str, np.ndarray]:
    """Flat draws of a number, or of the first and the last entry of a vector.

    Examples
    --------
    >>> list(ends("rate", np.zeros((2, 50)))), list(ends("growth", np.zeros((2, 50, 4))))
    (['rate'], ['growth, first', 'growth, last'])
    """
    if draws.ndim == 2:
        return {name: draws.ravel()}
    last = {f"{name}, last": draws[..., -1].ravel()} if draws.shape[-1] > 1 else {}
    return {f"{name}, first": draws[..., 0].ravel()} | last


def ladder_likelihood(at: dict[str, np.ndarray], changes: Columns, columns: Columns) -> np.ndarray:
    """Ln likelihood of the first ladder: a quantity of parameters and data together.

    Without one, a fit that ignored its data would pass (Modrak et al. 2023).
    """
    ladder, anchors = changes["ladder"], columns["anchors"]
    rows = np.asarray(ladder["anchor"]) == 0
    size, tokens, seen = (np.asarray(ladder[name])[rows]
                          for name in ("log_params", "log_tokens", "log_loss"))
    share, centre = at["size_share"][:, None], at["log_loss_at_centre"][:, None]
    alpha, beta = (np.exp(at[name])[:, None] for name in ("log_alpha", "log_beta"))
    fitted = centre + np.log(
        share * np.exp(-alpha * (size - anchors["centre_log_params"][0]))
        + (1 - share) * np.exp(-beta * (tokens - anchors["centre_log_tokens"][0])))
    sigma = at["sigma_loss"][:, None]
    return (-0.5 * ((seen - fitted) / sigma) ** 2 - np.log(sigma)).sum(axis=1)


def centre(ours: Joint, sampling: Sampling) -> dict[str, Any]:
    """Posterior means on the real tables: about which real-design rounds draw their truths."""
    posterior = sample(ours.compiled, sampling, case="sbc centre", cores=1)["posterior"]
    return {name: draws.mean(("chain", "draw")).values
            for name, draws in natural(posterior.to_dataset(), ours.columns).items()}


def ranks_of(rounds: list[dict[str, Any]], **spoil: float) -> dict[str, np.ndarray]:
    """Rank of the truth by quantity, one per round; see `sbc.spoilt` for ``spoil``."""
    names = list(rounds[0]["truth"])
    return {name: np.array([int(sbc.rank(
        sbc.spoilt(np.asarray(one["draws"][name]), **spoil), np.asarray(one["truth"][name])))
        for one in rounds]) for name in names}


def judge_rounds(rounds: list[dict[str, Any]], **spoil: float) -> dict[str, Any]:
    """`sbc.judge` on rounds, perhaps spoilt on purpose."""
    return sbc.judge(ranks_of(rounds, **spoil))
