"""Sections on the corollaries of the law: prices, chips, forecasts, drivers."""

from __future__ import annotations

from densing_bayes.corollaries.run import Corollaries
from densing_bayes.reports import Section
from densing_bayes.sections import chips, drivers, forecasts, prices


def sections(result: Corollaries) -> list[Section]:
    """In reading order; what could not be computed says why."""
    return [module.section(result) for module in (prices, chips, forecasts, drivers)]
