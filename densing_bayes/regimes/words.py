"""The verdict in plain words: every sentence is made of numbers of the verdict."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from densing_bayes.intervals import Interval, growth_summary, summary, words_of_set
from densing_bayes.regimes.evidence import RULE
from densing_bayes.regimes.series import as_date
from densing_bayes.trends import DAYS_PER_YEAR, doubling_time

if TYPE_CHECKING:
    from densing_bayes.regimes.verdict import Verdict


def number(value: float, digits: int = 3) -> str:
    """A number in words of three significant digits, infinity spelled out.

    Examples
    --------
    >>> number(0.012345), number(1234.5), number(float("inf"))
    ('0.0123', '1,230', 'infinite')
    """
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits}g}")
    places = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:,.{places}f}"


def span(numbers: dict[str, Any]) -> str:
    """Median and interval, e.g. ``1.37 (0.54 to 4.55)``."""
    return (f"{number(numbers['median'])} ({number(numbers['low'])} to "
            f"{number(numbers['high'])})")


def times(rate_per_year: Any, interval: Interval) -> str:
    """The doubling or halving time of a rate, as the set that its interval stands for."""
    found = growth_summary(rate_per_year, interval)["doubling_time_days"]
    median, parts = found["median"], found["set"]
    if len(parts) == 1 and np.isfinite(parts[0]).all():
        word = "doubles" if median > 0 else "halves"
        return f"it {word} in {abs(median):,.0f} days ({words_of_set(parts)})"
    return f"doubling time: {words_of_set(parts)}"


def rate_words(verdict: Verdict) -> str:
    """The rate over the whole series, then its doubling time."""
    series, interval = verdict.series, verdict.interval
    draws = verdict.constant.mean_rate
    per_year = summary(draws, interval)
    p_growth = float((draws > 0).mean())
    unit = "e-folds" if series.log else "units"
    text = (
        f"From {series.dates[0]} to {series.dates[-1]} the rate of '{series.name}' ({len(series)} "
        f"points) is {span(per_year)} {unit} per year ({interval}), "
        f"{number(per_year['median'] / DAYS_PER_YEAR)} per day, if it was constant; "
        f"P(growth) = {p_growth:.3f}")
    if series.log:
        return f"{text}; {times(draws, interval)}."
    return f"{text}; if the values are natural logarithms, {times(draws, interval)}."


def change_words(verdict: Verdict) -> str:
    """Rates before and after, their ratio, and the probability of an acceleration."""
    from densing_bayes.regimes.verdict import ratio_summary

    interval = verdict.interval
    before, after = verdict.kink.before_after
    days = verdict.kink.change_days
    low, high = (as_date(day) for day in interval.of(days))
    when = (f"{as_date(verdict.break_day)} (given)" if verdict.break_day is not None else
            f"{as_date(float(np.median(days)))} (unknown; {interval} {low} to {high})")
    if verdict.outside:
        return (f"The data cannot tell what happened at {when}: {verdict.outside}. What is "
                "printed for that side is the prior.")
    ratio = ratio_summary(before, after, interval)
    fall = "" if verdict.direction > 0 else "; the series falls, so faster means a faster fall"
    return (
        f"If the rate changed once, at {when}, it was {span(summary(before, interval))} per year "
        f"before and {span(summary(after, interval))} after, a ratio of {span(ratio)}; "
        f"P(acceleration) = {verdict.p_acceleration:.3f}{fall}.")


def evidence_words(verdict: Verdict) -> str:
    """Savage-Dickey, LOO and leave-future-out, with what makes them unreliable."""
    name = verdict.kink.regime.name
    ratio, curve = verdict.ratio, verdict.curve
    top = curve.loc[curve["ratio"].idxmax()]
    width = curve.loc[(curve["width"] - 1).abs().idxmin(), "width_per_year"]
    side = f"{odds(ratio)} for a change" if ratio >= 1 else f"{odds(1 / ratio)} against a change"
    text = [f"The Savage-Dickey ratio is {side} when changes of {number(width)} per year are "
            f"ordinary (prior sd), and {odds(top['ratio'])} at the width that suits a change "
            f"best ({number(top['width_per_year'])})."]
    loo = verdict.loo.loc[name]
    text.append(f"Predicting left-out points, a change scores {number(loo['elpd_diff'])} (se "
                f"{number(loo['se'])}) over a constant rate in elpd by PSIS-LOO")
    if verdict.lfo is None:
        text[-1] += "; the series is too short to predict its second half from its first."
    else:
        lfo = verdict.lfo.loc[name]
        count = len(verdict.lfo.attrs["each"][name])
        text[-1] += (f", {number(lfo['elpd_diff'])} (se {number(lfo['se'])}) predicting "
                     f"{count} later points from earlier ones.")
    if verdict.loo_notes:
        text.append("Mind: " + "; ".join(verdict.loo_notes) + ".")
    return " ".join(text)


def odds(ratio: float) -> str:
    """A Bayes factor as odds.

    Examples
    --------
    >>> odds(12.3), odds(1e6)
    ('12.3 : 1', 'beyond 1,000,000 : 1')
    """
    return f"beyond {number(ratio)} : 1" if ratio >= 1e6 else f"{number(ratio)} : 1"


def power_words(verdict: Verdict) -> str:
    """The smallest change that would have been shown."""
    able = verdict.power
    if verdict.outside:
        return "No change at that date, however large, could be shown by these data."
    if math.isinf(able.smallest):
        return "These data could not have shown a change of any size."
    typical = abs(np.median(verdict.constant.mean_rate))
    text = (f"A change at {as_date(able.day)} had to reach {number(able.smallest)} per year to be "
            f"shown with probability {able.probability:g} (simulated from this design)")
    if typical > 0 and able.smallest / typical < 20:
        text += f", {number(able.smallest / typical, 2)} times the mean rate"
    return text + "."


def verdict_words(verdict: Verdict) -> str:
    """What may be said and what may not, by the rule."""
    before, after = verdict.kink.before_after
    change = summary(after - before, verdict.interval)
    rule = f"By the rule of this report ({RULE})"
    between = (f"changes of the rate between {number(change['low'])} and "
               f"{number(change['high'])} per year")
    if verdict.claim != "undecided":
        return (f"{rule} the rate became {verdict.claim}: {between} remain possible "
                f"({verdict.interval}), so quote the interval, not the median alone.")
    if verdict.outside:
        return (f"{rule} nothing is claimed: say neither that the rate changed there nor that it "
                "did not.")
    against = (" These data favour a constant rate over a change of that size."
               if verdict.ratio <= 1 / RULE.ratio else "")
    return (f"{rule} no change is claimed: say neither that the rate changed nor that it did not; "
            f"{between} are compatible with these data ({verdict.interval}).{against} Plan with "
            "the constant rate and with the stacked forecast side by side.")


def advice(verdict: Verdict) -> list[str]:
    """The sentences of the advice, in the order of the argument."""
    return [rate_words(verdict), change_words(verdict), evidence_words(verdict),
            power_words(verdict), verdict_words(verdict)]


def doubling_words(rate_per_year: float) -> str:
    """A rate's doubling or halving time in days, for one row of a table.

    Examples
    --------
    >>> doubling_words(2.53), doubling_words(-2.53)
    ('100', 'halves in 100')
    """
    days = float(doubling_time(rate_per_year / DAYS_PER_YEAR))
    if math.isinf(days):
        return "no change"
    return f"{days:,.0f}" if days > 0 else f"halves in {-days:,.0f}"
