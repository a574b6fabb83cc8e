"""Where a cell comes from, and whether anybody compared it with its source.

scores.csv has a column ``checked`` and models.csv a column ``date_checked``: the day on which a
cell was compared with its source and found equal. An empty cell was not compared, most often
because the source could not be reached; it says nothing against the value.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from densing_bayes.errors import InputError, Problem, did_you_mean
from densing_bayes.reading import cut
from densing_bayes.schemas import TABLES
from densing_bayes.tables import Tables

CELL = ["benchmark", "score", "shots", "metric", "harness", "role", "source", "checked", "note"]


def of_model(tables: Tables, model: str) -> dict[str, Any]:
    """Everything that the tables say of one model.

    Returns
    -------
    dict
        ``about``: its row of models.csv, as a dict without the unknown. ``cells``: its rows of
        scores.csv, columns `CELL`, in the table's order. ``answers``: what flags.csv says of it
        and of its family (question, answer, sentence, source); empty without that table.

    Raises
    ------
    InputError
        For a model that models.csv does not have.
    """
    rows = tables.models[tables.models["model"] == model]
    if rows.empty:
        names = tables.models["model"].tolist()
        longer = [name for name in names if model and model.casefold() in name.casefold()]
        raise InputError(Problem("no such table and no such model", given=cut(model),
                                 allowed=", ".join(TABLES) + ", or a model of models.csv",
                                 hint=did_you_mean(cut(model), longer or [*TABLES, *names])))
    about = {name: value for name, value in rows.iloc[0].items()
             if not (pd.isna(value) or value == "") and not name.endswith("_width")}
    cells = tables.scores[tables.scores["model"] == model]
    answers = pd.DataFrame(columns=["question", "answer", "sentence", "source"])
    if tables.flags is not None:
        family = rows["family"].iloc[0]
        flags = tables.flags
        mine = (flags["model"] == model) | (
            (flags["model"] == "") & (flags["family"] == family) & (family != ""))
        answers = flags.loc[mine, answers.columns]
    return {"about": about, "cells": cells[CELL].reset_index(drop=True),
            "answers": answers.reset_index(drop=True)}


def tally(tables: Tables, models: Any = None, benchmarks: Any = None) -> dict[str, int]:
    """How many cells and release dates were compared with their sources.

    Parameters
    ----------
    models, benchmarks
        Only cells of these; None takes all.

    Returns
    -------
    dict
        ``cells``, ``cells_checked``, ``dates``, ``dates_checked``.
    """
    scores, rows = tables.scores, tables.models
    if models is not None:
        scores, rows = scores[scores["model"].isin(models)], rows[rows["model"].isin(models)]
    if benchmarks is not None:
        scores = scores[scores["benchmark"].isin(benchmarks)]
    return {"cells": len(scores), "cells_checked": int(scores["checked"].notna().sum()),
            "dates": int(rows["release_date"].notna().sum()),
            "dates_checked": int(rows["date_checked"].notna().sum())}


def unchecked(tables: Tables) -> pd.DataFrame:
    """Sources with cells that were not compared, most of them first.

    Returns
    -------
    pandas.DataFrame
        ``source``, ``cells`` (its cells), ``unchecked``, and ``models``, those with such cells,
        separated by semicolons.
    """
    rows = tables.scores.assign(open=tables.scores["checked"].isna())
    found = rows.groupby("source", sort=False).agg(
        cells=("open", "size"), unchecked=("open", "sum")).reset_index()
    left = rows[rows["open"]].groupby("source")["model"].agg(
        lambda names: "; ".join(dict.fromkeys(names)))
    found["models"] = found["source"].map(left)
    found = found[found["unchecked"] > 0]
    return found.sort_values("unchecked", ascending=False, kind="stable").reset_index(drop=True)
