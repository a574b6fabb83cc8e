"""What a forecast is to match: a model by name, a score, or an effective size."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from densing_bayes.corollaries.draws import Pool, unknown
from densing_bayes.errors import InputError, Problem


@dataclass(frozen=True)
class Target:
    """A capability: in words, and draws of the ln effective size that has it."""

    label: str
    log_size: np.ndarray


def short_name(name: str) -> str:
    """A model's name without what stands in brackets, for matching.

    Examples
    --------
    >>> short_name("GPT-4 (0314)"), short_name("gpt 4")
    ('gpt-4', 'gpt-4')
    """
    return re.sub(r"[\s_]+", "-", re.sub(r"\(.*?\)", "", name).strip().casefold())


def scored_models(prices: pd.DataFrame | None) -> dict[str, float]:
    """MMLU of models that are sold but not measured here, by short name.

    The developer's own report where there is one, else the first score in the table.
    """
    if prices is None or "mmlu" not in prices:
        return {}
    own = pd.concat([prices.loc[prices["mmlu_source"] == "own-report", ["model", "mmlu"]],
                     prices[["model", "mmlu"]]])
    own = own[own["mmlu"].notna()]
    return dict(zip(own["model"].map(short_name)[::-1], own["mmlu"][::-1], strict=True))


def target(pool: Pool, *, match: str | None = None, score: float | None = None,
           size: float | None = None, prices: pd.DataFrame | None = None,
           outside: Sequence[str] = ()) -> Target:
    """What is to be matched: a model by name, a score, or an effective size; exactly one.

    A model that the fit knows counts with its effective size. One that is only sold (GPT-4)
    counts with its MMLU score, read on the ruler as a score. ``outside`` names models of the
    tables, for the message about one that the fit does not have.

    Raises
    ------
    InputError
        None or several given, unknown model, a score outside the benchmark's range.
    """
    given = [x for x in (match, score, size) if x is not None]
    if len(given) != 1:
        raise InputError(Problem("name one thing to match", given=given or None,
                                 allowed="a model, a score or an effective size"))
    if size is not None:
        if not (np.isfinite(size) and size > 0):
            raise InputError(Problem("an effective size is a positive number of parameters",
                                     given=size))
        return Target(f"an effective size of {size / 1e9:.3g}B",
                      np.full(pool.size, np.log(size)))
    if score is not None:
        if not 0 < score < 1:
            hint = "this looks like percent: divide by 100" if 1 < score <= 100 else None
            raise InputError(Problem("a score is a fraction", given=score,
                                     allowed="between 0 and 1", hint=hint))
        return Target(f"{pool.benchmark} {100 * score:.1f}%", pool.size_of_score(score))
    assert match is not None
    known = {short_name(name): name for name in pool.models}
    if short_name(match) in known:
        name = known[short_name(match)]
        return Target(name, pool.effective(name))
    sold = scored_models(prices) if pool.benchmark == "MMLU" else {}
    if short_name(match) in sold:
        value = sold[short_name(match)]
        return Target(f"{match} (MMLU {100 * value:.1f}%)", pool.size_of_score(value))
    raise unknown("model", match, [*pool.models, *sold], outside)
