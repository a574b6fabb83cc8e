"""Posterior of one law on one ladder of runs.

Every ladder is fitted under every law from one compiled model. A fit that fails its diagnostics
is sampled again, longer.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.errors import InputError, Problem, did_you_mean
from densing_bayes.scaling import form
from densing_bayes.scaling.tables import Ladder
from densing_bayes.specs import ModelSpec, Sampling

LAW = ("level", "floor_share", "size_share", "alpha", "beta", "joint", "change", "place", "width")
NOISE = ("noise", "noise_growth", "tail")
LONGER = 4  # times the draws when a fit is sampled again; every fourth is kept


@dataclass(frozen=True)
class Variant:
    """One form of the law: the switches of `densing_bayes.families.scaling_law`."""

    what: str
    floor: float = 0.0
    joint: float = 0.0
    broken: float = 0.0
    slower: float = 0.0
    fewest: int = 5  # runs


VARIANTS: dict[str, Variant] = {
    "chinchilla": Variant("E + a N^-alpha + b D^-beta", floor=1.0),
    "densing": Variant("a N^-alpha + b D^-beta, size term the slower", slower=1.0),
    "densing-tokens": Variant("a N^-alpha + b D^-beta, token term the slower", slower=-1.0),
    "kaplan": Variant("[(N_c/N)^(alpha/beta) + D_c/D]^beta", joint=1.0, fewest=6),
    "broken": Variant("a N^-alpha + b D^-beta, exponents change inside the ladder", broken=1.0,
                      fewest=12),
}
# a law asked for -> its variants. Without a floor either term, nearly flat, may act as one: two
# modes, fitted as two variants.
LAWS: dict[str, tuple[str, ...]] = {
    "chinchilla": ("chinchilla",), "densing": ("densing", "densing-tokens"),
    "kaplan": ("kaplan",), "broken": ("broken",),
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

_COMPILED: dict[tuple[Any, ...], Any] = {}


def fit_law(ladder: Ladder, name: str, spec: ModelSpec, *,
            progress: Callable[[str], None] | None = None, case: str = "",
            again: bool = True) -> LawFit:
    """A ladder under one of `VARIANTS`.

    Parameters
    ----------
    case
        Added to the name from which the fit's random stream is derived.
    again
        Whether to sample longer when the diagnostics fail.
    """
    from densing_bayes import fitting
    from densing_bayes.families import scaling_law as family
    from densing_bayes.families.blocks import matrix, prior_vector

    variant = VARIANTS[name]
    size, token, log_loss = ladder.size, ladder.token, ladder.log_loss
    columns = {
        "runs": {"size": size, "token": token, "log_loss": log_loss},
        "ladder": {key: [value] for key, value in
                   family.ladder_row(size, token, log_loss,
                                     ladder.centre[1] - ladder.centre[0]).items()},
        "law": {**{key: [getattr(variant, key)] for key in
                   ("floor", "joint", "broken", "slower")},
                "resolution": [float(spec.options["resolution"])]},
    }
    key = tuple((prior_name, prior.dist) for prior_name, prior in spec.priors.items())
    if key not in _COMPILED:
        if progress is not None:
            progress("compiling the scaling laws")
        _COMPILED[key] = fitting.compile_model(family.build(columns, {}, spec))
    data = {table: matrix(part) for table, part in columns.items()}
    data["priors"] = prior_vector(spec.priors)
    watched = [*LAW[:3], "alpha", "beta", *NOISE, *(("change", "place") if variant.broken else ())]
    label = " ".join(part for part in ("scaling", ladder.name, name, case) if part)
    tree, diagnostics = sample_again(_COMPILED[key], spec.sampling, watched, case=label,
                                     data=data, again=again, progress=progress)
    draws = tree["posterior"].to_dataset()[[*LAW, *NOISE]]
    loo = _loo(draws, size, token, log_loss, float(spec.options["resolution"]))
    return LawFit(name, ladder, draws, loo, diagnostics)


def sample_again(compiled: Any, sampling: Sampling, watched: list[str], *, case: str,
                 data: dict[str, Any] | None = None, again: bool = True,
                 progress: Callable[[str], None] | None = None) -> tuple[Any, dict[str, Any]]:
    """Draws and diagnostics; where these fail, from a run four times as long in smaller steps."""
    from densing_bayes import checks, fitting

    longer = replace(sampling, draws=LONGER * sampling.draws, tune=2 * sampling.tune,
                     target_accept=1 - (1 - sampling.target_accept) / 5)
    if progress is not None:
        progress(f"sampling {case}")
    tree = fitting.sample(compiled, sampling, case=case, data=data)
    diagnostics = checks.diagnostics(tree, watched)
    if diagnostics["passed"] or not again:
        return tree, diagnostics
    tree = fitting.sample(compiled, longer, case=case, data=data)
    return tree.isel(draw=slice(None, None, LONGER)), checks.diagnostics(tree, watched)


def location_scale(draws: xr.Dataset, size: np.ndarray, token: np.ndarray,
                   resolution: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, scale and degrees of freedom of ln loss: (draws, models), same, (draws, 1)."""
    flat = {name: draws[name].to_numpy().reshape(-1, 1) for name in (*LAW, *NOISE)}
    fitted = form.log_loss(size=size, token=token, **{name: flat[name] for name in LAW})
    scale = form.noise_scale(fitted=fitted, level=flat["level"], noise=flat["noise"],
                             noise_growth=flat["noise_growth"], resolution=resolution)
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
