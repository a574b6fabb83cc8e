"""Questions put to a series: its verdict, and how that depends on the source believed."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from densing_bayes.breakpoints.columns import Columns, series_from
from densing_bayes.breakpoints.designs import check_breaks, regimes_for
from densing_bayes.breakpoints.evidence import (
    RULE,
    leave_future_out,
    leave_one_out,
    middle_kink,
    over_rivals,
    over_widths,
    power,
)
from densing_bayes.breakpoints.fits import Fit, fit, fit_all
from densing_bayes.breakpoints.ratios import ratio_summary
from densing_bayes.breakpoints.series import Series, check
from densing_bayes.breakpoints.verdict import Verdict, judged
from densing_bayes.errors import Problem, SpecError, TableError
from densing_bayes.intervals import summary
from densing_bayes.specs import ModelSpec, load_model


def judge(series: Series, *, breaks: Sequence[str] = (), spec: ModelSpec | None = None,
          seed: int | None = None, progress: Callable[[str], None] | None = None) -> Verdict:
    """The verdict on a series.

    Parameters
    ----------
    breaks
        Dates at which the rate is suspected to have changed: each is tried alone, and several
        as a sequence of changes. Without any the date is unknown.
    spec
        Of family ``series``; by default the shelf's.

    Raises
    ------
    TableError
        Where no trend can be drawn through the series.
    SpecError
        Where the spec is of another family.
    """
    problems = check(series)
    if problems:
        raise TableError(problems)
    days = tuple(check_breaks(breaks))
    spec = spec or load_model("series")
    if spec.family != "series":
        raise SpecError(Problem("the spec is of another family", file=f"{spec.name}.toml",
                                given=spec.family, allowed="series"))
    spec = spec.with_options(likelihood=series.kind).with_seed(seed)
    say = progress or (lambda text: None)
    timing: dict[str, float] = {}

    def timed(step: str, work: Callable[[], Any]) -> Any:
        say(step)
        began = clock.perf_counter()
        done = work()
        timing[step] = clock.perf_counter() - began
        return done

    regimes = regimes_for(series, days)
    fits = timed("regimes", lambda: fit_all(series, regimes, spec))
    kink = judged(fits)
    curve = timed("evidence", lambda: over_widths(kink, fits["constant"]))
    loo, notes = timed("leave one out", lambda: leave_one_out(fits))
    lfo = timed("leave future out",
                lambda: leave_future_out(series, regimes, spec, progress))
    known = kink if days else fit(series, middle_kink(series), spec)
    able = timed("power", lambda: power(known, kink.regime))
    return Verdict(series, spec, fits, days, loo, notes, lfo, curve, able, timing)


def regimes(frame: pd.DataFrame, date: str = "date", value: str = "value", *,
            breaks: Sequence[str] = (), seed: int | None = None,
            progress: Callable[[str], None] | None = None, **columns: Any) -> Verdict:
    """The verdict on a table's series: whether its rate changed, and how sure one can be.

    Parameters
    ----------
    frame
        The table.
    date, value
        Names of its columns.
    breaks
        Dates of suspected changes; none to look for one.
    columns
        Further fields of `densing_bayes.breakpoints.columns.Columns`: ``sd``, ``sd_scale``,
        ``low``, ``high``, ``prob``, ``log``, ``kind``, ``lower_is_better``, ``end``.

    Returns
    -------
    Verdict
        With ``text``, ``table``, ``plot()`` and ``summary()``; each regime's posterior is
        ``fits[name].tree``.

    Examples
    --------
    ``regimes(frame, "release_date", "p50", log=True, breaks=["2024-01-01"]).text``
    """
    return judge(series_from(frame, Columns(date, value, **columns)), breaks=breaks, seed=seed,
                 progress=progress)


def compare_sources(alternatives: Mapping[str, Series], *, breaks: Sequence[str] = (),
                    spec: ModelSpec | None = None) -> pd.DataFrame:
    """How the verdict depends on which source is believed: one row per version of a series.

    Only the regimes that the rule needs are fitted, so a version costs a second or two.

    Returns
    -------
    DataFrame
        Indexed by the names given: rates before and after (per year) with intervals, ratio,
        P(acceleration), evidence for a change over none, claim.
    """
    base = spec or load_model("series")
    days = check_breaks(breaks)
    rows = {}
    for name, series in alternatives.items():
        problems = check(series)
        if problems:
            raise TableError(problems)
        found, ratio = judge_kink(series, days, base)
        before, after = found.before_after
        interval = base.interval
        both = {"before": summary(before, interval), "after": summary(after, interval),
                "ratio": ratio_summary(before, after, interval)}
        p_up = float((after > before).mean())
        rows[name] = {
            "points": len(series),
            **{f"{part}_{key}": value[key] for part, value in both.items()
               for key in ("median", "low", "high")},
            "p_acceleration": p_up, "savage_dickey": ratio, "claim": RULE.claim(ratio, p_up),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def judge_kink(series: Series, days: Sequence[float], spec: ModelSpec) -> tuple[Fit, float]:
    """The fit of one change, and its evidence over the strongest regime without a change."""
    spec = spec.with_options(likelihood=series.kind)
    wanted = "kink" if len(days) == 1 else "kink_unknown"
    regimes = [one for one in regimes_for(series, days)
               if one.name in ("constant", "step", wanted)]
    fits = fit_all(series, regimes, spec)
    rivals = over_rivals(fits, [wanted])
    if rivals is not None:
        return fits[wanted], rivals[0]
    return fits[wanted], float(over_widths(fits[wanted], fits["constant"], [1.0])["ratio"].iloc[0])
