"""What a forecast is to match: a model by name, a score, or an effective size."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from densing_bayes.corollaries.draws import Pool, Seen, unknown
from densing_bayes.errors import InputError, Problem


@dataclass(frozen=True, eq=False)
class Target:
    """A capability: in words, and what a model must have to match it.

    Parameters
    ----------
    label
        In words.
    log_size
        Draws of the ln effective size that has it, (sample,), by the benchmarks that say so.
    trend, tilt
        Draws of these benchmarks' mean own trends, nats per year and per nat of size: none where
        all benchmarks of the fit say so, since their trends sum to zero.
    centre, last, mean_size
        Years since ORIGIN at which trends are zero and after which they are not continued, and
        the ln parameters at which tilts are zero.
    benchmarks, rests_on
        The benchmarks it stands on, and their scores in words; empty where on the whole fit.
    """

    label: str
    log_size: np.ndarray
    trend: np.ndarray | float = 0.0
    tilt: np.ndarray | float = 0.0
    centre: float = 0.0
    last: float = np.inf
    mean_size: float = 0.0
    benchmarks: tuple[str, ...] = ()
    rests_on: str = ""

    def needed(self, log_size: np.ndarray, years: np.ndarray) -> np.ndarray:
        """Ln effective size, over all benchmarks, with which a model matches; (sample, time).

        Parameters
        ----------
        log_size
            Ln parameters of the model, (sample, time).
        years
            When it is released, years since ORIGIN, (time,).

        Examples
        --------
        By a benchmark that favours size by a third of a nat per nat, a model of e times the mean
        size is seen a third larger:

        >>> one = Target("x", np.array([5.0]), tilt=np.array([1 / 3]), mean_size=2.0)
        >>> one.needed(np.array([[2.0, 3.0]]), np.zeros(2)).round(3)
        array([[5.   , 4.667]])
        """
        return (self.log_size[:, None] - self._by_date(years)
                - np.reshape(self.tilt, (-1, 1)) * (log_size - self.mean_size))

    def size_at(self, frontier: np.ndarray, years: float) -> np.ndarray:
        """Ln parameters with which a model on the frontier (ln density, (sample,)) matches."""
        date = self._by_date(np.array([years]))[:, 0]
        return (self.log_size - date - frontier + self.tilt * self.mean_size) / (1 + self.tilt)

    def _by_date(self, years: np.ndarray) -> np.ndarray:
        return np.reshape(self.trend, (-1, 1)) * (np.minimum(years, self.last) - self.centre)


def short_name(name: str) -> str:
    """A model's name without what stands in brackets, for matching.

    Examples
    --------
    >>> short_name("GPT-4 (0314)"), short_name("gpt 4")
    ('gpt-4', 'gpt-4')
    """
    return re.sub(r"[\s_]+", "-", re.sub(r"\(.*?\)", "", name).strip().casefold())


def find_model(name: str, known: Sequence[str]) -> str | None:
    """The model that a name means: the same name, or the only dated version of it.

    Examples
    --------
    >>> find_model("gpt-4", ["GPT-4-0314", "GPT-4o"]), find_model("GPT-5", ["GPT-4-0314"])
    ('GPT-4-0314', None)
    """
    asked = short_name(name)
    same = [one for one in known if short_name(one) == asked]
    dated = [one for one in known if re.fullmatch(re.escape(asked) + r"-\d{4,8}",
                                                  short_name(one))]
    return same[0] if same else dated[0] if len(dated) == 1 else None


def scored_models(prices: pd.DataFrame | None) -> dict[str, float]:
    """MMLU of models that are sold but have no row of scores, by short name.

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
           outside: Sequence[str] = (), domain: str | None = None) -> Target:
    """What is to be matched: a model by name, a score, or an effective size; exactly one.

    A model of the fit counts with its effective size. Any other model of the tables counts with
    all its scores on benchmarks of the fit: matched is who is seen as large by these, on average.
    One that is only sold counts with its MMLU. ``domain`` counts the scores of one domain alone.

    Parameters
    ----------
    outside
        Models of the tables: those with scores can be matched, others are named in the message.

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
        return _of_score(pool, score, f"{pool.benchmark} {100 * score:.1f}%")
    assert match is not None
    name = find_model(match, pool.models)
    if name is not None and domain is None:
        return Target(name, pool.effective(name))
    name = name or find_model(match, list(outside))
    seen = pool.seen(name) if name else []
    if domain is not None:
        seen = [one for one in seen if one.domain == domain]
    if seen:
        return _of_seen(str(name), seen, domain)
    sold = scored_models(prices) if pool.benchmark == "MMLU" and domain is None else {}
    if short_name(match) in sold:
        value = sold[short_name(match)]
        return _of_score(pool, value, f"{match} (MMLU {100 * value:.1f}%)")
    if name is not None and domain is not None:
        raise InputError(Problem(f"{name} has no score of this domain on a benchmark of the fit",
                                 given=domain, allowed=", ".join(domains(pool, name)) or None))
    raise unknown("model", match, [*pool.models, *sold], outside)


def domains(pool: Pool, model: str) -> list[str]:
    """Domains of the fit's benchmarks that have seen a model."""
    return list(dict.fromkeys(one.domain for one in pool.seen(model)))


def _of_score(pool: Pool, score: float, label: str) -> Target:
    """A score of the anchored benchmark, as that benchmark sees it."""
    trend, tilt, where = pool.own_trends(0)
    return Target(label, pool.size_of_score(score), trend, tilt, **where,
                  benchmarks=(pool.benchmark,))


def _of_seen(name: str, seen: Sequence[Seen], domain: str | None) -> Target:
    """The mean of what benchmarks see."""
    rests = ", ".join(f"{one.benchmark} {100 * one.score:.1f}%" for one in seen)
    log_size, trend, tilt = (np.mean([getattr(one, part) for one in seen], axis=0)
                             for part in ("log_size", "trend", "tilt"))
    return Target(name + (f" on {domain}" if domain else ""), log_size, trend, tilt,
                  **seen[0].where, benchmarks=tuple(one.benchmark for one in seen),
                  rests_on=rests)
