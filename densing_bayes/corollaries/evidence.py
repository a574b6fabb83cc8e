"""Published figures beside the posterior, those that speak against the law among them.

Everything published is read from published.csv by its stable key; what a table lacks is left
out. Rates are per year and positive where the thing named in the row grows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.intervals import Interval, summary
from densing_bayes.schemas import TABLES

# keys of published halving times of a price at fixed capability
PRICE_KEYS = ("price-halving-paper", "price-fall-paper-blend", "price-fall-epoch-mmlu-gpt-3.5",
              "price-fall-epoch-mmlu-gpt-4", "price-fall-a16z-mmlu-42", "price-fall-ai-index",
              "price-fall-gundlach-gpqa-pareto-all-licences")
CHIP_KEYS = ("chip-doubling-paper", "chip-doubling-all-gpus", "chip-doubling-ml-gpus",
             "chip-doubling-fp16", "memory-bandwidth-doubling-epoch",
             "memory-capacity-doubling-epoch")
AI_INDEX_MONTHS = 23.0  # Nov 2022 to Oct 2024, between which the price fell 280-fold


def published(table: pd.DataFrame | None, keys: tuple[str, ...]) -> pd.DataFrame:
    """Rows of published.csv with these keys, in this order; missing ones are left out."""
    if table is None:
        return pd.DataFrame(columns=list(TABLES["published"].columns))
    rows = table[table["quantity"].isin(keys)].set_index("quantity")
    return rows.reindex([key for key in keys if key in rows.index]).reset_index()


def halving_published(table: pd.DataFrame | None) -> pd.DataFrame:
    """Published halving times of a price: label, months, low, high (months), prob, source.

    Figures of which the table does not say the time are left out.
    """
    rows = published(table, PRICE_KEYS)
    out = []
    for row in rows.to_dict("records"):
        months, low, high = (row[f"doubling_{end}"] for end in ("months", "low", "high"))
        if row["quantity"] == "price-fall-ai-index" and not months > 0 and row["value"] > 1:
            months = AI_INDEX_MONTHS / np.log2(row["value"])
        if not months > 0:
            continue
        interval = row["prob"] > 0  # a range without a probability is no interval
        out.append({"label": row["label"], "months": months,
                    "low": low if interval else np.nan, "high": high if interval else np.nan,
                    "prob": row["prob"], "source": row["source"]})
    return pd.DataFrame(out, columns=["label", "months", "low", "high", "prob", "source"])


def against(table: pd.DataFrame | None, rate: Any, price_fall: Any,
            interval: Interval) -> list[dict[str, Any]]:
    """Where the law does not hold, or what it does not cover: observed beside implied.

    Parameters
    ----------
    rate
        Draws of the growth of ln density, 1/year.
    price_fall
        Draws of the yearly fall of ln price at fixed capability.

    Returns
    -------
    list of dict
        ``claim`` (what was measured), ``observed`` and ``implied`` in words, ``source``, and
        ``short``, a clause for running text ('' for most).
        ``implied`` is what this posterior's growth would have it, where that is defined.
    """
    if table is None:
        return []
    rows = dict(zip(table["quantity"], table.to_dict("records"), strict=True))
    rate, out = np.asarray(rate, dtype=float).ravel(), []

    def add(key: str, claim: str, observed: str, implied: str, short: str = "") -> None:
        out.append({"claim": claim, "observed": observed, "implied": implied,
                    "source": rows[key]["source"], "short": short})

    def words(draws: Any, digits: int = 4, unit: str = "") -> str:
        s = summary(draws, interval)
        return f"{s['median']:.{digits}f} [{s['low']:.{digits}f}, {s['high']:.{digits}f}]{unit}"

    def known(key: str, *needed: str) -> dict[str, Any] | None:
        """A published figure, where the table has it and every number that is told of it."""
        row = rows.get(key)
        return row if row and all(np.isfinite(row[name]) for name in needed or ("value",)) else None

    recall = known("factual-recall-drift-ikp", "value", "low", "high", "prob")
    if recall:
        # The source: ten times the size adds 0.1494 of accuracy. Density that doubles in 3.5
        # months would add 0.01285 per month at fixed size.
        per_nat = 0.1494 / np.log(10)
        add("factual-recall-drift-ikp", "factual recall at fixed size, accuracy per month",
            f"{recall['value']:.4f} [{recall['low']:.4f}, {recall['high']:.4f}] "
            f"({recall['prob']:.0%} interval)", words(rate / 12 * per_nat),
            "knowledge of rare facts at fixed size grows by "
            f"{recall['value'] / (np.median(rate) / 12 * per_nat):.0%} of what density implies")
    simple = known("benchmark-drift-ikp-simpleqa", "doubling_months")
    if simple:
        add("benchmark-drift-ikp-simpleqa", "SimpleQA at fixed size, implied doubling of density",
            f"{simple['doubling_months']:.0f} months",
            f"{12 * np.log(2) / np.median(rate):.1f} months")
    for key, size in (("token-price-trend-under-10b", "models below 10B"),
                      ("token-price-trend-10b-100b", "models of 10B to 100B")):
        trend = known(key)
        if trend:
            add(key, f"price per token at fixed size, {size}",
                f"{trend['value']:+.1f}% per year",
                "no change from density; chips would have it fall",
                f"the price of a token from {size} changes by {trend['value']:+.0f}% a year")
    largest = known("token-price-halving-over-100b")
    if largest:
        add("token-price-halving-over-100b", "price per token at fixed size, above 100B",
            f"halves in {largest['value']:.1f} months",
            "no change from density")
    running = known("frontier-running-cost-gundlach", "low", "high")
    if running:
        add("frontier-running-cost-gundlach", "cost of running the newest models on a benchmark",
            f"rises {running['low']:g} to {running['high']:g}-fold per year (a range)",
            f"at fixed capability the price falls {np.exp(np.median(price_fall)):.1f}-fold")
    moe = known("moe-inference-penalty-qs")
    if moe:
        add("moe-inference-penalty-qs", "a sparse model's serving cost over its dense equal's",
            f"up to {moe['value']:g}-fold", "none, if density is taken per active parameter")
    memory = known("dram-price-2025-12")
    if memory:
        add("dram-price-2025-12", "16 Gb of DDR5, September to December 2025",
            f"6.84 to {memory['value']:.2f} USD", "chips get cheaper at a steady rate",
            "memory became dearer in late 2025")
    small = known("algorithmic-gain-2012-2023-gundlach")
    if small:
        add("algorithmic-gain-2012-2023-gundlach",
            "gain from algorithms 2012 to 2023 at the largest scale",
            f"{small['value']:,.0f}-fold; far less in small models",
            "the same growth at every size")
    return out


def engines(table: pd.DataFrame | None, rate: Any, chip: dict[str, Any],
            interval: Interval) -> list[dict[str, Any]]:
    """Density, chips and batteries side by side: growth per year, and doubling time in months.

    Parameters
    ----------
    rate
        Draws of the growth of ln density, 1/year.
    chip
        Draws of the growth of chip resources, by label.

    Returns
    -------
    list of dict
        ``engine``, ``rate`` (summary, or the one published number as ``median``), ``source``.
    """
    rows = [{"engine": "density of models", "rate": summary(rate, interval),
             "source": "this fit"}]
    rows += [{"engine": label, "rate": summary(draws, interval), "source": "this fit"}
             for label, draws in chip.items()]
    for key, label in (("circuit-doubling", "circuit density (press)"),
                       ("battery-doubling", "battery energy density (press)")):
        for row in published(table, (key,)).to_dict("records"):
            months = row["doubling_months"]
            if months > 0:
                rows.append({"engine": label, "source": row["source"],
                             "rate": {"median": 12 * np.log(2) / months}})
    return rows


__all__ = ["CHIP_KEYS", "PRICE_KEYS", "against", "engines",
           "halving_published", "published"]
