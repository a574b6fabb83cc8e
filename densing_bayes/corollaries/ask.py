"""The two questions of the command line: what prices do, and when a milestone comes.

Each gives a dict for JSON and lines for people.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from densing_bayes.corollaries.capability import Scale, scale_of
from densing_bayes.corollaries.capacity import Capacity, FixedSize, Use, on_device
from densing_bayes.corollaries.chips import fit_chips
from densing_bayes.corollaries.draws import Posterior, pool
from densing_bayes.corollaries.forecast import Forecast, When, forecast, size_words, when
from densing_bayes.corollaries.prices import (
    WINDOW,
    PriceStudy,
    break_verdict,
    fit_prices,
    halving,
    split_fall,
)
from densing_bayes.corollaries.releases import first_release
from densing_bayes.corollaries.targets import domains, find_model, target
from densing_bayes.errors import InputError, Problem
from densing_bayes.intervals import Interval, summary, words_of_set
from densing_bayes.specs import ModelSpec, load_model
from densing_bayes.tables import Tables
from densing_bayes.trends import DAYS_PER_YEAR, doubling_set

FEW = 1000  # draws for first releases


def ask_forecast(posteriors: Posterior | Sequence[Posterior], tables: Tables | None, *,
                 as_of: dt.date, interval: Interval, size: float | None = None,
                 device: str | None = None, match: str | None = None,
                 score: float | None = None, effective: float | None = None,
                 date: dt.date | None = None, horizon: dt.date | None = None,
                 use: Use | None = None, seed: int | None = None,
                 progress: Callable[[str], None] = lambda step: None,
                 ) -> tuple[dict[str, Any], list[str]]:
    """A milestone: when will this size or device match that, or what fits at a date.

    Parameters
    ----------
    posteriors
        The fit, or one per regime with stacking weights.
    tables
        None where neither a device nor anything to match is asked about.
    as_of
        The day of asking; earlier dates are refused.
    size, device
        At most one: a number of parameters, or a device of hardware.csv (a kind of device such
        as 'phone' is the typical one, which grows as its trend: that takes a fit of its own).
    match, score, effective
        At most one: a model's name, a score on the anchored benchmark, an effective size.
    use
        Bits, pace and active share on a device.

    Returns
    -------
    dict, list of str
        For JSON; and lines of text.
    """
    if size is not None and device is not None:
        raise InputError(Problem("name a size or a device, not both", given=f"{size}, {device}"))
    draws = pool(posteriors)
    assumed, costs = load_model("corollaries"), load_model("costs")
    rng = np.random.default_rng(assumed.with_seed(seed).sampling.seed)
    what: Capacity | None = None
    if size is not None:
        what = FixedSize(size)
    elif device is not None:
        chips = None
        assert tables is not None
        kinds = set() if tables.hardware is None else set(tables.hardware["kind"])
        if device.strip().casefold() in kinds:
            chips = fit_chips(tables.hardware, load_model("chips").with_seed(seed),
                              progress=progress)
        what = on_device(device, tables.hardware, use or Use(), assumed=assumed, costs=costs,
                         size=draws.size, chips=chips, rng=rng)
    asked = {"match": match, "score": score, "size": effective}
    aim, known = None, {} if tables is None else {
        "prices": tables.prices, "outside": tables.models["model"].tolist()}
    if any(value is not None for value in asked.values()):
        aim = target(draws, **asked, **known)
    found = forecast(draws, what=what, match=aim, date=date, as_of=as_of, horizon=horizon)
    said = found.to_dict(interval)
    said["regimes"] = [{"name": part.name, "draws": len(index)} for part, index in draws.parts]
    first = None
    if found.when is not None and what is not None:
        few = draws.thin(FEW)
        progress("first published model")
        first = first_release(few, what, target(few, **asked, **known),
                              as_of=as_of, horizon=found.when.horizon, rng=rng)
        said["first_published"] = first.to_dict(interval)
    lines = _forecast_lines(found, first, said, aim.label if aim else "", interval)
    if match is not None and found.when is not None and what is not None:
        more, words = _by_domain(draws, what, match, found.when, known, interval)
        said["by_domain"] = more
        lines[-1:-1] = words
    if aim is not None and aim.rests_on:
        said["rests_on"] = aim.rests_on
        lines.insert(-1, f"{aim.label} counts with {aim.rests_on}.")
    return said, lines


def _by_domain(draws: Any, what: Capacity, match: str, asked: When, known: dict[str, Any],
               interval: Interval) -> tuple[dict[str, Any], list[str]]:
    """The same question by the benchmarks of one domain at a time, where there are several."""
    name = find_model(match, draws.models) or find_model(match, known["outside"])
    several = domains(draws, name) if name else []
    found, lines = {}, []
    for domain in several if len(several) > 1 else []:
        aim = target(draws, match=match, **known, domain=domain)
        one = when(draws, what, aim, as_of=asked.as_of, horizon=asked.horizon)
        found[domain] = {**one.to_dict(interval), "rests_on": aim.rests_on}
        lines.append(f"By {domain} alone ({aim.rests_on}): {one.quantile(0.5)}; already "
                     f"{one.p_already:.2f}.")
    return found, lines


def _forecast_lines(found: Forecast, first: When | None, said: dict[str, Any], label: str,
                    interval: Interval) -> list[str]:
    lines = []
    for asked, opening in ((found.when, "The frontier"), (first, "The first published model")):
        if asked is None:
            continue
        one = asked.to_dict(interval)
        lines += [
            f"{opening}: {one['date']['median']} ({interval}: {one['date']['low']} to "
            f"{one['date']['high']}); already {one['p_already']:.2f}, not before "
            f"{one['horizon']} {one['p_never_within_horizon']:.2f}."]
    if found.when is not None:
        lines.insert(0, f"{found.when.question[0].upper()}{found.when.question[1:]}")
    if found.p_by_date is not None:
        lines.append(f"Probability by {found.date}: {found.p_by_date:.2f}.")

    def words(draws: np.ndarray) -> str:
        low, middle, high = np.quantile(draws, [interval.tails[0], 0.5, interval.tails[1]],
                                        method="lower")
        return f"{size_words(middle)} ({interval}: {size_words(low)} to {size_words(high)})"

    if found.size_needed is not None:
        lines.append(f"On {found.date}, {label} takes a size of {words(found.size_needed)}.")
    if found.effective is not None:
        lines.append(f"On {found.date}, the effective size that fits is "
                     f"{words(found.effective)}.")
        matched = [name for name, p in sorted(found.p_match.items(), key=lambda item: -item[1])
                   if p >= 0.5]
        lines.append(f"It matches {len(matched)} of the {len(found.p_match)} models of the fit "
                     "with probability one half or more.")
    if len(said["regimes"]) > 1:
        lines.append("Regimes stacked: " + ", ".join(
            f"{regime['name']} ({regime['draws']} draws)" for regime in said["regimes"]) + ".")
    lines.append("Beyond the data each half year grows by a draw of its own about the average of "
                 "all half years.")
    return lines


def price_scale(tables: Tables, *, source: str | None = None, benchmark: str | None = None,
                sizes: Mapping[str, float] | None = None,
                seed: int | None = None) -> tuple[ModelSpec, Scale]:
    """The spec of family ``prices`` and the scale of capability of a question.

    Raises
    ------
    InputError
        No prices; unknown words; no scale on which enough offers stand.
    """
    if tables.prices is None:
        raise InputError(Problem("no such table, and prices need one", file="prices.csv"))
    spec = load_model("prices").with_seed(seed)
    if source is not None:
        spec = spec.with_options(source=source)
    return spec, scale_of(tables.prices, tables.scores, spec.options["source"],
                          benchmark=benchmark, sizes=sizes, fixed=source is not None)


def ask_prices(tables: Tables, *, interval: Interval, rate: Any = None,
               thresholds: Sequence[float] | None = None, source: str | None = None,
               benchmark: str | None = None, sizes: Mapping[str, float] | None = None,
               seed: int | None = None, progress: Callable[[str], None] = lambda step: None,
               ) -> tuple[dict[str, Any], list[str], PriceStudy]:
    """Falls of the price at fixed capability, and how much of the first is density.

    Parameters
    ----------
    rate
        Draws of the growth of ln density, 1/year, for the split; None leaves it out.
    thresholds
        Capabilities; by default the spec's scores on MMLU, as far as enough offers reach them.
    source, benchmark, sizes
        What they are values of: `densing_bayes.corollaries.capability.scale_of`.

    Returns
    -------
    dict, list of str, PriceStudy
        For JSON; lines of text; the fits.
    """
    spec, scale = price_scale(tables, source=source, benchmark=benchmark, sizes=sizes, seed=seed)
    study = fit_prices(tables.prices, spec, scale=scale, thresholds=thresholds, progress=progress)
    names = dict(zip(spec.options["thresholds"], spec.options["names"], strict=False))
    said: dict[str, Any] = {
        "interval": {"prob": interval.prob, "kind": interval.kind}, "passed": study.passed,
        "capability": {"scale": study.scale.what, "source": study.scale.source},
        "refused": study.refused, "cases": []}
    lines = []
    for case in study.cases:
        until = WINDOW if case.name.endswith(WINDOW) else None
        head = (f"{case.label} ("
                + (f"{names[case.threshold]}; " if case.threshold in names else "")
                + f"scores {case.source}; {case.basis}; {len(case.offers)} offers"
                + (f"; to {until})" if until else ")"))
        entry = {"threshold": case.threshold, "scores": case.source, "basis": case.basis,
                 "offers": len(case.offers), "broken": case.broken,
                 "until": until}
        for period, fall in case.falls.items():
            entry[period] = found = halving(fall, interval)
            s = found["fall_per_year"]
            per_day = np.array([-s["high"], -s["low"]]) / DAYS_PER_YEAR
            lines.append(
                f"{head}{'' if period == 'throughout' else f', {period} a break'}: ln price "
                f"falls by {s['median']:.2f} [{s['low']:.2f}, {s['high']:.2f}] per year "
                f"({interval}): {words_of_set(doubling_set(*per_day), 'months')}.")
        if case.broken:
            entry["break"] = verdict = break_verdict(case)
            lines.append(f"  slower after the break with probability {verdict['p_slower']:.2f}; "
                         f"odds of no break multiplied by {verdict['odds_of_none']:.1f}.")
        said["cases"].append(entry)
    if study.refused:
        lines.append("Left out, for their draws do not represent the posterior: "
                     + ", ".join(study.refused) + ".")
    if rate is not None:
        said["density_and_rest"], more = _split(study, rate, interval)
        lines += more
    return said, lines, study


def _split(study: PriceStudy, rate: Any, interval: Interval) -> tuple[dict[str, Any], list[str]]:
    """Density's part of the fall at the first threshold, chips left in the rest."""
    first = study.main
    rng = np.random.default_rng(study.spec.sampling.seed)
    parts = split_fall(first.draws["fall"], rate, np.zeros(1), rng)
    s = {name: summary(parts[name], interval) for name in ("fall", "density", "rest")}
    s["rest"]["p_negative"] = float((parts["rest"] < 0).mean())
    line = (f"At {first.label}: density grows by {s['density']['median']:.2f} "
            f"[{s['density']['low']:.2f}, {s['density']['high']:.2f}] per year; the rest of the "
            f"price's fall (chips, margins, competition) is {s['rest']['median']:.2f} "
            f"[{s['rest']['low']:.2f}, {s['rest']['high']:.2f}] per year ({interval}), negative "
            f"with probability {s['rest']['p_negative']:.2f}.")
    return s, [line]
