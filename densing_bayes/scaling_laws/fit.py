"""Posterior of one law on one ladder of runs.

Draws come from importance sampling (`densing_bayes.importance`), some tenths of a second a law;
where its diagnostics refuse, the same posterior is sampled again, longer, by walkers
(`densing_bayes.scaling_laws.walkers`), and once more four times as long, before a law is dropped.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from scipy import special

from densing_bayes.errors import InputError, Problem, did_you_mean
from densing_bayes.importance import Coordinates, importance, stream
from densing_bayes.scaling_laws import form
from densing_bayes.scaling_laws.coordinates import STATED, ladder_row, law_of
from densing_bayes.scaling_laws.tables import Ladder
from densing_bayes.scaling_laws.walkers import STEPS, WALKERS, walk
from densing_bayes.specs import ModelSpec

LAW = ("level", "floor_share", "size_share", "alpha", "beta", "joint", "change", "place", "width")
NOISE = ("noise", "noise_growth", "noise_valley", "tail")
VALLEY = ("size_share", "alpha", "beta", "joint")  # arguments of `form.off_valley`
NO_FLOOR = 0.25  # weight beforehand of a law without irreducible loss; 1 with one
WORTH_REFITTING, MOST_EFFECT = 1.2, 6.0  # design effects
SIZE_STEP, FLOP_STEP = 0.1, 0.2  # of ln size and ln compute: runs this near share errors
FEWEST_GROUPS, CLIPPED = 6, 3.0  # groups of several runs; residuals in scales
FINAL = (8_000, 24_000)  # weighted draws; where both are refused, walkers are cheaper
ROUGH_ESS = 100  # weighted draws that are enough to see how far a rehearsal missed
FLATTER = 0.3  # power of the importance weights by which walkers' starting places are picked


@dataclass(frozen=True)
class Variant:
    """One form of the law: the switches of `densing_bayes.scaling_laws.coordinates.law_of`.

    Parameters
    ----------
    prior
        Weight beforehand, relative to the others. Text has an entropy, so a loss has a floor: a
        law without one may describe a ladder, but has to earn its say beyond it.
    """

    what: str
    floor: float = 0.0
    joint: float = 0.0
    coupled: float = 0.0
    broken: float = 0.0
    slower: float = 0.0
    fewest: int = 5  # runs
    prior: float = 1.0


VARIANTS: dict[str, Variant] = {
    "chinchilla": Variant("E + a N^-alpha + b D^-beta", floor=1.0),
    "coupled": Variant("E + (A N^-a + B D^-b)^g", floor=1.0, coupled=1.0, fewest=8),
    "densing": Variant("a N^-alpha + b D^-beta, size term the slower", slower=1.0,
                       prior=NO_FLOOR / 2),
    "densing-tokens": Variant("a N^-alpha + b D^-beta, token term the slower", slower=-1.0,
                              prior=NO_FLOOR / 2),
    "kaplan": Variant("[(N_c/N)^(alpha/beta) + D_c/D]^beta", joint=1.0, fewest=6,
                      prior=NO_FLOOR),
    "broken": Variant("a N^-alpha + b D^-beta, exponents change inside the ladder", broken=1.0,
                      fewest=12, prior=NO_FLOOR),
}
# a law asked for -> its variants. Without a floor either term, nearly flat, may act as one: two
# modes, fitted as two variants.
LAWS: dict[str, tuple[str, ...]] = {
    "chinchilla": ("chinchilla",), "coupled": ("coupled",),
    "densing": ("densing", "densing-tokens"), "kaplan": ("kaplan",), "broken": ("broken",),
}


@dataclass(frozen=True)
class LawFit:
    """Posterior of one law on one ladder.

    Parameters
    ----------
    draws
        Parameters of `form.log_loss` and of the noise, dims (chain, draw).
    loo
        elpd, se, p, and per run ``log_density`` and ``pareto_k``.
    """

    name: str
    ladder: Ladder
    draws: xr.Dataset
    loo: dict[str, Any]
    diagnostics: dict[str, Any]

    def law(self) -> dict[str, np.ndarray]:
        """Draws of the law's parameters, one row per draw (to broadcast against models)."""
        return {name: self.draws[name].to_numpy().reshape(-1, 1) for name in LAW}

    def parameter(self, name: str) -> np.ndarray:
        """Flat draws of a parameter, or of E or of an exponent of compute (a)."""
        flat = {key: value.to_numpy().ravel() for key, value in self.draws.items()}
        if name == "irreducible":
            return np.exp(flat["level"]) * flat["floor_share"]
        if name == "optimal_exponent":
            return flat["beta"] / (flat["alpha"] + flat["beta"])
        return flat[name]


def variants_of(laws: Iterable[str]) -> list[str]:
    """Variants of the laws asked for, by name; unknown names are refused."""
    laws = list(laws)
    problems = [Problem("unknown law", given=name, allowed=", ".join(LAWS),
                        hint=did_you_mean(name, LAWS)) for name in laws if name not in LAWS]
    if problems or not laws:
        raise InputError(problems or Problem("no law is asked for", allowed=", ".join(LAWS)))
    return [variant for name in laws for variant in LAWS[name]]


# -- sampling ---------------------------------------------------------------------------------


def fit_law(ladder: Ladder, name: str, spec: ModelSpec, *,
            progress: Callable[[str], None] | None = None, case: str = "",
            rough: bool = False) -> LawFit:
    """A ladder under one of `VARIANTS`.

    Parameters
    ----------
    case
        Added to the name from which the fit's random stream is derived.
    rough
        For a rehearsal, of which only the error and its spread are used: a hundred effective
        draws are enough, and walkers walk once.
    """
    label = " ".join(part for part in ("scaling", ladder.name, name, case) if part)
    if progress is not None:
        progress(f"fitting {label.removeprefix('scaling ')}")
    resolution = float(spec.options["resolution"])
    rng = stream(spec.sampling.seed, label)
    x, unpack, diagnostics = _sampled(ladder, name, spec, 1.0, rough, rng)
    effect = design_effect(ladder, unpack(x), resolution)
    if effect > WORTH_REFITTING:
        x, unpack, diagnostics = _sampled(ladder, name, spec, effect, rough, rng)
    shape = (spec.sampling.chains, spec.sampling.draws)
    found = unpack(x)
    draws = xr.Dataset({key: (("chain", "draw"), np.broadcast_to(
        found[key], (len(x), 1)).reshape(shape)) for key in (*LAW, *NOISE)})
    loo = _loo(draws, ladder.size, ladder.token, ladder.log_loss, resolution)
    return LawFit(name, ladder, draws, loo, diagnostics | {"design_effect": effect})


def _sampled(ladder: Ladder, name: str, spec: ModelSpec, effect: float, rough: bool,
             rng: np.random.Generator) -> tuple[np.ndarray, Callable[..., Any], dict[str, Any]]:
    """Draws of a law as vectors, what turns them into parameters, and their diagnostics."""
    log_posterior, unpack, start = posterior(ladder, name, spec, effect)
    weighted = importance(log_posterior, start, 1, rng, FINAL[:1] if rough else FINAL)
    chains, count = spec.sampling.chains, spec.sampling.draws
    diagnostics: dict[str, Any] = {"method": "importance", "pareto_k": weighted.pareto_k,
                                   "ess": weighted.ess, "passed": True}
    if weighted.passed or (rough and weighted.ess >= ROUGH_ESS):
        x = weighted.x[weighted.resample(chains * count, rng)]
    else:
        chosen = weighted.weight**FLATTER
        places = rng.choice(len(weighted.x), WALKERS, replace=False, p=chosen / chosen.sum())
        walked, found = walk(lambda x: log_posterior(x, np.zeros(len(x))), weighted.x[places],
                             rng, longest=1 if rough else len(STEPS))
        diagnostics = {"method": "walkers", **found}
        flat = walked.reshape(-1, walked.shape[-1])
        x = flat[rng.choice(len(flat), chains * count, replace=len(flat) < chains * count)]
    return x, unpack, diagnostics


def design_effect(ladder: Ladder, found: dict[str, np.ndarray], resolution: float) -> float:
    """How many runs count as one, since runs of one size or of one compute share errors.

    The variance of the groups' mean residuals over what independent runs would give, the larger
    of groups of one size and of one compute; from 1 to `MOST_EFFECT`. The likelihood is divided
    by it: a posterior from runs taken as independent is too narrow (on the digitised Chinchilla
    runs the sd of beta is half of a bootstrap's over sizes).

    Parameters
    ----------
    found
        Draws of the law and noise, each (draws, 1).
    """
    at = {key: np.median(value) for key, value in found.items()}
    fitted = form.log_loss(size=ladder.size, token=ladder.token,
                           **{key: at[key] for key in LAW})
    valley = form.off_valley(size=ladder.size, token=ladder.token,
                             **{key: at[key] for key in VALLEY})
    scale = form.noise_scale(fitted=fitted, valley=valley, level=at["level"], resolution=resolution,
                             **{key: at[key] for key in NOISE if key != "tail"})
    rest = np.clip((ladder.log_loss - fitted) / scale, -CLIPPED, CLIPPED)
    rest = rest / max(float(np.sqrt((rest**2).mean())), 1.0)  # runs without noise: no effect
    effects = [1.0]
    for values, step in ((ladder.size, SIZE_STEP), (ladder.size + ladder.token, FLOP_STEP)):
        group = np.unique(np.round(values / step), return_inverse=True)[1]
        count = np.bincount(group)
        if (count > 1).sum() >= FEWEST_GROUPS:
            mean = np.bincount(group, rest) / count
            effects.append(float((count**2 * mean**2).sum() / count.sum()))
    return min(max(effects), MOST_EFFECT)


def posterior(ladder: Ladder, name: str, spec: ModelSpec, effect: float = 1.0,
              ) -> tuple[Callable[..., np.ndarray], Callable[..., Any], np.ndarray]:
    """The log posterior of a law, what turns a vector into parameters, and where to start.

    The log likelihood is divided by ``effect``, see `design_effect`.
    """
    variant, priors = VARIANTS[name], spec.priors
    row = ladder_row(ladder.size, ladder.token, ladder.log_loss,
                     ladder.centre[1] - ladder.centre[0])
    law = {key: getattr(variant, key) for key in ("joint", "coupled", "broken", "slower")}
    stated = {key: priors[key].args for key in STATED}
    names = ["level", *(["floor_share"] if variant.floor else []), "logit_share", "slope",
             "contrast", *(["coupling"] if variant.coupled else []),
             *(["break_change", "break_place"] if variant.broken else []),
             "log_noise", "noise_growth", "noise_valley", "tail"]
    coordinates = Coordinates(priors, dict.fromkeys(names, 1),
                              flat=("logit_share", "slope", "contrast"))
    absent = {"floor_share": 0.0, "coupling": 0.0, "break_change": 0.0, "break_place": 0.5}
    resolution = float(spec.options["resolution"])

    def parts(x: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        at, logp = coordinates.unpack(x)
        noise = {"noise": np.exp(at.pop("log_noise")), "noise_growth": at.pop("noise_growth"),
                 "noise_valley": at.pop("noise_valley"), "tail": 1 + at.pop("tail")}
        found, more = law_of(**(absent | at), ladder=row, law=law, priors=stated)
        return found | noise, logp + more[:, 0]

    def log_posterior(x: np.ndarray, _: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):  # beyond what floats hold the density is zero
            at, logp = parts(x)
            fitted = form.log_loss(size=ladder.size, token=ladder.token,
                                   **{key: at[key] for key in LAW})
            valley = form.off_valley(size=ladder.size, token=ladder.token,
                                     **{key: at[key] for key in VALLEY})
            scale = form.noise_scale(fitted=fitted, valley=valley, level=at["level"],
                                     noise=at["noise"], noise_growth=at["noise_growth"],
                                     noise_valley=at["noise_valley"], resolution=resolution)
            error, tail = (ladder.log_loss - fitted) / scale, at["tail"]
            each = (special.gammaln((tail + 1) / 2) - special.gammaln(tail / 2)
                    - 0.5 * np.log(np.pi * tail) - np.log(scale)
                    - (tail + 1) / 2 * np.log1p(error**2 / tail))
            return logp + each.sum(axis=1) / effect

    start = np.zeros(coordinates.count)
    for key, value in (("level", ladder.log_loss.mean()), ("log_noise", -4.5),
                       ("noise_valley", -3.0), ("tail", np.log(10.0))):
        start[names.index(key)] = value
    return log_posterior, lambda x: parts(x)[0], start


def location_scale(draws: xr.Dataset, size: np.ndarray, token: np.ndarray,
                   resolution: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, scale and degrees of freedom of ln loss: (draws, models), same, (draws, 1)."""
    flat = {name: draws[name].to_numpy().reshape(-1, 1) for name in (*LAW, *NOISE)}
    fitted = form.log_loss(size=size, token=token, **{name: flat[name] for name in LAW})
    valley = form.off_valley(size=size, token=token, **{name: flat[name] for name in VALLEY})
    scale = form.noise_scale(fitted=fitted, valley=valley, level=flat["level"],
                             noise=flat["noise"], noise_growth=flat["noise_growth"],
                             noise_valley=flat["noise_valley"], resolution=resolution)
    return fitted, scale, flat["tail"]


def _loo(draws: xr.Dataset, size: np.ndarray, token: np.ndarray, log_loss: np.ndarray,
         resolution: float) -> dict[str, Any]:
    """PSIS-LOO of a fit, per run."""
    import arviz_base as azb
    import arviz_stats as azs
    from scipy.stats import t as student

    fitted, scale, tail = location_scale(draws, size, token, resolution)
    density = student.logpdf((log_loss - fitted) / scale, tail) - np.log(scale)
    shape = (*draws["alpha"].shape, len(log_loss))
    tree = azb.from_dict({"posterior": {"alpha": draws["alpha"].to_numpy()},
                          "log_likelihood": {"loss": density.reshape(shape)}})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Pareto k is reported instead
        elpd = azs.loo(tree, pointwise=True)
    return {"elpd": float(elpd.elpd), "se": float(elpd.se), "p": float(elpd.p),
            "log_density": np.asarray(elpd.elpd_i), "pareto_k": np.asarray(elpd.pareto_k),
            "good_k": float(elpd.good_k), "object": elpd}
