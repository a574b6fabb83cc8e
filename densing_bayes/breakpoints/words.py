"""The verdict in plain words: every sentence is made of numbers of the verdict."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from densing_bayes.breakpoints.evidence import RULE
from densing_bayes.breakpoints.series import as_date
from densing_bayes.intervals import Interval, growth_summary, summary, words_of_set
from densing_bayes.trends import DAYS_PER_YEAR, doubling_time

if TYPE_CHECKING:
    from densing_bayes.breakpoints.fits import Fit
    from densing_bayes.breakpoints.verdict import Verdict


def number(value: float, digits: int = 3) -> str:
    """A number in words of three significant digits, infinity spelled out.

    Examples
    --------
    >>> number(0.012345), number(1234.5), number(2.5e30), number(float("inf"))
    ('0.0123', '1,230', '2.5e+30', 'infinite')
    """
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits}g}")
    if not 1e-9 < abs(rounded) < 1e15:
        return f"{rounded:g}"
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
    """The rate over the whole series and at its end, then what doubles or halves."""
    series, interval = verdict.series, verdict.interval
    per_year, now = (summary(draws, interval) for draws in (verdict.mean_rate, verdict.rate_now))
    p_growth = float((verdict.mean_rate > 0).mean())
    unit = "e-folds" if series.log else "units"
    text = (
        f"From {series.dates[0]} to {series.dates[-1]} the rate of '{series.name}' ({len(series)} "
        f"points) is {span(per_year)} {unit} per year ({interval}), "
        f"{number(per_year['median'] / DAYS_PER_YEAR)} per day, as its mean over the series "
        f"and over all regimes that are not rejected; P(growth) = {p_growth:.3f}")
    text += f"; {times(verdict.mean_rate, interval)}." if series.log else "."
    return f"{text} At the last point it is {span(now)} per year" + (
        f": {times(verdict.rate_now, interval)}." if series.log else ".")


def regime_words(verdict: Verdict) -> str:
    """Which regimes are likely, and which are rejected by which odds."""
    chance = verdict.probabilities
    if chance is None:
        return ("How likely each regime is cannot be told here (their points share an error, or "
                "chains had to be used); the table compares how they predict.")
    best = chance.sort_values(ascending=False)
    title: dict[Any, str] = {name: found.regime.title for name, found in verdict.fits.items()}
    likely = [f"{title[name]} ({p:.2f})" for name, p in best.items() if p >= 0.1][:4]
    text = (f"Of {len(best)} regimes, as likely as one another beforehand, the likeliest "
            f"{'are' if len(likely) > 1 else 'is'}: " + ", ".join(likely) + ".")
    out = [f"{title[name]} ({number(best.iloc[0] / best[name])} : 1 against it)" if
           best[name] > best.iloc[0] / 1e6 else f"{title[name]} (beyond 1,000,000 : 1 against it)"
           for name in best.index if name in verdict.rejected]
    if out:
        text += (" Rejected, and in no headline: " + ", ".join(out) + ", each beside the "
                 "likeliest.")
    return text


def change_words(verdict: Verdict) -> str:
    """Rates before and after, their ratio, and the probability of an acceleration."""
    found = verdict.breakpoint(verdict.kink)
    when = (f"{found['date']} (given)" if found["date_given"] else
            f"{found['date']} (unknown; {verdict.interval} {found['date_interval'][0]} to "
            f"{found['date_interval'][1]})")
    if verdict.outside:
        return (f"The data cannot tell what happened at {when}: {verdict.outside}. What is "
                "printed for that side is the prior.")
    fall = "" if verdict.direction > 0 else "; the series falls, so faster means a faster fall"
    text = (f"If the rate changed once, at {when}, it was {span(found['rate_before'])} per year "
            f"before and {span(found['rate_after'])} after, a ratio of {span(found['ratio'])}; "
            f"P(acceleration) = {found['p_acceleration']:.3f}{fall}.")
    twice = verdict.twice
    if twice is not None and verdict.probabilities is not None and (
            verdict.probabilities[twice.regime.name] > verdict.probabilities[
                verdict.kink.regime.name]):
        text += " Two changes are likelier than one: " + segment_words(twice, verdict.interval)
    return text


def segment_words(found: Fit, interval: Interval) -> str:
    """Rates between the changes of a sequence of kinks."""
    base = found.before_after[0] / found.units.per_year
    steps = np.concatenate([np.zeros((len(base), 1)), found.draws["sizes"].cumsum(axis=1)], axis=1)
    rates = found.units.per_year * (base[:, None] + steps)
    at = np.array([sorted(candidate) for candidate in found.design.candidates])[found.pick]
    days = found.units.first + (np.median(at, axis=0) + 0.5) * found.units.span
    parts = [f"{span(summary(rate, interval))} per year" + (
        f" until {as_date(day)}" if day is not None else " after")
        for rate, day in zip(rates.T, [*days, None], strict=True)]
    return ", ".join(parts) + "."


def evidence_words(verdict: Verdict) -> str:
    """Marginal likelihoods, LOO and leave-future-out, with what makes them unreliable."""
    name, rival = verdict.kink.regime.name, verdict.rival.regime.title
    curve: Any = verdict.curve
    top: Any = curve.loc[curve["ratio"].idxmax()]
    width: Any = curve.loc[(curve["width"] - 1).abs().idxmin(), "width_per_year"]
    many = "a change of any kind" if not verdict.breaks else "a change at the given date" + (
        "s" * (len(verdict.breaks) > 1))
    text = [f"The evidence is {odds(verdict.ratio)} {many}, beside the strongest regime without "
            f"one ({rival}).",
            f"Of one change alone beside a constant rate (Savage-Dickey) it is "
            f"{odds(verdict.savage_dickey)} it when changes of {number(width)} per year are "
            f"ordinary (prior sd). At the width that suits a change best "
            f"({number(top['width_per_year'])}) it is {odds(top['ratio'])} it."]
    loo: Any = verdict.loo.loc[name]
    text.append(f"Predicting left-out points, one change scores {number(loo['elpd_diff'])} (se "
                f"{number(loo['se'])}) over a constant rate in elpd by leaving one out")
    if verdict.lfo is None:
        text[-1] += "; the series is too short to predict its second half from its first."
    else:
        lfo: Any = verdict.lfo.loc[name]
        count = len(verdict.lfo.attrs["each"][name])
        text[-1] += (f", {number(lfo['elpd_diff'])} (se {number(lfo['se'])}) predicting the last "
                     f"{count} {'dates' if verdict.series.kind == 'all' else 'points'} from "
                     "earlier ones.")
    if verdict.loo_notes:
        text.append("Mind: " + "; ".join(verdict.loo_notes) + ".")
    return " ".join(text)


def odds(ratio: float) -> str:
    """A Bayes factor as odds for or against.

    Examples
    --------
    >>> odds(12.3), odds(0.25), odds(1e6)
    ('12.3 : 1 for', '4.00 : 1 against', 'beyond 1,000,000 : 1 for')
    """
    side, size = ("for", ratio) if ratio >= 1 else ("against", 1 / max(ratio, 1e-300))
    return f"beyond {number(1e6)} : 1 {side}" if size >= 1e6 else f"{number(size)} : 1 {side}"


def power_words(verdict: Verdict) -> str:
    """The smallest change that would have been shown."""
    able = verdict.power
    if verdict.outside:
        return "No change at that date, however large, could be shown by these data."
    if math.isinf(able.smallest):
        return "These data could not have shown a change of any size."
    typical = abs(np.median(verdict.mean_rate))
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
    claim = verdict.claim
    if claim in ("faster", "slower"):
        return (f"{rule} the rate became {claim}: {between} remain possible "
                f"({verdict.interval}), so quote the interval, not the median alone. Plan with "
                "the rate at the last point and the stacked forecast, not with a constant rate.")
    if claim == "both":
        return (f"{rule} the rate was not constant, and not in one direction: it changed twice, "
                "once either way. Plan with the rate at the last point and the stacked forecast, "
                "not with a constant rate.")
    if verdict.outside:
        return (f"{rule} nothing is claimed: say neither that the rate changed there nor that it "
                "did not.")
    gain = verdict.gain_ahead
    if verdict.ratio >= RULE.ratio and gain is not None and gain <= RULE.worst:
        why = (f" The evidence alone would do, but one change predicts later points worse by "
               f"{number(-gain)} in elpd.")
    elif verdict.ratio >= RULE.ratio:
        why = " The evidence is for some change, but its direction is not clear."
    elif verdict.ratio <= 1 / RULE.ratio:
        why = (f" These data favour the strongest regime without a change "
               f"({verdict.rival.regime.title}).")
    else:
        why = ""
    plan = ("the mean rate over the regimes" if "constant" in verdict.rejected else
            "the mean rate")
    return (f"{rule} no change of rate is claimed: say neither that the rate changed nor that it "
            f"did not; {between} are compatible with these data ({verdict.interval}).{why} Plan "
            f"with {plan} and with the stacked forecast side by side.")


def notes(verdict: Verdict) -> list[str]:
    """What a reader should know of how the points were read and treated."""
    series = verdict.series
    found = list(series.notes)
    if series.widths is not None:
        count = int((series.widths > 0).sum())
        found.append(f"{count} of {len(series)} dates are months, quarters or years: each is taken "
                     "to lie anywhere in its own")
    if series.kind != "all":
        told = "as told" if series.lower_is_better is not None else "by the sign of the trend"
        found.append(f"the good side is the {'low' if series.falls else 'high'} one ({told})")
    spread = verdict.constant.spread
    if spread is not None and spread.any():
        far = np.flatnonzero(spread)
        back = np.exp if series.log else np.asarray
        some = ", ".join(f"{number(float(back(series.values[i])))} of {series.dates[i]}"
                         for i in far[:5])
        found.append(f"{len(far)} point{'s' * (len(far) > 1)} so far off that "
                     f"{'they count' if len(far) > 1 else 'it counts'} for little: {some}"
                     + (" and more" if len(far) > 5 else ""))
    return found


def advice(verdict: Verdict) -> list[str]:
    """The sentences of the advice, in the order of the argument."""
    found = [rate_words(verdict), regime_words(verdict), change_words(verdict),
             evidence_words(verdict), power_words(verdict), verdict_words(verdict)]
    told = notes(verdict)
    return [*found, "How the points were read: " + "; ".join(told) + "."] if told else found


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
