"""Drivers of density growth: how much of it goes with more data, size, sparsity, distillation.

A regression of ln density on what is known of each model, repeated on many posterior draws of
the densities (multiple imputation), so that the shares carry the uncertainty of the densities,
ruler included. An association, not a cause: what goes with a predictor may come from something
that changed with it, data quality before all, which no table records.

The yearly growth of mean ln density (least squares on date) splits exactly. With g_k the slope
of predictor k on date, the part that goes with it is b_k g_k; that of developers is the slope
of their effects; what remains goes with the date alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from densing_bayes import laws
from densing_bayes.corollaries.draws import flat, years_of
from densing_bayes.errors import InputError, Problem
from densing_bayes.intervals import Interval, summary
from densing_bayes.specs import ModelSpec

PREDICTORS = {
    "tokens": "training tokens per parameter", "size": "size", "sparsity": "sparsity",
    "distilled": "distillation or pruning",
}
FEWEST_MODELS = 20


def predictors(models: pd.DataFrame) -> pd.DataFrame:
    """What is known of each model, by name; models without a token count are left out.

    Columns: ``time`` (years since ORIGIN), ``organization``, and in natural units ``tokens``
    (ln tokens per parameter), ``size`` (ln parameters), ``sparsity`` (ln total over active
    parameters, 0 for dense), ``distilled`` (1 if distilled or pruned). Quantised copies are
    left out: they are the same models.
    """
    models = models[models["release_date"].notna()]
    total = pd.to_numeric(models["params_total"], errors="coerce")
    active = pd.to_numeric(models["params_active"], errors="coerce").where(
        models["architecture"] == "moe", total)
    tokens = pd.to_numeric(models["training_tokens"], errors="coerce")
    bits = pd.to_numeric(models["precision_bits"], errors="coerce")
    method = models["compression"].fillna("").astype(str)
    known = models["flag"].fillna("").astype(str) if "flag" in models else method
    frame = pd.DataFrame({
        "time": [years_of(day.date()) for day in models["release_date"]],
        "organization": models["organization"].to_numpy(str),
        "tokens": np.log(tokens / total).to_numpy(float),
        "size": np.log(total).to_numpy(float),
        "sparsity": np.log(total / active).to_numpy(float),
        "distilled": (method.str.contains("distill|prun")
                      | known.str.contains("distilled")).to_numpy(float),
    }, index=models["model"].to_numpy(str))
    quantised = ((bits < 16) | method.str.contains("int[0-9]")).to_numpy(bool)
    return frame[~quantised].dropna()


@dataclass(frozen=True)
class DriverStudy:
    """Draws of the split of growth, pooled over imputations.

    Parameters
    ----------
    parts
        Dataset over ``sample``: ``total`` and one variable per part (``tokens``, ``size``,
        ``sparsity``, ``distilled``, ``developer``, ``time``), growth of ln density, 1/year.
    coefficients
        DataArray (sample, predictor): ln density per e-fold of the predictor (for
        ``distilled``: of being so).
    models
        The predictors of the models used.
    diagnostics
        Of one long fit to the mean densities.
    """

    spec: ModelSpec
    parts: xr.Dataset
    coefficients: xr.DataArray
    models: pd.DataFrame
    diagnostics: dict[str, Any]

    def shares(self, interval: Interval) -> dict[str, dict[str, float]]:
        """Summary of each part's share of the total (they sum to one draw by draw)."""
        total = self.parts["total"]
        return {str(name): summary(self.parts[name] / total, interval)
                for name in self.parts if name != "total"}

    def p_share_above(self, part: str, share: float) -> float:
        """Probability that a part takes more than ``share`` of the growth."""
        return float((self.parts[part] / self.parts["total"] > share).mean())


def fit_drivers(log_density: xr.DataArray, models: pd.DataFrame, spec: ModelSpec, *,
                progress: Callable[[str], None] = lambda step: None) -> DriverStudy:
    """The regression on ``imputations`` draws of the densities.

    Parameters
    ----------
    log_density
        Draws, dims chain, draw, model.
    models
        The models table.

    Raises
    ------
    InputError
        Fewer than 20 models with densities and token counts.
    """
    from densing_bayes import checks, fitting
    from densing_bayes.families import drivers as family
    from densing_bayes.families.blocks import matrix

    frame = predictors(models)
    frame = frame.loc[[name for name in log_density["model"].to_numpy() if name in frame.index]]
    if len(frame) < FEWEST_MODELS:
        raise InputError(Problem(f"{len(frame)} models have a density and a token count",
                                 file="models.csv", column="training_tokens",
                                 allowed=f"at least {FEWEST_MODELS}"))
    densities = flat(log_density.sel(model=frame.index.to_numpy()), "model")
    time = frame["time"].to_numpy() - frame["time"].mean()
    raw = frame[list(PREDICTORS)].to_numpy(float)
    varies = raw.std(axis=0) > 0
    raw, names = raw[:, varies], [name for name, v in zip(PREDICTORS, varies, strict=True) if v]
    spread = raw.std(axis=0)
    unit = (raw - raw.mean(axis=0)) / spread
    developer, labels = pd.factorize(frame["organization"], sort=True)
    known = {name: unit[:, j] for j, name in enumerate(names)}
    compiled = fitting.compile_model(family.build(
        {"models": {**known, "time": time, "organization": developer},
         "densities": {"log_density": densities.mean(axis=0)}},
        {"predictor": names, "organization": list(labels)}, spec))
    long = replace(spec.sampling, draws=1000, tune=1000, chains=4)
    tree, gate = checks.sampled(
        compiled, long, ["coefficient", "trend", "sigma", "sd_organization"],
        case="drivers mean", priors=spec.priors)

    def slope(values: np.ndarray) -> np.ndarray:
        return values @ time / (time @ time)

    parts: list[dict[str, np.ndarray]] = []
    coefficients = []
    chosen = np.linspace(0, len(densities) - 1, spec.options["imputations"]).round().astype(int)
    for k, row in enumerate(densities[chosen]):
        progress(f"drivers, draw {k + 1} of {len(chosen)}")
        tree = fitting.sample(compiled, spec.sampling, case=f"drivers {k}",
                              data={"densities": matrix({"log_density": row})},
                              priors=spec.priors)
        draws = tree["posterior"].to_dataset()
        b, effect = (flat(draws[name], dim) for name, dim in (
            ("coefficient", "predictor"), ("developer", "organization")))
        part = {name: b[:, j] * slope(unit[:, j]) for j, name in enumerate(names)}
        part["developer"] = slope(effect[:, developer])
        part["total"] = np.full(len(b), slope(row))
        part["time"] = part["total"] - sum(part[name] for name in (*names, "developer"))
        parts.append(part)
        coefficients.append(b / spread)
    return DriverStudy(
        spec,
        xr.Dataset({name: ("sample", np.concatenate([part[name] for part in parts]))
                    for name in ("total", *names, "developer", "time")}),
        xr.DataArray(np.concatenate(coefficients), dims=("sample", "predictor"),
                     coords={"predictor": names}),
        frame, gate)


def mean_growth(log_density: xr.DataArray, time: np.ndarray) -> np.ndarray:
    """Yearly growth of mean ln density: least squares on date, per draw.

    Parameters
    ----------
    log_density
        Draws, dims chain, draw, model; models with a NaN in any draw are left out.
    time
        Years, one per model.
    """
    values = flat(log_density, "model")
    known = np.isfinite(values).all(axis=0)
    centred = time[known] - time[known].mean()
    return values[:, known] @ centred / (centred @ centred)


def own_tokens(*, log_effective: xr.DataArray, log_tokens: xr.DataArray,
               reference_tokens: float, law: dict[str, Any]) -> xr.DataArray:
    """Ln effective size with each model's own token count as the reference, D0 = D.

    The size of a reference model that reaches the same loss on as many tokens as the model
    itself was trained on. With more tokens than the reference it is smaller: what more data
    bought no longer counts as density. NaN where the loss lies below what that many tokens
    allow at any size, or where the token count is unknown.

    Parameters
    ----------
    law
        Draws of the loss law: log_a, alpha, log_b, beta, irreducible.

    Examples
    --------
    >>> law = dict(log_a=1.6377, alpha=0.0885, log_b=5.0967, beta=0.2575, irreducible=0.0)
    >>> at = lambda tokens: float(np.exp(own_tokens(log_effective=np.log(7e9), law=law,
    ...                           log_tokens=np.log(tokens), reference_tokens=1e12)) / 1e9)
    >>> round(at(1e12), 3), at(1e13) < 7 < at(3e11)
    (7.0, True)
    """
    loss = laws.loss_of_log_size(log_size=log_effective, tokens=reference_tokens, **law)
    with np.errstate(invalid="ignore"):
        return laws.log_effective_size(loss=loss, tokens=np.exp(log_tokens), **law)
