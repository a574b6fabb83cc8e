"""Simon Willison's llm-prices: prices per million tokens, with a history, one file a vendor."""

from __future__ import annotations

from typing import Any

from densing_bayes.importing.opening import Opened
from densing_bayes.importing.rows import Row, Rows, day, number, text


def knows(opened: Opened) -> bool:
    """Whether this is a vendor's file, or a list made of all of them."""
    return any("price_history" in entry or {"input", "output"} <= set(entry)
               for _, entry in _entries(opened.value))


def read(opened: Opened) -> Rows:
    """Every price with the day from which it holds, where the list has one."""
    rows = Rows()
    for vendor, entry in _entries(opened.value):
        history = entry.get("price_history")
        for price in history if isinstance(history, list) else [entry]:
            row = _price(price, vendor, entry, opened) if isinstance(price, dict) else None
            if row is None:
                rows.left["llm-prices: entries without a price"] += 1
            else:
                rows.prices.append(row)
    return rows


def _entries(value: Any) -> list[tuple[str, dict[str, Any]]]:
    """Vendor and entry of each model, in a vendor's file and in the lists of all."""
    vendor = text(value.get("vendor")) if isinstance(value, dict) else ""
    models = value if isinstance(value, list) else (
        value.get("models") or value.get("prices") if isinstance(value, dict) else None)
    return [(vendor or text(entry.get("vendor")), entry)
            for entry in (models if isinstance(models, list) else []) if isinstance(entry, dict)]


def _price(price: dict[str, Any], vendor: str, entry: dict[str, Any], opened: Opened) -> Row | None:
    both = [number(price.get(side)) for side in ("input", "output")]
    if None in both or not any(both):
        return None
    return {"model": text(entry.get("name") or entry.get("id")), "provider": vendor or "unknown",
            "date": day(price.get("from_date")), "input_usd_per_m": both[0],
            "output_usd_per_m": both[1], "source": f"llm-prices, {text(opened.name, 80)}"}
