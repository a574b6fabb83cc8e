"""Sections on the corollaries of the law: prices, chips, forecasts, drivers."""

from __future__ import annotations

from dataclasses import replace

from densing_bayes.corollaries import explorer
from densing_bayes.corollaries.draws import pool
from densing_bayes.corollaries.run import Corollaries
from densing_bayes.reports import Section
from densing_bayes.sections import chips, drivers, forecasts, prices
from densing_bayes.specs import load_model

EXPLORER_DRAWS = 1000


def sections(result: Corollaries) -> list[Section]:
    """In reading order, the forecasts with their explorer; what was not computed says why."""
    posteriors = [part for part, _ in result.pool.parts]
    page = explorer.page(explorer.payload(
        pool(posteriors, EXPLORER_DRAWS), as_of=result.as_of, interval=result.interval,
        assumed=load_model("corollaries"), costs=load_model("costs"),
        tables=result.tables))
    told = [module.section(result) for module in (prices, chips, forecasts, drivers)]
    return [replace(section, page=page) if section.key == "forecasts" else section
            for section in told]
