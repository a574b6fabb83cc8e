"""What is suspicious in sound tables: values that cannot all be meant as they stand.

Each check gives warnings, not errors: a strange value may be true. They look for slips that a
range cannot catch, since the value is possible by itself: units inside a column, sizes packed
in bits, unknown written as zero, days and months swapped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd

from densing_bayes.cells import today
from densing_bayes.errors import Problem, plain
from densing_bayes.reading import cut

LN2 = float(np.log(2))
FEWEST = 10  # rows of which some can be called odd
_SIZE = re.compile(r"(?<![A-Za-z0-9.])(\d+(?:\.\d+)?)\s?([bBmM])(?![A-Za-z0-9])")


def suspicious(frames: dict[str, pd.DataFrame], files: dict[str, str],
               known: dict[str, pd.DataFrame]) -> list[Problem]:
    """Warnings about checked tables.

    Parameters
    ----------
    frames
        Tables by name; the index numbers rows.
    files
        What messages call the file of each.
    known
        The shelf's models, runs and pairs, with which rows of the same names are compared.
    """
    found: list[Problem] = []
    for table, checks in (("models", (_sizes, _tokens, _days, _children, _doubles)),
                          ("runs", (_ladder,)), ("pairs", (_pair_scores,)),
                          ("prices", (_prices,))):
        if table in frames:
            for check in checks:
                found += [Problem(what, file=files[table], row=row, column=column,
                                  given=None if given is None else cut(str(given)), hint=hint)
                          for what, row, column, given, hint in check(frames[table])]
    for table, check, others in (("models", _known_models, (known.get("models"),)),
                                 ("runs", _known_losses, (known.get("runs"),)),
                                 ("pairs", _known_losses, (known.get("pairs"),)),
                                 ("pairs", _losses_of_runs, (frames.get("runs"),)),
                                 ("scores", _zero_scores, (frames.get("benchmarks"),)),
                                 ("scores", _chance, (frames.get("benchmarks"),)),
                                 ("scores", _far_off, (frames.get("models"),
                                                       frames.get("benchmarks")))):
        if table in frames and all(other is not None for other in others):
            found += [Problem(what, file=files[table], row=row, column=column,
                              given=None if given is None else cut(str(given)), hint=hint)
                      for what, row, column, given, hint in check(frames[table], *others)]
    return found


Odd = Iterator[tuple[str, int | None, str | None, object, str | None]]


# -- models -----------------------------------------------------------------------------------


def size_in(name: str) -> float | None:
    """Parameters that a model's name states, or None.

    Examples
    --------
    >>> size_in("Llama-2-7b-hf"), size_in("Qwen3-30B-A3B"), size_in("Mixtral-8x7B")
    (7000000000.0, 30000000000.0, None)
    """
    sizes = [float(size) * (1e9 if unit in "bB" else 1e6)
             for size, unit in _SIZE.findall(name.replace("_", "-"))]
    return max(sizes, default=None)  # a smaller one is that of active parameters, or of a data set


def _sizes(models: pd.DataFrame) -> Odd:
    for row in models[models["params_total"].notna()].itertuples():
        stated = size_in(row.model)
        ratio = row.params_total / stated if stated else 1.0
        if not 0.4 < ratio < 2.5:
            packed = row.precision_bits <= 8 and 0.1 < ratio < 0.6
            yield ("params_total is far from the size in the name", row.Index, "params_total",
                   f"{row.params_total:.4g} for {row.model}",
                   "packed bits counted as parameters? write those of the model unpacked"
                   if packed else "a factor of 1,000?" if abs(np.log(ratio)) > 3 else None)
        elif row.params_total > 1e13:
            yield ("more than ten trillion parameters", row.Index, "params_total",
                   row.params_total, None)


def _tokens(models: pd.DataFrame) -> Odd:
    per = models["training_tokens"] / models["params_total"]
    odd = (models["training_tokens"] > 2e14) | (per > 1.5e5) | (per < 0.05)
    for row, value in models["training_tokens"][odd].items():
        yield ("training_tokens do not fit the size", row, "training_tokens",
               f"{value:.4g}, {per[row]:.2g} per parameter", "a factor of 1,000 in either?")


def _days(models: pd.DataFrame) -> Odd:
    days = models["release_date"]
    for row, day in days[days > pd.Timestamp(today())].items():
        yield "the release is dated tomorrow", row, "release_date", str(day.date()), None
    known = days[days.notna() & (models["release_date_width"] == 0)]
    if len(known) >= FEWEST:
        day = known.dt.day
        if (day <= 12).all() and day.nunique() > 1:
            yield ("every date has a day of 12 or less", None, "release_date", None,
                   "day and month swapped? ISO dates are year, month, day")
        elif (day == 1).mean() > 0.6:
            yield (f"{(day == 1).sum()} of {len(day)} dates are the first of a month", None,
                   "release_date", None, "write a month as YYYY-MM: its width then counts")
        span = (known.max() - known.min()).days
        if span < 90:
            yield (f"all releases lie within {span} days", None, "release_date", None,
                   "growth can hardly be seen in less than a quarter")


def _children(models: pd.DataFrame) -> Odd:
    """A compressed child against its parent: quantising removes no parameters."""
    parents = models.set_index("model")
    for row in models[models["parent"].isin(parents.index)].itertuples():
        parent = parents.loc[row.parent]
        ratio = row.params_total / parent["params_total"]
        pruned = any(word in row.compression.casefold() for word in ("prun", "distill"))
        if not pruned and row.precision_bits < 16 and ratio < 0.6:
            yield ("a quantised model has fewer parameters than its parent", row.Index,
                   "params_total", f"{row.params_total:.4g}, parent {parent['params_total']:.4g}",
                   "packed bits counted as parameters?")
        if row.release_date < parent["release_date"]:
            yield ("the model is older than its parent", row.Index, "release_date",
                   str(row.release_date.date()), "day and month swapped?")


def _doubles(models: pd.DataFrame) -> Odd:
    same = models["model"].map(plain)
    for row, name in models["model"][same.duplicated() & (same != "")].items():
        other = models["model"][same == plain(name)].iloc[0]
        yield "two models have all but one name", row, "model", name, f"the other is {other!r}"


def _known_models(models: pd.DataFrame, shelf: pd.DataFrame) -> Odd:
    """Models that the shelf has too: sizes, and dates with day and month swapped."""
    index = dict(zip(map(plain, shelf["model"]),
                     zip(shelf["params_total"], shelf["release_date"], strict=True), strict=True))
    for row in models.itertuples():
        there = index.get(plain(row.model))
        if there is None:
            continue
        size, theirs = there
        ratio = row.params_total / size
        if ratio < 0.5 or ratio > 2:
            yield ("the size is not that of the shipped model of this name", row.Index,
                   "params_total", f"{row.params_total:.4g}", f"there {size:.4g}")
        mine = row.release_date
        if pd.isna(mine) or pd.isna(theirs) or row.release_date_width:
            continue
        if mine != theirs and (mine.year, mine.month, mine.day) == (
                theirs.year, theirs.day, theirs.month):
            yield ("day and month are swapped against the shipped model of this name", row.Index,
                   "release_date", str(mine.date()), f"there {theirs.date()}")
        elif abs((mine - theirs).days) > 120:
            yield ("the date is far from that of the shipped model of this name", row.Index,
                   "release_date", str(mine.date()), f"there {theirs.date()}")


# -- losses -----------------------------------------------------------------------------------


def robust_line(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """Residuals from a plane through most of the points, and their scale.

    The plane through a few points that leaves the least median of absolute residuals, then least
    squares of what lies near it: up to half of the points may be anywhere.

    Parameters
    ----------
    x
        Columns, shape (point, column); a constant is added.
    y
        Shape (point,).

    Examples
    --------
    >>> x = np.arange(12.0)[:, None]
    >>> y = 2 * x[:, 0] + 1
    >>> y[[3, 7]] += 50
    >>> residual, _ = robust_line(x, y)
    >>> np.flatnonzero(abs(residual) > 1)
    array([3, 7])
    """
    x = np.column_stack([np.ones(len(y)), (x - x.mean(0)) / np.maximum(x.std(0), 1e-12)])
    points, columns = x.shape
    rng = np.random.default_rng(0)
    tries = np.array(list(combinations(range(points), columns))) if points < 12 else (
        rng.integers(0, points, (500, columns)))
    chosen = x[tries]
    chosen = chosen + 1e-9 * np.eye(columns)  # a repeated point is no plane
    planes = np.linalg.solve(chosen, y[tries][..., None])[..., 0]
    some = slice(None) if points < 2000 else rng.choice(points, 2000, replace=False)
    off = np.median(np.abs(y[some] - planes @ x[some].T), axis=1)
    residual = y - x @ planes[np.argmin(np.where(np.isfinite(off), off, np.inf))]
    for _ in range(3):
        scale = max(1.4826 * float(np.median(np.abs(residual))), 1e-6)
        near = np.abs(residual) < 2.5 * scale
        residual = y - x @ np.linalg.lstsq(x[near], y[near], rcond=None)[0]
    return residual, max(1.4826 * float(np.median(np.abs(residual))), 1e-6)


def _unit(ratio: float) -> str | None:
    """The slip that a ratio of losses looks like."""
    for factor, words in ((LN2, "bits called nats?"), (1 / LN2, "nats called bits?")):
        if abs(np.log(ratio * factor)) < 0.12:
            return words
    return None


def _ladder(runs: pd.DataFrame) -> Odd:
    for _, part in runs.groupby(["suite", "eval_set", "loss_unit", "params_kind"]):
        if len(part) < FEWEST or part["params"].nunique() < 2 or part["tokens"].nunique() < 2:
            continue
        size, tokens = np.log(part["params"]), np.log(part["tokens"])
        off, scale = robust_line(np.column_stack([size, tokens, size * tokens]),
                                 np.log(part["loss"].to_numpy()))
        for i in np.flatnonzero(np.abs(off) > max(0.22, 6 * scale)):
            yield ("the loss is far from those of the ladder's other runs", int(part.index[i]),
                   "loss", part["loss"].iloc[i],
                   _unit(float(np.exp(-off[i]))) or "a factor of 1,000 in tokens or params?")


def _known_losses(table: pd.DataFrame, shelf: pd.DataFrame) -> Odd:
    """Rows that the shelf has too."""
    name = "run" if "run" in table else "model"
    key = [name, "suite", "eval_set", *(["score_format"] if name == "model" else [])]
    values = ["loss", "params", "tokens"]
    both = table.reset_index(names="row").merge(
        shelf.drop_duplicates(key)[[*key, *values]], on=key, suffixes=("", "_there"))
    for column in values:
        ratio = both[column] / both[f"{column}_there"]
        for at in both.index[(ratio < 0.9) | (ratio > 1.1)]:
            yield (f"{column} is not that of the shipped row of this name", int(both["row"][at]),
                   column, f"{both[column][at]:.6g}", _unit(1 / ratio[at]) if column == "loss"
                   else f"there {both[f'{column}_there'][at]:.6g}")


def _losses_of_runs(pairs: pd.DataFrame, runs: pd.DataFrame) -> Odd:
    """Pairs whose model is a run of the ladder have that run's loss."""
    there = runs.drop_duplicates(["run", "suite", "eval_set"]).set_index(
        ["run", "suite", "eval_set"])["loss"]
    for row in pairs.itertuples():
        loss = there.get((row.model, row.suite, row.eval_set))
        if loss is not None and abs(np.log(row.loss / loss)) > 0.1:
            yield ("the loss is not that of the run of this name in runs.csv", row.Index, "loss",
                   row.loss, _unit(loss / row.loss) or f"there {loss:g}")


def _pair_scores(pairs: pd.DataFrame) -> Odd:
    for (_, benchmark, form), part in pairs.groupby(["suite", "benchmark", "score_format"]):
        what = f"pairs on {cut(benchmark)}" + (f" ({cut(form)})" if form else "")
        if len(part) >= 4 and part["score"].nunique() == 1:
            yield (f"all {what} have one score", int(part.index[0]), "score",
                   part["score"].iloc[0], "0 for unknown? leave such rows out")
        elif len(part) >= 6:
            rank = part[["loss", "score"]].rank().corr().iloc[0, 1]
            if rank > 0.3:
                yield (f"{what}: the score falls as the loss falls", int(part.index[0]), "score",
                       None, "errors given as scores?")


# -- scores -----------------------------------------------------------------------------------


def _zero_scores(scores: pd.DataFrame, benchmarks: pd.DataFrame) -> Odd:
    """A score of exactly 0 where guessing gives more, or of a model that does well elsewhere."""
    chance = scores["benchmark"].map(benchmarks.set_index("benchmark")["chance"])
    group = scores.groupby("benchmark")["score"]
    rank = group.rank(pct=True).where(group.transform("size") >= FEWEST)
    of_model = rank.groupby(scores["model"])
    # mean rank of the model's other scores: the others' zeros count as what they are
    others = (of_model.transform("sum") - rank.fillna(0)) / (
        of_model.transform("count") - rank.notna()).replace(0, np.nan)
    for row in scores.index[(scores["score"] == 0) & ((chance > 0.05) | (others > 0.4))]:
        yield ("a score of 0", int(row), "score", f"0 of {scores['model'][row]}",
               "unknown? leave the row out")


def _chance(scores: pd.DataFrame, benchmarks: pd.DataFrame) -> Odd:
    chance = scores["benchmark"].map(benchmarks.set_index("benchmark")["chance"])
    for name, part in scores.groupby("benchmark"):
        level = chance[part.index].iloc[0]
        close = (part["score"] - level).abs() < 0.03
        if len(part) >= 5 and close.mean() > 0.9:
            yield (f"scores on {cut(name)} are all at chance", int(part.index[0]), "score", None,
                   f"its chance level is {level:g}: they say nothing of the models")
        below = part["score"] < level - 0.08
        for row in part.index[below & (part["score"] > 0)]:
            yield ("the score lies far below chance", int(row), "score", part["score"][row],
                   f"chance on {cut(name)} is {level:g}")


def _far_off(scores: pd.DataFrame, models: pd.DataFrame, benchmarks: pd.DataFrame) -> Odd:
    """Models whose scores are far from those of their size and date."""
    chance = scores["benchmark"].map(benchmarks.set_index("benchmark")["chance"])
    share = ((scores["score"] - chance) / (1 - chance)).clip(0.01, 0.99)
    place = np.log(share / (1 - share))
    group = place.groupby(scores["benchmark"])
    place = (place - group.transform("median")) / group.transform("std")
    mean = place.groupby(scores["model"]).mean()
    table = models[models["params_total"].notna() & models["release_date"].notna()]
    table = table.assign(place=table["model"].map(mean)).dropna(subset=["place"])
    days = (table["release_date"] - pd.Timestamp("2023-01-01")).dt.days.to_numpy(float)
    if len(table) < 2 * FEWEST or len(np.unique(days)) < 3 or table["params_total"].nunique() < 3:
        return
    size = table["params_total"].to_numpy()
    # no model of that size does as well as the middle of models a hundred times larger
    tiny = (size < 2.5e8) & (table["place"] > -0.3) & (np.median(size) > 1e9)
    off, scale = robust_line(np.column_stack([np.log(size), days]), table["place"].to_numpy())
    for i in np.flatnonzero(tiny | (np.abs(off) > 4.5 * scale)):
        name = table["model"].iloc[i]
        row = int(scores.index[scores["model"] == name][0])
        if tiny.iloc[i]:
            yield ("scores far above those of such a size", row, "model", name,
                   f"is params_total, {size[i]:.4g}, a factor of 1,000 off?")
        else:
            yield ("scores far from those of models of this size and date", row, "model", name,
                   f"{'above' if off[i] > 0 else 'below'} by {abs(off[i]) / scale:.0f} spreads")


# -- prices -----------------------------------------------------------------------------------


def _prices(prices: pd.DataFrame) -> Odd:
    columns = ("input_usd_per_m", "output_usd_per_m")
    for column in columns:
        filled = prices[column][prices[column] > 0]
        if len(filled) >= 3 and filled.max() < 2e-3:
            yield ("all prices are below 0.002 USD per million tokens", int(filled.index[0]),
                   column, filled.max(), "USD per token or per thousand? write them per million")
            continue
        for row, price in filled[(filled < 4e-3) | (filled > 2e3)].items():
            yield ("a price beyond all that is asked", row, column, price,
                   "per thousand tokens, or per token? write it per million")
        for row in prices.index[prices[column] == 0]:
            yield ("a price of 0", int(row), column, 0, "leave it empty if it is unknown")
    ratio = prices[columns[1]] / prices[columns[0]]
    for row, value in ratio[(prices[columns[0]] > 0) & ((ratio > 60) | (ratio < 0.05))].items():
        yield ("input and output price do not fit", int(row), columns[1],
               f"output {value:.3g} times input", "one of them in another unit?")
    for column in columns:
        ln = np.log(prices[column].where(prices[column] > 0))
        offers = ln.groupby([prices["model"], prices["provider"]])
        odd = (ln - offers.transform("median")).abs() > np.log(100)
        for row in ln.index[odd & (offers.transform("count") > 2)]:
            yield ("a price a hundred times off the same model's others", int(row), column,
                   prices[column][row], None)
