"""Section of a report: growth regimes of a series, with the verdict card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from densing_bayes.breakpoints import words
from densing_bayes.breakpoints.drawing import PATHS, POINTS, series_picture
from densing_bayes.breakpoints.evidence import RULE
from densing_bayes.breakpoints.ratios import ratio_summary
from densing_bayes.breakpoints.series import as_date
from densing_bayes.breakpoints.verdict import Verdict
from densing_bayes.intervals import growth_summary, summary, words_of_set
from densing_bayes.outputs import counted
from densing_bayes.questions.regimes import Regimes
from densing_bayes.reports import Picture, Section, Table, write_report

if TYPE_CHECKING:
    from densing_bayes.breakpoints.densities import Densities
    from densing_bayes.context import Context

def of_densities(context: Context, found: Regimes) -> Section:
    """The section of the main report: did growth of density change at ChatGPT?"""
    made, models = section(found), found.densities
    assert models is not None
    return replace(made, title="The same question by another route", text=[
        _answer(found.verdict), _early_words(context, models), *made.text],
                   summary=made.summary | {"regimes_series": found.verdict.summary()["series"] | {
                       "models": models.models, "early": models.early,
                       "unplaced": models.unplaced}})


def _answer(verdict: Verdict) -> str:
    """What the cross-check says, in two sentences."""
    kink = verdict.breakpoint(verdict.kink)
    before, after = kink["rate_before"], kink["rate_after"]
    said = {"faster": "the rate became faster", "slower": "the rate became slower",
            "both": "the rate changed twice, once either way"}.get(
        verdict.claim, "no change of the rate is claimed, nor that there was none")
    return (f"A cross-check in two stages, by releases of families and regimes of growth compared: "
            f"{said}. If the rate changed once, at {kink['date']}, it was "
            f"{before['median']:.2f} per year before ({verdict.interval}: {before['low']:.2f} to "
            f"{before['high']:.2f}) and {after['median']:.2f} after ({after['low']:.2f} to "
            f"{after['high']:.2f}).")


def _early_words(context: Context, found: Densities) -> str:
    """What stands before the break, and what the paper said of it."""
    published = {row["quantity"]: row["value"] for row in context.published("densing-rate")}
    before, after = (published.get(f"densing-rate-{side}-chatgpt", 0)
                     for side in ("before", "after"))
    text = ""
    if before > 0 and after > 0:
        text = (f"The paper has the rate rise from {before:g} to {after:g} per day at ChatGPT, on "
                "MMLU with eight models before it, without an interval. ")
    early = (f" and {counted(len(found.early), 'early one')} ({', '.join(found.early)}), whose "
             f"sizes are read off the fitted curve of {found.benchmark} alone, so that the main "
             "fit's frontier has no say in them"
             if found.early else " (no early ones have a score)")
    text += (f"The series here has the later models of the fit{early}. "
             f"Its {counted(len(found.series), 'point')} "
             f"are releases of families, each the mean ln density of what it brought, since "
             "siblings are no independent evidence; so its rate is that of the best families, "
             "each counted once, and need not be that of the main fit, which weighs every model. "
             "The error that all models share through the ruler is carried into the rates, not "
             "corrected by them.")
    if found.unplaced:
        text += (f" {counted(len(found.unplaced), 'early model')} scored too near to guessing "
                 "to be placed and left out here; the main fit counts them as what they are: low.")
    return text


def section(asked: Regimes) -> Section:
    """Growth regimes of a series."""
    verdict, coming, sources = asked.verdict, asked.forecast, asked.sources
    found = verdict.summary()
    text = [*words.advice(verdict), _reading(verdict)]
    if not verdict.passed:
        text.append("The diagnostics gate refused " + ", ".join(verdict.diagnostics["refused"])
                    + ": do not quote these regimes.")
    tables = [_card(verdict), _regimes(verdict), _forecast(verdict, coming)]
    if sources is not None:
        tables.append(_sources(verdict, sources))
        text.append(_sources_words(sources))
    return Section(
        key="regimes", title="Growth regimes: did the rate change?", text=text, tables=tables,
        pictures=pictures(verdict),
        summary={"breakpoint": found["breakpoint"], "regimes": found["regimes"],
                 "regimes_forecast": coming},
    )


def report(asked: Regimes, told: Section, out: Path,
           progress: Callable[[str], None] = lambda step: None) -> Path:
    """The answer as a folder: page, PDF, summary.json, figures, tables, and draws.

    ``fit.nc`` has the posterior of every regime as a tree: a group per regime, with ArviZ's
    groups in it.
    """
    from densing_bayes.fitting import provenance  # imports PyMC, which nothing else here needs

    verdict, spec = asked.verdict, asked.verdict.spec
    found = verdict.summary() | {
        "spec": spec.name, "spec_hash": spec.hash, "seed": spec.sampling.seed,
        "data": asked.checksums}
    title = f"Growth regimes of {verdict.series.name}"
    refused = None if verdict.passed else (
        "The diagnostics gate refused " + ", ".join(verdict.diagnostics["refused"])
        + ": nothing here is a result.")
    own = {key: value for key, value in found.items() if key not in told.summary}
    return write_report(
        out, title=title, headline=[*words.advice(verdict)[:2], words.verdict_words(verdict)],
        sections=[told], summary=own, provenance=provenance(spec, asked.checksums), refused=refused,
        fit_saver=verdict.save, progress=progress)


def _reading(verdict: Verdict) -> str:
    """How the points were chosen, and what the fit does about it."""
    kind = {
        "all": "Every point is taken as given, scattered on both sides of the trend. What a point "
               "deviates by may last: fade in time, or stay for good as in a random walk with "
               "drift (Farmer and Lafond 2016). Points of one date share what lasts, so their "
               "order says nothing. All is integrated exactly.",
        "frontier": "Every point is given, and the trend is a frontier: points fall short of it "
                    "by a gap (half-normal) and scatter about it (normal).",
        "records": "Only points that beat all earlier ones are given. The fit knows this: each "
                   "record counts with its density, each silence with the probability that no "
                   "candidate passed the standing record, for a crowd of unknown size that may "
                   "grow, at a rate that has a prior and is integrated out. The rate told is that "
                   "of the candidates: part of the records' own rate is the crowd's.",
    }[verdict.series.kind]
    series = verdict.series
    if series.kind == "records":
        kind += (f" No further record is known until {series.end}." if series.end is not None else
                 " Until when no further record was seen is not given: the next is taken to be "
                 "just due, a mean gap after the last (a known date says more).")
    ahead = "leave-one-out" if verdict.lfo is None else "leave-future-out"
    mixed = ("the regimes' posterior probabilities" if verdict.probabilities is not None else
             "weights that maximise the leave-one-out score")
    return (f"{kind} The regimes share one model and differ in the columns of the rate; the mean "
            "rate has the same prior in all. Stacked quantities mix their draws by "
            f"{mixed}; forecasts by weights that maximise the {ahead} score, averaged over a "
            "Bayesian bootstrap of the points. Rejected regimes have no weight.")


def _card(verdict: Verdict) -> Table:
    """The verdict card: rates first, then what follows."""
    interval = verdict.interval
    before, after = verdict.kink.before_after
    unit = "1/year" if verdict.series.log else "units/year"

    def row(name: str, draws: Any) -> dict[str, Any]:
        values, growth = summary(draws, interval), growth_summary(draws, interval)
        return {"quantity": name, "median": values["median"], "low": values["low"],
                "high": values["high"], "unit": unit,
                "doubling time (days)": words_of_set(growth["doubling_time_days"]["set"])
                if verdict.series.log else ""}

    ratio = ratio_summary(before, after, interval)
    rows = [
        row("mean rate, stacked", verdict.mean_rate),
        row("rate at the last point, stacked", verdict.rate_now),
        row("mean rate if constant" + (" (rejected)" if "constant" in verdict.rejected else ""),
            verdict.constant.mean_rate),
        row("rate before one change", before), row("rate after it", after),
        {"quantity": "ratio after : before", **{key: ratio[key] for key in
                                                ("median", "low", "high")}, "unit": "1"},
        {"quantity": "P(acceleration)", "median": verdict.p_acceleration, "unit": "1"},
        {"quantity": f"evidence for a change over {verdict.rival.regime.title}",
         "median": verdict.ratio, "unit": "1"},
        {"quantity": f"smallest change shown with probability {verdict.power.probability:g}",
         "median": verdict.power.smallest, "unit": unit},
        {"quantity": "false alarms of the rule on such data (simulated)",
         "median": verdict.power.false_alarms, "unit": "1"},
    ]
    columns = ["quantity", "median", "low", "high", "unit", "doubling time (days)"]
    frame = pd.DataFrame(rows).reindex(columns=columns)
    frame["doubling time (days)"] = frame["doubling time (days)"].fillna("")
    if not verdict.series.log:
        frame = frame.drop(columns="doubling time (days)")
    return Table(
        "regimes-verdict", f"Verdict card: median and {interval}.", frame,
        dict.fromkeys(("median", "low", "high"), "{:.3g}"),
        note=f"A change is claimed at {RULE}. Here: {verdict.claim}. Probabilities, evidence "
             "and power have no interval.")


def _regimes(verdict: Verdict) -> Table:
    """One row per regime: probability, predictive scores and weights, rates."""
    rows = []
    for one in verdict.regime_table():
        rows.append({
            "regime": one["title"], "probability": one["probability"],
            "rejected": "rejected" if one["rejected"] else "", "elpd (LOO)": one["elpd"],
            "difference (LOO)": one["elpd_diff"], "se (LOO)": one["se"],
            "weight (LOO)": one["weight"], "largest Pareto k": one.get("pareto_k_max"),
            "difference (LFO)": one.get("lfo_elpd_diff"), "se (LFO)": one.get("lfo_se"),
            "weight (LFO)": one.get("lfo_weight"),
            "rate before (1/year)": one["rate_before"]["median"],
            "rate after (1/year)": one["rate_after"]["median"],
            "P(acceleration)": one["p_acceleration"],
        })
    frame = pd.DataFrame(rows).dropna(axis=1, how="all")
    formats = {name: "{:.1f}" for name in frame if "elpd" in name or "(L" in name}
    formats |= {name: "{:.2f}" for name in frame
                if name.startswith(("prob", "weight", "largest", "rate", "P(", "se", "diff"))}
    note = ("Probabilities are posterior, regimes being as likely as one another beforehand."
            if verdict.probabilities is not None else "")
    if verdict.loo_notes:
        note = f"{note} {'. '.join(verdict.loo_notes)}.".strip()
    return Table(
        "regimes", "Regimes: posterior probability, and expected log predictive density by "
        "leave-one-out (LOO) and by leave-future-out (LFO), each as difference to the constant "
        "rate, with stacking weights.", frame, formats, note=note)


def _forecast(verdict: Verdict, coming: list[dict[str, Any]]) -> Table:
    """The stacked forecast."""
    trend = PATHS[verdict.series.kind]
    frame = pd.DataFrame([
        {"months ahead": one["months"], "date": str(one["date"]),
         trend: words.span(one["trend"]), "a new point": words.span(one["point"])}
        for one in coming])
    return Table(
        "regimes-forecast", f"Forecast of {verdict.series.name} by the stacked regimes: median "
        f"and {verdict.interval}.", frame,
        note="No regime foresees a change that has not begun; the random walk goes on wandering, "
             "and so do deviations that stay.")


def _sources(verdict: Verdict, sources: pd.DataFrame) -> Table:
    frame = pd.DataFrame({
        "source believed": sources.index, "points": sources["points"].to_numpy(),
        **{f"{words_} (1/year)" if part != "ratio" else "ratio": [
            words.span({key: row[f"{part}_{key}"] for key in ("median", "low", "high")})
            for _, row in sources.iterrows()]
           for part, words_ in (("before", "rate before"), ("after", "rate after"),
                                ("ratio", "ratio"))},
        "P(acceleration)": sources["p_acceleration"].to_numpy(),
        "evidence for a change": sources["savage_dickey"].to_numpy(),
        "claim": sources["claim"].to_numpy(),
    })
    return Table("regimes-sources", "How the verdict depends on the source that is believed: "
                 f"median and {verdict.interval}.", frame,
                 {"P(acceleration)": "{:.3f}", "evidence for a change": "{:.3g}"})


def _sources_words(sources: pd.DataFrame) -> str:
    """Whether any choice of sources would change the claim."""
    claims = sorted(set(sources["claim"]))
    low, high = sources["p_acceleration"].min(), sources["p_acceleration"].max()
    if len(sources) == 1:
        return "No score of the series is disputed between sources, so none can change the claim."
    text = (f"Over {len(sources)} choices of disputed sources P(acceleration) lies between "
            f"{low:.3f} and {high:.3f}, the evidence for a change between "
            f"{words.number(sources['savage_dickey'].min())} and "
            f"{words.number(sources['savage_dickey'].max())}")
    if len(claims) == 1:
        return f"{text}; the claim is the same with each ({claims[0]})."
    return f"{text}; the claim depends on the choice ({', '.join(claims)}), so none is safe."


def pictures(verdict: Verdict) -> list[Picture]:
    """The series with its paths, the date of a change, the rate over time, the evidence."""
    series, interval = verdict.series, verdict.interval
    days = np.linspace(series.days[0], series.days[-1], POINTS)
    dates = days.round().astype("datetime64[D]")
    unit = "1/year" if series.log else "units/year"
    unknown = verdict.fits["kink_unknown"]
    rates = verdict.stacked(lambda fit: fit.rate(days))
    low, high = interval.tails
    bands = np.quantile(rates, [low, 0.25, 0.5, 0.75, high], axis=0)
    row = (verdict.curve["width"] - 1).abs().idxmin()

    # matplotlib is imported where a picture is drawn, not for an answer in words
    def draw_dates(fig: Any) -> None:
        from densing_bayes.figures.regimes import break_dates

        given = [np.datetime64(as_date(day)) for day in verdict.breaks]
        break_dates(fig.subplots(), chances=unknown.chances, given=given,
                    dates=np.array(unknown.regime.dates).round().astype("datetime64[D]").astype(
                        "datetime64[h]"))

    def draw_fan(fig: Any) -> None:
        from densing_bayes.figures.regimes import rate_fan

        others = {title: np.median(verdict.fits[name].rate(days), axis=0) for name, title in (
            (verdict.kink.regime.name, "one change"), ("walk", "random walk"))}
        rate_fan(fig.subplots(), dates=dates, bands=bands, others=others, interval=interval,
                 ylabel=f"rate ({unit})", doubling=series.log)

    def draw_curve(fig: Any) -> None:
        from densing_bayes.figures.regimes import savage_dickey_curve

        savage_dickey_curve(
            fig.subplots(), width=verdict.curve["width_per_year"], ratio=verdict.curve["ratio"],
            at=verdict.curve.loc[row, "width_per_year"], rule=RULE.ratio,
            xlabel=f"prior sd of the change of rate ({unit})")

    likely = unknown.regime.dates[int(unknown.chances.argmax())]
    return [
        series_picture(verdict),
        Picture("regimes-date", "If the rate changed once, when? Posterior probability of each "
                "candidate date; all were equally likely beforehand.",
                f"Bars over dates; the highest, {unknown.chances.max():.0%}, is at "
                f"{as_date(likely)}.", draw_dates, height=3.4),
        Picture("regimes-rate", "Rate over time, regimes stacked by their weights.",
                f"Fan of the rate per year; the median ends at {bands[2, -1]:.3g} with "
                f"{interval} {bands[0, -1]:.3g} to {bands[4, -1]:.3g}.", draw_fan),
        Picture("regimes-evidence", "Evidence for a change of rate over none, over the prior "
                "width of the change. In the grey zone neither is favoured by the rule's odds.",
                f"The ratio is {verdict.savage_dickey:.3g} at the prior of the spec and at "
                f"most {verdict.curve['ratio'].max():.3g}; the rule asks for {RULE.ratio:g}.",
                draw_curve, height=3.6),
    ]
