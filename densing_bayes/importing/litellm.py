"""LiteLLM's price list, model_prices_and_context_window.json: USD per token."""

from __future__ import annotations

from densing_bayes.importing.opening import Opened
from densing_bayes.importing.rows import Rows, number, text


def knows(opened: Opened) -> bool:
    """Whether models have costs per token."""
    value = opened.value
    return isinstance(value, dict) and sum(
        isinstance(entry, dict) and "input_cost_per_token" in entry
        for entry in value.values()) > len(value) / 4


def read(opened: Opened) -> Rows:
    """The price of a plain request of every chat model; the list has no dates."""
    rows = Rows()
    for name, entry in opened.value.items():
        if name == "sample_spec" or not isinstance(entry, dict):
            continue
        if entry.get("mode") not in ("chat", "completion", "responses", None):
            rows.left[f"LiteLLM: {text(entry.get('mode'), 30)} models"] += 1
            continue
        both = [number(entry.get(f"{side}_cost_per_token")) for side in ("input", "output")]
        if None in both or not any(both):
            rows.left["LiteLLM: models without a price per token"] += 1
            continue
        if any("_above_" in key for key in entry):
            rows.left["LiteLLM: dearer tiers for long requests"] += 1
        if any(key.endswith(("_batches", "_priority", "_flex")) for key in entry):
            rows.left["LiteLLM: prices of batches, priority and flexible service"] += 1
        rows.prices.append({
            "model": text(name.rsplit("/", 1)[-1]),
            "provider": text(entry.get("litellm_provider")) or text(name.split("/")[0]),
            "input_usd_per_m": 1e6 * both[0], "output_usd_per_m": 1e6 * both[1],
            "source": f"LiteLLM price list, {text(opened.name, 80)}"})
    return rows
