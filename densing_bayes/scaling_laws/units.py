"""Units of a table of runs: what is in billions, what is in bits, what is perplexity.

Losses in nats and in bits differ by a factor ln 2, which on the log scale is a constant: runs of
one ladder then lie on two parallel surfaces 0.367 apart. Counts in billions, millions or
thousands show in their own size, or in tokens per parameter.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from densing_bayes.errors import Problem
from densing_bayes.scaling_laws.classic import FLOP_PER_PARAM_TOKEN

LEAST = {"params": 1e5, "tokens": 1e6}  # below, a count is in millions or billions
HIGHEST_LOSS = 20.0  # nats per token: above the loss of guessing among 10^8 words
APART = float(-np.log(np.log(2)))  # ln of bits over nats
NEAR = 0.04  # how well the distance of two bands must agree with that
FEWEST_FOR_BANDS, FEWEST_FOR_CURVED = 7, 14
NARROWER = 0.3  # scatter about two bands over scatter about one, at most
RATIOS = (0.1, 1e5)  # tokens per parameter that a ladder may have at its middle
WORDS = {1e3: "thousands", 1e6: "millions", 1e9: "billions"}
USUAL_RATIO = 20.0  # tokens per parameter
ROWS_NAMED = 8


def unit_problems(frame: pd.DataFrame, file: str) -> list[Problem]:
    """Columns that are in another unit throughout: counts in billions, perplexity for loss."""
    problems = []
    for column, least in LEAST.items():
        known = frame[column][frame[column] > 0]
        if len(known) and known.median() < least:
            factor = _factor(column, frame)
            problems.append(Problem(
                f"{column} look like {WORDS[factor]}", file=file, column=column,
                given=f"{known.min():g} to {known.max():g}", allowed="counts, such as 7e9",
                hint=f"multiply by {factor:.0e}".replace("e+0", "e")))
    known = frame["loss"][frame["loss"] > 0]
    if len(known) and known.median() > HIGHEST_LOSS:
        problems.append(Problem(
            "loss is too large for a loss", file=file, column="loss",
            given=f"{known.min():g} to {known.max():g}", allowed=f"nats, at most {HIGHEST_LOSS:g}",
            hint="this looks like perplexity: take the natural logarithm"))
    return problems


def _factor(column: str, frame: pd.DataFrame) -> float:
    """What a column of counts is to be multiplied by: the likeliest power of a thousand."""
    known = frame[column][frame[column] > 0]
    params = frame["params"][frame["params"] > 0]
    if column == "tokens" and len(params) and params.median() >= LEAST["params"]:
        off = {factor: abs(np.log(factor * known.median() / params.median() / USUAL_RATIO))
               for factor in WORDS}
        return min(off, key=off.__getitem__)
    low, high = known.min(), known.max()
    return 1e6 if column == "params" and low >= 5 and high > 300 else 1e9


def unit_notes(frame: pd.DataFrame) -> list[str]:
    """What is suspicious about the units of a table whose cells are all in order."""
    ratio = float((frame["tokens"] / frame["params"]).median())
    notes = []
    if not RATIOS[0] <= ratio <= RATIOS[1]:
        notes.append(f"the runs have {ratio:.2g} tokens per parameter at their middle: are both "
                     f"columns in the same unit?")
    if "compute" in frame and pd.api.types.is_numeric_dtype(frame["compute"]):
        share = (frame["compute"] / (FLOP_PER_PARAM_TOKEN * frame["params"]
                                     * frame["tokens"])).median()
        if not 0.1 < share < 10 and np.isfinite(share):
            notes.append(f"the column compute is {share:.2g} times 6 N D at its middle: one of "
                         f"compute, params and tokens is in another unit")
    return notes


def mixed_units(rows: pd.DataFrame) -> np.ndarray | None:
    """Which runs of one ladder lie a factor ln 2 below the others, or None.

    Returns
    -------
    np.ndarray or None
        True for runs of the lower band (nats, if the upper is in bits). None where one band
        describes the losses as well, or where two would be another distance apart.

    Examples
    --------
    >>> size = np.repeat([1e8, 3e8, 1e9, 3e9], 4)
    >>> token = np.tile([2e9, 8e9, 3e10, 1e11], 4)
    >>> loss = 1.7 + 400 * size**-0.34 + 400 * token**-0.28
    >>> mixed_units(pd.DataFrame({"params": size, "tokens": token, "loss": loss})) is None
    True
    >>> loss[[3, 5]] /= np.log(2)  # two runs in bits
    >>> np.flatnonzero(~mixed_units(pd.DataFrame(
    ...     {"params": size, "tokens": token, "loss": loss}))).tolist()
    [3, 5]
    """
    if len(rows) < FEWEST_FOR_BANDS:
        return None
    x, y, z = (np.log(rows[name].to_numpy(dtype=float)) for name in ("params", "tokens", "loss"))
    x, y = x - x.mean(), y - y.mean()
    columns = [np.ones_like(x), x, y]
    if len(x) >= FEWEST_FOR_CURVED:
        columns += [x**2, y**2, x * y]
    base = np.column_stack(columns)
    one = _rest(base, z)
    best: tuple[float, np.ndarray] | None = None
    for start in _starts(x, y, z, one):
        upper = start
        for _step in range(20):
            rest = _rest(base, z - APART * upper) + APART * upper  # about the lower band
            again = rest > APART / 2
            if (again == upper).all():
                break
            upper = again
        if 0 < upper.sum() < len(z):
            scatter = float(_rest(np.column_stack([base, upper]), z).std())
            if best is None or scatter < best[0]:
                best = scatter, upper
    if best is None or best[0] > NARROWER * one.std():
        return None
    upper = best[1]
    apart = np.linalg.lstsq(np.column_stack([base, upper]), z, rcond=None)[0][-1]
    return ~upper if abs(apart - APART) < NEAR else None


def _rest(design: np.ndarray, z: np.ndarray) -> np.ndarray:
    return np.asarray(z - design @ np.linalg.lstsq(design, z, rcond=None)[0])


def _starts(x: np.ndarray, y: np.ndarray, z: np.ndarray, rest: np.ndarray) -> list[np.ndarray]:
    """Divisions to begin with: at gaps of what a plane leaves, and along size and tokens."""
    found = []
    for values in (rest, z):
        order = np.sort(values)
        for place in np.argsort(np.diff(order))[-3:]:
            found.append(values > (order[place] + order[place + 1]) / 2)
    for values in (x, y, x + y):
        for share in (0.25, 0.5, 0.75):
            found += [values > np.quantile(values, share), values <= np.quantile(values, share)]
    return found


def band_problem(rows: pd.DataFrame, lower: np.ndarray, file: str, name: str) -> Problem:
    """The problem of a ladder whose losses are partly in nats and partly in bits."""
    few = lower if lower.sum() <= (~lower).sum() else ~lower
    unit, other = ("nats", "bits") if few is lower else ("bits", "nats")
    index = [str(row) for row in rows.index[few]]
    named = ", ".join(index[:ROWS_NAMED]) + (" and more" if len(index) > ROWS_NAMED else "")
    return Problem(
        f"losses of {name} lie in two bands a factor ln 2 apart: nats and bits are mixed",
        file=file, column="loss", given=f"{unit} in row{'s' * (len(index) > 1)} {named}",
        allowed="one unit per ladder",
        hint=f"{'divide' if other == 'bits' else 'multiply'} the {unit} by ln 2 = 0.6931, or say "
             "which is which in loss_unit")
