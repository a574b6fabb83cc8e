"""Did the rate of growth change? Of the fitted densities, or of a series of one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from densing_bayes.breakpoints import Series, Verdict, compare_sources, judge
from densing_bayes.breakpoints.designs import CHATGPT, check_breaks, need_inside
from densing_bayes.breakpoints.forecasts import ahead
from densing_bayes.specs import load_model

if TYPE_CHECKING:  # the joint model: a series of one's own needs none of it
    from densing_bayes.breakpoints.densities import Densities
    from densing_bayes.context import Context


@dataclass(frozen=True, eq=False)
class Regimes:
    """The verdict on a series.

    Parameters
    ----------
    verdict
        Every regime's fit, the evidence, and what is claimed.
    forecast
        Some months ahead: months, date, trend and point.
    densities
        What the series was made of, where it is that of the fitted models; else None.
    sources
        How the verdict depends on the source that is believed; None for a series of one's own.
    checksums
        Of the tables behind it, by name.
    """

    verdict: Verdict
    forecast: list[dict[str, Any]]
    densities: Densities | None = None
    sources: pd.DataFrame | None = None
    checksums: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the draws, as plain values."""
        return self.verdict.summary() | {"forecast": self.forecast}


def of_densities(context: Context, breaks: Sequence[str] = ()) -> Regimes:
    """The verdict on the fitted models and those before them.

    Parameters
    ----------
    breaks
        Suspected dates; by default the release of ChatGPT where models lie on both sides of it,
        else unknown.
    """
    from densing_bayes.breakpoints.densities import densities

    spec = replace(load_model("series"), interval=context.interval).with_seed(
        context.spec.sampling.seed)
    found = densities(context)
    days = list(breaks)
    if not days and need_inside(check_breaks([CHATGPT])[0], found.series) is None:
        days = [CHATGPT]
    verdict = judge(found.series, breaks=days, spec=spec, progress=context.progress)
    context.progress("comparing sources")
    sources = compare_sources({"all averaged": found.series, **found.versions}, breaks=days,
                              spec=spec)
    return Regimes(verdict, ahead(verdict), found, sources, context.tables.sha256)


def of_series(series: Series, breaks: Sequence[str] = (), seed: int | None = None,
              progress: Callable[[str], None] | None = None) -> Regimes:
    """The verdict on a series of one's own."""
    verdict = judge(series, breaks=breaks, seed=seed, progress=progress)
    return Regimes(verdict, ahead(verdict))
