"""METR's time horizons (benchmark_results.yaml), in both its shapes: a series."""

from __future__ import annotations

from typing import Any

from densing_bayes.importing.opening import Opened
from densing_bayes.importing.rows import Rows, day, number, text

QUANTITY = "p50_horizon_length"

PROB = 0.95  # of the intervals that METR publishes


def knows(opened: Opened) -> bool:
    """Whether models have a 50% horizon, themselves or by agent."""
    value = opened.value
    results = value.get("results") if isinstance(value, dict) else None
    return isinstance(results, dict) and any(_measures(result) for result in results.values())


def read(opened: Opened) -> Rows:
    """One point a model: the horizon in minutes with its 95% interval, at the release."""
    rows = Rows()
    for name, result in opened.value["results"].items():
        measures = _measures(result)
        when = day(result.get("release_date")) if isinstance(result, dict) else ""
        if not measures or not when:
            rows.left["METR: models without a horizon or a date"] += 1
            continue
        best = max(measures, key=lambda one: number(one.get("estimate")) or 0.0)
        value = number(best.get("estimate"))
        if value is None or value <= 0:
            rows.left["METR: models without a horizon or a date"] += 1
            continue
        if len(measures) > 1:
            rows.left["METR: further agents of a model (the best one is taken)"] += (
                len(measures) - 1)
        rows.series.append({
            "date": when, "value": value, "low": number(best.get("ci_low")),
            "high": number(best.get("ci_high")), "label": text(name), "unit": "minutes",
            "prob": PROB,
            "source": f"METR {text(opened.value.get('benchmark_name'))}, {text(opened.name, 80)}"})
    return rows


def _measures(result: Any) -> list[dict[str, Any]]:
    """The 50% horizons of a model: of itself, or of each of its agents."""
    if not isinstance(result, dict):
        return []
    holders = [result, result.get("metrics"), *(result.get("agents") or {}).values()] if isinstance(
        result.get("agents") or {}, dict) else [result, result.get("metrics")]
    return [holder[QUANTITY] for holder in holders
            if isinstance(holder, dict) and isinstance(holder.get(QUANTITY), dict)]
