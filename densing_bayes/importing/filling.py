"""What the shipped tables know of imported models, taken by name where the name is certain."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pandas as pd

from densing_bayes.errors import plain
from densing_bayes.importing.rows import Row
from densing_bayes.plausible import size_in

FACTS = ("organization", "family", "release_date", "date_kind", "params_total", "params_active",
         "architecture", "training_tokens", "precision_bits", "compression", "parent", "type",
         "weights")


def key_of(name: str) -> str:
    """What two spellings of one model's name agree in: no maker before it, no case, no signs.

    Examples
    --------
    >>> key_of("meta-llama/Llama-2-7b-hf") == key_of("Llama-2-7B"), key_of("microsoft/phi-1_5")
    (True, 'phi1.5')
    >>> key_of("Qwen/Qwen2.5-7B-Instruct") == key_of("Qwen2.5-7B")
    False
    """
    bare, _, revision = name.rsplit("/", 1)[-1].partition("@")
    key = plain(re.sub(r"(?<=\d)_(?=\d)", ".", bare))
    return re.sub(r"^meta(?=llama)", "", key).removesuffix("hf") + revision


def price_key(name: str) -> str:
    """A sold model's name without version dates and brackets.

    Examples
    --------
    >>> price_key("claude-3-haiku-20240307") == price_key("Claude 3 Haiku (20240307)")
    True
    >>> price_key("gpt-4-0613") == price_key("GPT-4"), price_key("gpt-4o") == price_key("GPT-4")
    (True, False)
    """
    bare = re.sub(r"\(.*?\)|[-_ ](20\d\d-?\d\d-?\d\d|\d{4}|latest|preview)(?![\w.])", "", name)
    return key_of(bare)


def shelf_names(models: pd.DataFrame) -> dict[str, str]:
    """Key -> name of the shelf's models; a base model also goes by its name with 'base' behind."""
    names = {key_of(name): name for name in models["model"]}
    for name in models["model"][models["type"] == "base"]:
        names.setdefault(key_of(name).removesuffix("base") + "base", name)
    return names


def merge(rows: list[Row], shelf: pd.DataFrame) -> tuple[list[Row], dict[str, str], Counter[str]]:
    """One row a model, with what the shelf knows of it where the source does not say.

    Parameters
    ----------
    rows
        Rows of models, several of one model perhaps.
    shelf
        The shipped models.

    Returns
    -------
    list of Row
        Models, ``model`` the shelf's name where it has the model.
    dict
        Each imported name -> the name in the first.
    Counter
        What was filled in: words -> how many models.
    """
    known = shelf_names(shelf)
    facts = shelf.set_index("model").to_dict("index")
    spelt: dict[str, list[str]] = {}
    for row in rows:
        names = spelt.setdefault(key_of(row["model"]), [])
        if row["model"] not in names:
            names.append(row["model"])
    called: dict[str, str] = {}
    for key, names in spelt.items():
        makers = {name.split("/")[0].casefold() for name in names if "/" in name}
        for name in names:
            called[name] = (known[key] if key in known and (len(makers) < 2) else
                            name.rsplit("/", 1)[-1] if len(makers) < 2 else name)
    merged: dict[str, Row] = {}
    for row in rows:
        mine = merged.setdefault(called[row["model"]], {})
        for column, value in row.items():
            if value not in (None, "") and mine.get(column) in (None, ""):
                mine[column] = value
        if "/" in row["model"] and not mine.get("organization"):
            mine["organization"] = row["model"].split("/")[0]
    filled: Counter[str] = Counter()
    for name, mine in merged.items():
        mine["model"] = name
        _fill(mine, facts.get(name), filled)
    return list(merged.values()), called, filled


def _fill(mine: Row, facts: dict[str, Any] | None, filled: Counter[str]) -> None:
    """Facts of the shelf's model of this name; else what the name itself says."""
    for column in FACTS if facts else ():
        value = facts[column]
        if column == "release_date" and not pd.isna(value):
            value = str(value.date())
        if mine.get(column) in (None, "") and not pd.isna(value) and value != "":
            mine[column] = value
            if column in ("params_total", "release_date"):
                filled[f"{column} from the shipped model of that name"] += 1
    if mine.get("params_total") is None and (size := size_in(mine["model"])) is not None:
        mine["params_total"] = size
        filled["params_total read off the name, as rounded there"] += 1
    if not mine.get("family") and size_in(mine["model"]) is not None:
        mine["family"] = re.split(r"[-_ ]?\d+(?:\.\d+)?\s?[bBmM](?![A-Za-z0-9])",
                                  mine["model"], maxsplit=1)[0] or mine["model"]
        filled["family read off the name before its size"] += 1
    total, active = mine.get("params_total"), mine.get("params_active")
    if total and active and active > total:
        mine["params_active"] = None
    if not mine.get("type"):
        told = re.search(r"instruct|chat|[-_]it\b|sft|dpo|rlhf", mine["model"], re.IGNORECASE)
        mine["type"] = "instruct" if told else ""


def anchor_scores(models: list[Row], scores: pd.DataFrame, anchor: str) -> list[Row]:
    """The shelf's scores on an anchored benchmark of the models that it has by name."""
    names = {row["model"] for row in models}
    rows = scores[(scores["benchmark"] == anchor) & scores["model"].isin(names)]
    return [{key: value for key, value in row.items() if not pd.isna(value) and value != ""}
            for row in rows.to_dict("records")]
