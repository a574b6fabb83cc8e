"""A sensitivity study told: curve of variants, tornado, subsets, influence, shares, priors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.errors import explain, faults_are_shown
from densing_bayes.figures.studies import specification_curve, subset_matrix, tornado
from densing_bayes.fitting import provenance
from densing_bayes.intervals import Interval, doubled, growth_summary, words_of_set
from densing_bayes.reports import Picture, Section, Table, write_report
from densing_bayes.sections.study_draws import influence, priors, shares
from densing_bayes.studies.cases import axis_of
from densing_bayes.studies.spec import AXES
from densing_bayes.studies.study import Study
from densing_bayes.trends import DAYS_PER_YEAR, doubling_set

CHOICES = {
    "benchmarks": "benchmarks", "protocol": "protocol", "contamination": "contamination",
    "frontier": "quantity or rule", "group": "what shares a gap",
    "constant_spread": "spread of gaps", "may_regress": "sign of growth",
    "eligible_benchmarks": "who may lie on the frontier", "size": "size axis",
    "architecture": "architecture", "irreducible": "irreducible loss E", "ceiling": "ceiling",
    "reference_tokens": "reference tokens D0", "ladder": "ladder", "since": "first day",
    "until": "last day", "without_flag": "flagged models", "date_kind": "kind of date",
    "priors": "priors", "without": "one group left out",
}


def section(study: Study, *, brief: bool = False) -> Section:
    """Everything a study says, each reading as a sentence, a table and a picture.

    ``brief``: it is the study within a report; its text says where the whole is.
    """
    interval = study.spec.model.interval
    parts = {"all variants": lambda: _curve(study, interval),
             "the choices one by one": lambda: _tornado(study),
             "subsets of the benchmarks": lambda: _subsets(study, interval),
             "influence": lambda: influence(study, interval),
             "shares of the variance": lambda: shares(study),
             "sensitivity to priors": lambda: priors(study)}
    texts, tables, pictures, summary = [], [], [], {}
    failed = dict(study.readings.failed)
    for name, make in parts.items():
        try:
            part = make()
        except Exception as error:  # the other readings stand
            if faults_are_shown():
                raise
            failed[name] = explain(error)
            continue
        if part is not None:
            text, table, picture, said = part
            texts.append(text)
            tables.append(table)
            pictures.append(picture)
            summary |= said
    texts += [f"Not told: {name} ({why}). The other readings do not rest on it."
              for name, why in failed.items()]
    texts += _limits(study)
    if brief:
        texts.append(
            "These are the choices that were found to matter most, as short runs within this "
            "report. `densing study` runs the whole: an irreducible loss, ceilings, every prior, "
            "doubtful models by flag, both ends of the ladder, other protocols, single models and "
            "families left out; `densing study benchmarks` runs all subsets of the benchmarks.")
    return Section(key="study", title="How much does the answer depend on choices?",
                   text=texts, tables=tables, pictures=pictures,
                   summary={"study": {"name": study.spec.name, "hash": study.spec.hash,
                                      **summary, "failures": study.failures,
                                      "readings_failed": failed}})


def report(study: Study, out: Path, progress: Callable[..., None] = lambda name, **_: None,
           ) -> Path:
    """The study as a report of its own: page, PDF, summary.json, figures, tables."""
    told, spec = section(study), study.spec.model
    checksums = json.loads(study.cases.attrs["data"])
    return write_report(
        out, title=study.spec.title, headline=told.text[:1], sections=[told],
        summary={"spec": spec.name, "spec_hash": spec.hash, "seed": spec.sampling.seed,
                 "data": checksums, "diagnostics": json.loads(study.cases.attrs["gate"]),
                 "interval": {"prob": spec.interval.prob, "kind": spec.interval.kind}},
        provenance={"study": study.spec.text, **provenance(spec, checksums)},
        refused=refusal(study), progress=progress)


def refusal(study: Study) -> str | None:
    """Why the main fit's gate refused, None where it passed."""
    gate = json.loads(study.cases.attrs["gate"])
    if gate["passed"]:
        return None
    return (f"The main fit did not pass its diagnostics gate (R-hat {gate['rhat_max']:.3f}, "
            f"smallest effective sample size "
            f"{min(gate['ess_bulk_min'], gate['ess_tail_min']):.0f}, {gate['divergences']} "
            f"divergences): nothing here is a result.")


# -- all variants ------------------------------------------------------------------------------


def _curve(study: Study, interval: Interval) -> Any:
    table = study.readings.table
    main = table.iloc[0]
    inside = ((table["median"] >= main["low"]) & (table["median"] <= main["high"])).mean()
    growth = growth_summary(study.cases["rate"].values[0][
        np.isfinite(study.cases["rate"].values[0])], interval)
    slowest, fastest = table.loc[table["median"].idxmin()], table.loc[table["median"].idxmax()]
    low, high = (float(row["median"]) / DAYS_PER_YEAR for row in (slowest, fastest))
    text = (
        f"In the main fit density {doubled(growth, interval)}. "
        + ("Nothing was varied." if len(table) == 1 else
           f"Over {len(table)} variants the median rate runs from {low:.4f} ({slowest['case']}) to "
           f"{high:.4f} per day ({fastest['case']}); {inside:.0%} of the medians lie inside the "
           f"main fit's {interval}. The smallest probability of growth in any variant is "
           f"{table['p_growth'].min():.3f}."))
    frame = pd.DataFrame({
        "variant": table["case"], "rate per day": table["median"] / DAYS_PER_YEAR,
        "low": table["low"] / DAYS_PER_YEAR, "high": table["high"] / DAYS_PER_YEAR,
        "doubling time (days)": [words_of_set(doubling_set(low / DAYS_PER_YEAR,
                                                           high / DAYS_PER_YEAR))
                                 for low, high in zip(table["low"], table["high"], strict=True)],
        "frontier density at the last date": np.exp(table["level"]),
        "models": table["models"], "cells": table["cells"], "method": table["method"],
        "R-hat": table["rhat"], "ESS": table["ess"],
        "Monte Carlo error (share of sd)": table["mcse"] / table["sd"],
        "trusted": table["trusted"]})
    order = np.argsort(table["median"].to_numpy(), kind="stable")
    rate = "{:.5f}"
    set_by = [{axis_of(name) for name, _ in json.loads(settings)}
              for settings in study.cases["settings"].values]
    axes = [axis for axis in CHOICES if any(axis in names for names in set_by)]
    marks = np.array([[axis in names for names in set_by] for axis in axes])
    height = 3.4 + 0.27 * len(axes)
    return (
        text,
        Table("study-variants", f"All variants, slowest growth first ({interval})",
              frame.iloc[order], {"rate per day": rate, "low": rate, "high": rate,
                                  "frontier density at the last date": "{:.2f}",
                                  "R-hat": "{:.3f}", "ESS": "{:.0f}",
                                  "Monte Carlo error (share of sd)": "{:.2f}"},
              note="Trusted: R-hat at most 1.05, effective sample size of the rate at least 100 "
                   "and no divergence. " + _notes(table)),
        Picture("study-curve", f"All variants sorted by growth rate ({interval})",
                "Growth rates of all variants in order, and below each which choice differs.",
                lambda fig: specification_curve(
                    fig, median=table["median"], low=table["low"], high=table["high"],
                    trusted=table["trusted"], marks=marks, rows=[CHOICES[axis] for axis in axes],
                    main=0, interval=interval), 7, height),
        {"variants": len(table), "growth": growth, "median_rate_per_day": [low, high],
         "trusted": int(table["trusted"].sum()),
         "cases": table.to_dict("records")},
    )


def _notes(table: pd.DataFrame) -> str:
    """What is to be said of single variants; a note that several share, once."""
    noted = table[table["note"] != ""].groupby("note", sort=False)["case"].agg("; ".join)
    return " ".join(f"{cases}: {note}." for note, cases in noted.items())


def _tornado(study: Study) -> Any:
    effects = study.readings.effects
    if effects.empty:
        return None
    rows = []
    for axis, group in effects.groupby("axis", sort=False):
        least, most = group.loc[group["median"].idxmin()], group.loc[group["median"].idxmax()]
        rows.append({"choice": CHOICES[str(axis)], "variants": int(group["cases"].sum()) - 1,
                     "lowest rate per day": least["median"] / DAYS_PER_YEAR,
                     "by": least["value"] or "main fit",
                     "highest rate per day": most["median"] / DAYS_PER_YEAR,
                     "with": most["value"] or "main fit"})
    frame = pd.DataFrame(rows)
    width = frame["highest rate per day"] - frame["lowest rate per day"]
    frame = frame.iloc[np.argsort(-width.to_numpy(), kind="stable")]
    main = float(study.readings.table["median"].iloc[0])
    sd = float(study.readings.table["sd"].iloc[0]) / DAYS_PER_YEAR
    first, last = frame.iloc[0], frame.iloc[-1]
    small = [row["choice"] for row in frame.to_dict("records")
             if row["highest rate per day"] - row["lowest rate per day"] < sd]
    text = (
        f"Of the choices varied, {first['choice']} moves the median most: from "
        f"{first['lowest rate per day']:.4f} ({first['by']}) to "
        f"{first['highest rate per day']:.4f} per day ({first['with']}). It is moved "
        f"least by {last['choice']}. "
        + (f"By less than one posterior standard deviation ({sd:.4f} per day) it is moved by "
           f"{', '.join(small)}." if small else
           f"Every choice moves it by more than one posterior standard deviation ({sd:.4f})."))
    year = {key: frame[key].to_numpy() * DAYS_PER_YEAR
            for key in ("lowest rate per day", "highest rate per day")}
    return (
        text,
        Table("study-tornado", "How far each choice alone moves the median rate", frame,
              {"lowest rate per day": "{:.5f}", "highest rate per day": "{:.5f}"},
              note="One at a time, or the mean over all variants with the value."),
        Picture("study-tornado", "How far each choice alone moves the median rate",
                "Bars from the lowest to the highest median rate of each choice.",
                lambda fig: tornado(
                    fig.subplots(), name=frame["choice"].tolist(),
                    low=year["lowest rate per day"], high=year["highest rate per day"],
                    low_name=[_short(word) for word in frame["by"]],
                    high_name=[_short(word) for word in frame["with"]], main=main),
                7, 1.3 + 0.36 * len(frame)),
        {"tornado": frame.to_dict("records")},
    )


def _short(value: str) -> str:
    """A setting's words without what its axis says already.

    Examples
    --------
    >>> _short("growth of records"), _short("D0 = 1T")
    ('records', 'D0 = 1T')
    """
    for prefix in ("growth of ", "gaps by ", "without models flagged ", "only models dated by ",
                   "protocol ", "only ", "ladder without the ", "prior of "):
        value = value.removeprefix(prefix)
    return value


# -- benchmarks --------------------------------------------------------------------------------


def _subsets(study: Study, interval: Interval) -> Any:
    table = study.readings.table
    names = json.loads(study.cases.attrs["benchmarks"])
    chosen = []
    for row, settings in zip(table.itertuples(), study.cases["settings"].values, strict=True):
        said = dict(json.loads(settings))
        subset = next(iter(said.values()), names)
        subset = set(subset) if isinstance(subset, list) else set()
        # named sets may hold other benchmarks
        if set(said) <= {"benchmarks", "view"} and subset <= set(names):
            chosen.append((row.Index, subset))
    if len(chosen) < 3:
        return None
    member = np.array([[name in subset for name in names] for _, subset in chosen])
    rows = table.loc[[index for index, _ in chosen]]
    held = (rows["case"].str.startswith("as ")).to_numpy()
    frame = pd.DataFrame({name: member[:, i] for i, name in enumerate(names)})
    frame["rate per day"] = rows["median"].to_numpy() / DAYS_PER_YEAR
    frame["low"], frame["high"] = (rows[end].to_numpy() / DAYS_PER_YEAR for end in ("low", "high"))
    frame["without a ruler"] = held
    # what a benchmark does on average: subsets with it against subsets without it
    median = rows["median"].to_numpy()
    pull = {name: float(median[member[:, i]].mean() - median[~member[:, i]].mean())
            for i, name in enumerate(names) if 0 < member[:, i].sum() < len(member)}
    strongest = max(pull, key=lambda name: abs(pull[name]), default=None)
    order = np.argsort(median, kind="stable")
    said = {key: " + ".join(np.array(names)[member[at]]) for key, at in
            (("slowest", order[0]), ("fastest", order[-1]))}
    text = (
        (f"One subset of the benchmarks ({said['fastest']}) puts the median rate at "
         f"{median.max() / DAYS_PER_YEAR:.4f} per day. " if len(chosen) == 1 else
         f"{len(chosen)} subsets of the benchmarks put the median rate between "
         f"{median.min() / DAYS_PER_YEAR:.4f} ({said['slowest']}) and "
         f"{median.max() / DAYS_PER_YEAR:.4f} per day ({said['fastest']}). ")
        + ("" if strongest is None else
           f"{strongest} matters most: subsets with it grow by "
           f"{abs(pull[strongest]) / DAYS_PER_YEAR:.4f} per day "
           f"{'faster' if pull[strongest] > 0 else 'slower'} than subsets without it. ")
        + (f"Subsets without an anchored benchmark ({held.sum()}) have no ruler of their own: "
           f"they are read off the fit of all benchmarks, as the rate and their own trends."
           if held.any() else ""))
    return (
        text,
        Table("study-subsets", f"Growth rate by subset of the benchmarks ({interval})",
              frame.iloc[order], dict.fromkeys(("rate per day", "low", "high"), "{:.5f}")),
        Picture("study-subsets", f"Growth rate by subset of the benchmarks ({interval})",
                "Intervals of the rate for each subset, with its benchmarks as dots below.",
                lambda fig: subset_matrix(
                    fig, member=member, benchmark=names, median=median, low=rows["low"],
                    high=rows["high"], held=held, interval=interval), 7, 3.0 + 0.3 * len(names)),
        {"benchmark_pull_per_day": {name: value / DAYS_PER_YEAR
                                    for name, value in pull.items()}},
    )


# -- limits ------------------------------------------------------------------------------------


def _limits(study: Study) -> list[str]:
    """What the study did not do, and what did not work."""
    table = study.readings.table
    doubtful = table[~table["trusted"]]
    refused = refusal(study)
    texts = [refused] if refused else []
    texts.append(
        "Variants are short runs, made to compare medians; "
        + (f"{len(doubtful)} of {len(table)} {'is' if len(doubtful) == 1 else 'are'} in doubt "
           f"(R-hat, effective sample size or divergences): {'; '.join(doubtful['case'].head(12))}"
           f"{' and more' if len(doubtful) > 12 else ''}." if len(doubtful) else
           "all of them passed their checks."))
    if study.skipped:
        texts.append("Not varied: " + "; ".join(study.skipped) + ".")
    if study.failures:
        texts.append(f"{len(study.failures)} variants failed: " + "; ".join(
            f"{name} ({why})" for name, why in list(study.failures.items())[:10]) + ".")
    return texts


assert set(CHOICES) == {*AXES, "without"}
