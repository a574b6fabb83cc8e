"""What the first picture of the report shows, as plain values: models, frontier, best available.

A page computes growth over any window from the frontier's draws in it. They are thinned; their
number is in ``draws``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from densing_bayes.context import Context
from densing_bayes.joint.quantities import best_available, frontier_path
from densing_bayes.observations import ORIGIN
from densing_bayes.questions.density import densities
from densing_bayes.questions.frontier import break_of
from densing_bayes.questions.growth import ends
from densing_bayes.questions.windows import years_since
from densing_bayes.trends import DAYS_PER_YEAR

DRAWS = 1000  # of the frontier, for windows of the reader's choice
LEVELS = (0.5,)  # bands beside the report's own interval
STEP = 0.01  # nats: smaller rises of the best available are not drawn


def timeline(context: Context) -> dict[str, Any]:
    """Everything that the first picture shows.

    Returns
    -------
    dict
        ``models``: a row each, with the scores it rests on; ``frontier``: ``years`` (since
        ``origin``) of its bends and ``draws`` of its ln density there; ``best``: by size
        axis, the steps of the best available; ``highlight``: models to name; ``band`` and
        ``quantiles``: the frontier's density; ``published``: rates, 1/year; ``interval``,
        ``axis`` (of the fit), ``mark`` (a day and its name).
    """
    derived = context.derived
    first, last = (float(years_since(day)) for day in ends(derived))
    start = derived["segment_start"].values
    bends = np.unique(np.round([first, last, *start[(start > first) & (start < last)]], 6))
    path = frontier_path(derived, bends).stack(sample=("chain", "draw")).transpose("sample", "time")
    # evenly in their growth, so that the page's own number of the whole window is the fit's
    order = np.argsort(derived["rate"].stack(sample=("chain", "draw")).values, kind="stable")
    count = min(DRAWS, len(order))
    chosen = order[((np.arange(count) + 0.5) / count * len(order)).astype(int)]
    tails = levels(context)
    dense = np.unique([*bends, *np.linspace(first, last, 40)])
    along = np.exp(frontier_path(derived, dense).stack(sample=("chain", "draw")).transpose(
        "sample", "time").values)
    return {
        "origin": ORIGIN, "year": DAYS_PER_YEAR, "axis": context.spec.options["size"],
        "mark": {"years": float(years_since(break_of(context)[0])), "name": break_of(context)[1]},
        "first": first, "last": last,
        "interval": {"prob": context.interval.prob, "tails": list(context.interval.tails)},
        "quantiles": tails, "models": model_rows(context),
        "highlight": list(context.highlight), "best": steps(context),
        "frontier": {"years": bends.tolist(), "draws": np.round(path.values[chosen], 4).tolist()},
        "band": {"years": dense.round(4).tolist(),
                 "density": significant(np.quantile(along, tails, axis=0))},
        "published": [{"label": row["label"], "source": row["source"],
                       "rate": row["value"] * DAYS_PER_YEAR}
                      for row in context.published("densing-rate")
                      if np.isfinite(row["value"]) and row["quantity"] in PUBLISHED],
    }


PUBLISHED = ("densing-rate-nmi", "densing-rate-v2-headline")  # the others are parts of these


def levels(context: Context) -> list[float]:
    """Tail points of the report's interval and of the narrower bands, and the median, sorted."""
    inner = [point for level in LEVELS for point in ((1 - level) / 2, (1 + level) / 2)]
    return sorted({*context.interval.tails, *inner, 0.5})


def significant(values: Any, digits: int = 4) -> Any:
    """Nested lists of an array at so many significant digits: a page has no use for more."""
    values = np.asarray(values, float)
    return np.vectorize(lambda x: float(f"{x:.{digits}g}"), otypes=[float])(values).tolist()


def sizes(context: Context) -> dict[str, np.ndarray]:
    """Ln size of the models by axis; a fit by cost, a draw's own affair, has no other axis."""
    data, own = context.observations.data, context.spec.options["size"]
    out = {"total": data["log_params"].values, "active": data["log_active"].values}
    return out if own in out else {own: context.derived["log_size"].median(
        ("chain", "draw")).values}


def steps(context: Context) -> dict[str, dict[str, Any]]:
    """The best available by axis: years at which it rises, and quantiles of its density there."""
    derived, out = context.derived, {}
    years = np.unique(years_since(derived["date"].values[derived["eligible"].values]))
    own = sizes(context)[context.spec.options["size"]]
    for axis, size in sizes(context).items():
        shift = xr.DataArray(own - size, dims="model")
        best = best_available(derived.assign(log_density=derived["log_density"] + shift), years)
        path = np.quantile(best.values.reshape(-1, len(years)), levels(context), axis=0)
        middle = path[levels(context).index(0.5)]
        rises = np.flatnonzero(np.concatenate([[True], np.diff(middle) > 0]))
        kept = [rises[0]]
        for step in rises[1:]:
            if middle[step] > middle[kept[-1]] + STEP:
                kept.append(step)
        out[axis] = {"years": years[kept].round(4).tolist(),
                     "density": significant(np.exp(path[:, kept]))}
    return out


def model_rows(context: Context) -> list[dict[str, Any]]:
    """A row per model: who made it, when, how large, how dense, and what that rests on."""
    derived, data = context.derived, context.observations.data
    rows = densities(context)
    marks, flags = cells_of(context), flags_of(context)
    out = []
    for index, row in enumerate(rows):
        name = row["model"]
        cells = marks.get(name, [])
        own = list(flags.get(name, []))
        if cells and all(cell["own"] for cell in cells):
            own.insert(0, "only its maker's scores")
        if not bool(derived["eligible"].values[index]):
            own.insert(0, "not counted for the frontier")
        out.append({
            "name": str(name), "organization": str(derived["organization"].values[index]),
            "family": str(derived["family"].values[index]), "date": row["date"],
            "years": round(float(years_since(row["date"])), 4),
            **{axis: float(f"{np.exp(data[name].values[index]):.4g}")
               for axis, name in (("total", "log_params"), ("active", "log_active"))},
            "sparse": str(derived["architecture"].values[index]) != "dense",
            "counts": bool(derived["eligible"].values[index]),
            "density": significant([row["low"], row["median"], row["high"]]),
            "record": round(row["p_record"], 3), "flags": own, "scores": cells})
    return out


def cells_of(context: Context) -> dict[str, list[dict[str, Any]]]:
    """Scores by model, with their source and whether the maker gave them."""
    scores = context.tables.scores
    wanted = set(map(str, context.observations.data["benchmark"].values))
    scores = scores[scores["benchmark"].astype(str).isin(wanted)]
    out: dict[str, list[dict[str, Any]]] = {}
    for row in scores.to_dict("records"):
        out.setdefault(str(row["model"]), []).append({
            "benchmark": str(row["benchmark"]), "score": round(float(row["score"]), 4),
            "source": said_of(row, "source"), "own": said_of(row, "role") == "own-report"})
    return out


def said_of(row: dict[Any, Any], column: str) -> str:
    """A cell's text; nothing where the table lacks the column or the cell is empty."""
    value = row.get(column)
    return value if isinstance(value, str) else ""


def flags_of(context: Context) -> dict[str, list[str]]:
    """Words of caution by model, as the tables have them."""
    models = context.tables.models
    if "flag" not in models:
        return {}
    return {str(name): [word.replace("-", " ") for word in str(flag).split(";") if word.strip()]
            for name, flag in zip(models["model"], models["flag"], strict=True)
            if isinstance(flag, str)}
