"""From the published growth rate to ours, one change a step, each in draws of one fit.

The paper fits a line through records: on its window, by its rule and on models seen by all its
benchmarks. Step by step its terms are replaced by ours. What the tables do not allow is left out
with a reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from densing_bayes import laws
from densing_bayes.context import Context
from densing_bayes.errors import InputError
from densing_bayes.intervals import Interval, summary
from densing_bayes.joint.quantities import record_share, ruler_parameters, years_of
from densing_bayes.priors import Prior
from densing_bayes.questions.growth import growth
from densing_bayes.questions.sidefits import side_fit
from densing_bayes.questions.windows import PAPER
from densing_bayes.trends import DAYS_PER_YEAR

PUBLISHED = "densing-rate-nmi"  # key in published.csv, 1/day
FEWEST_RECORDS = 3  # a line through fewer says nothing
OTHER_TOKENS = 1e12  # D0 of the paper's first version
NO_SPREAD = Prior("LogNormal", {"mu": -7.0, "sigma": 0.1})  # a thousandth: none to speak of


@dataclass(frozen=True, eq=False)
class Step:
    """One step: what it is called, what changed, and its rate (draws, 1/year; one: published)."""

    name: str
    says: str
    rate: np.ndarray
    models: int | None = None

    def to_dict(self, interval: Interval) -> dict[str, Any]:
        """For JSON: rates per day."""
        return {"name": self.name, "says": self.says, "models": self.models,
                **summary(self.rate / DAYS_PER_YEAR, interval)}


def line_through_records(density: xr.DataArray, time: np.ndarray) -> np.ndarray:
    """Slope of least squares through the records, 1/year, in each draw; NaN with too few.

    Parameters
    ----------
    density
        Ln densities, dims chain, draw, model.
    time
        Years, (model,).

    Examples
    --------
    Records at 0, 2 and 4 years on a line of slope 1/2; the model in between is none:

    >>> ln = xr.DataArray([[[0.0, -0.5, 1.0, 2.0]]], dims=("chain", "draw", "model"))
    >>> line_through_records(ln, np.array([0.0, 1.5, 2.0, 4.0])).round(3)
    array([0.5])
    """
    value = density.transpose("chain", "draw", "model")
    record = record_share(value, time).values > 0
    count = record.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_t = (record * time).sum(axis=-1) / count
        off = record * (time - mean_t[..., None])
        slope = (off * value.values).sum(axis=-1) / (off**2).sum(axis=-1)
    return np.where(count >= FEWEST_RECORDS, slope, np.nan).ravel()


def bridge(context: Context) -> tuple[list[Step], list[str]]:
    """The steps, and why some are missing."""
    derived, data = context.derived, context.observations.data
    time, days = years_of(derived["date"].values), derived["date"].values.astype("datetime64[D]")
    start, end = (np.datetime64(day) for day in PAPER)
    inside = derived["eligible"].values & (days >= start) & (days <= end)
    dense = inside & (derived["architecture"].values != "moe") & (data["weights"].values
                                                                  != "closed")
    cells = np.unique(np.stack([data["cell_model"].values, data["cell_benchmark"].values]), axis=1)
    seen = np.bincount(cells[0], minlength=len(days)) == data.sizes["benchmark"]
    steps, missing = [], []
    for row in context.published(PUBLISHED)[:1]:
        steps.append(Step("published", "the paper: least squares through records, no interval",
                          np.array([row["value"] * DAYS_PER_YEAR])))
    if not steps:
        missing.append("no published rate in the tables")

    def add(name: str, says: str, density: xr.DataArray, which: np.ndarray) -> None:
        tell(name, says, line_through_records(density.isel(model=np.flatnonzero(which)),
                                              time[which]), which)

    def tell(name: str, says: str, slopes: np.ndarray, which: np.ndarray) -> None:
        found = slopes[np.isfinite(slopes)]
        if which.sum() < FEWEST_RECORDS or len(found) < 0.9 * len(slopes):
            missing.append(f"{name}: too few records among {which.sum()} models")
        else:
            steps.append(Step(name, says, found, int(which.sum())))

    density = derived["log_density"]
    alike = lines_of_one_view(context, dense & seen, time)
    tell("the paper's terms", "least squares through records in each draw, on its window, over "
         "dense open models seen by every benchmark, which all see a model alike",
         alike["own"].values, dense & seen)
    tell("other reference tokens", f"aside: the same with {OTHER_TOKENS:.0e} reference tokens, as "
         f"in the paper's first version", alike["other"].values, dense & seen)
    if data.sizes["benchmark"] > 1:
        add("benchmarks that differ", "each benchmark with a trend of its own in date and in size",
            density, dense & seen)
    add("fewer scores asked for", "over all dense open models that may lie on the frontier",
        density, dense)
    add("mixtures of experts too", "over all models that may lie on the frontier", density, inside)
    for name, window, says in (
            ("the frontier instead of records", "paper-window",
             "the boundary below which models lie by their own gaps, on the same window"),
            ("the whole window", "since-llama-1", "since LLaMA-1: the headline")):
        try:
            found = growth(context, window)
        except InputError as error:
            missing.append(f"{name}: {error}")
        else:
            steps.append(Step(name, says, found.rate, int(inside.sum()) if window == "paper-window"
                              else int(derived["eligible"].sum())))
    return steps, missing


def lines_of_one_view(context: Context, which: np.ndarray, time: np.ndarray) -> xr.Dataset:
    """Slopes of lines through records, 1/year, where all benchmarks see a model alike.

    ``own`` at the spec's reference tokens and ``other`` at `OTHER_TOKENS`; kept with the fit.
    """
    if not context.has_side("one view"):
        posterior, alike = one_view(context)
        chosen = np.flatnonzero(which)
        context.keep_side("one view", xr.Dataset({
            name: ("sample", line_through_records(density.isel(model=chosen), time[chosen]))
            for name, density in (("own", alike["log_density"]),
                                  ("other", at_other_tokens(context, posterior, alike)))}))
    return context.side("one view")


def one_view(context: Context) -> tuple[xr.Dataset, xr.Dataset]:
    """Posterior and derived draws where all benchmarks see a model alike, as the paper has it.

    A short refit from where the main fit stands, without the benchmarks' own trends.
    """
    if context.observations.data.sizes["benchmark"] == 1:
        return context.posterior, context.derived
    context.progress("bridge: a fit in which all benchmarks see a model alike")
    spec = context.spec.with_priors(**{f"{own}_spread": NO_SPREAD for own in ("trend", "tilt")})
    return side_fit(context, spec, "bridge")


def at_other_tokens(context: Context, posterior: xr.Dataset, derived: xr.Dataset,
                    ) -> xr.DataArray:
    """Ln densities at another number of reference tokens: the same losses, other sizes."""
    law, _ = ruler_parameters(posterior, context.columns)
    law = {name: value.isel(anchor=0) if "anchor" in getattr(value, "dims", ()) else value
           for name, value in law.items()}
    loss = laws.loss_of_log_size(
        log_size=derived["log_effective"],
        tokens=float(context.spec.options["reference_tokens"]), **law)
    with np.errstate(invalid="ignore", divide="ignore"):
        size = laws.log_effective_size(loss=loss, tokens=OTHER_TOKENS, **law)
    # beyond what these tokens allow no size has the loss: as large as need be
    return (size.fillna(np.inf) - derived["log_size"]).clip(max=50.0)
