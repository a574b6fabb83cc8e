"""LiteLLM's price list, model_prices_and_context_window.json: USD per token."""

from __future__ import annotations

from densing_bayes.importing.opening import Opened
from densing_bayes.importing.rows import Rows, number, text

TIERS = {"": "", "batch": "_batches", "priority": "_priority", "flexible": "_flex",
         "above 128k tokens": "_above_128k_tokens", "above 200k tokens": "_above_200k_tokens",
         "above 272k tokens": "_above_272k_tokens"}


def knows(opened: Opened) -> bool:
    """Whether models have costs per token."""
    value = opened.value
    return isinstance(value, dict) and sum(
        isinstance(entry, dict) and "input_cost_per_token" in entry
        for entry in value.values()) > len(value) / 4


def read(opened: Opened) -> Rows:
    """The prices of every chat model, by tier of service; the list has no dates."""
    rows = Rows()
    for name, entry in opened.value.items():
        if name == "sample_spec" or not isinstance(entry, dict):
            continue
        if entry.get("mode") not in ("chat", "completion", "responses", None):
            rows.left[f"LiteLLM: {text(entry.get('mode'), 30)} models"] += 1
            continue
        common = {"model": text(name.rsplit("/", 1)[-1]),
                  "provider": text(entry.get("litellm_provider")) or text(name.split("/")[0]),
                  "source": f"LiteLLM price list, {text(opened.name, 80)}"}
        found = False
        for tier, ending in TIERS.items():
            both = [number(entry.get(f"{side}_cost_per_token{ending}"))
                    for side in ("input", "output")]
            if None not in both and any(both):
                found = True
                rows.prices.append(common | {
                    "tier": tier, "input_usd_per_m": 1e6 * both[0],
                    "output_usd_per_m": 1e6 * both[1]})
        if not found:
            rows.left["LiteLLM: models without a price per token"] += 1
    return rows
