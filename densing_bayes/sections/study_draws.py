"""What the main fit's own draws say of a study: influence, shares of variance, priors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.special import ndtri

from densing_bayes.figures import doubling_axis, forest
from densing_bayes.figures.studies import bars
from densing_bayes.intervals import Interval
from densing_bayes.reports import Picture, Table
from densing_bayes.studies.sensitivity import NOTABLE
from densing_bayes.studies.study import Study
from densing_bayes.trends import DAYS_PER_YEAR

SHOWN, LISTED = 12, 40  # groups in the picture of influence, and in its table


def influence(study: Study, interval: Interval) -> Any:
    """Which models, families and organizations the rate hangs on; None where not asked."""
    table = study.readings.influence
    if table is None or table.empty:
        return None
    main = study.readings.table.iloc[0]
    again = (table["method"] == "fitted again").sum()
    doubt = (table["method"].str.contains("not to be trusted")).sum()
    first = table.iloc[0]
    families = table[table["group"] == "family"]
    beyond = int((families["shift"].abs() > 1).sum())
    text = (
        f"Left out one at a time, {first['group']} {first['name']} ({first['models']} models) "
        f"moves the rate most: to {first['mean'] / DAYS_PER_YEAR:.4f} per day, "
        f"{abs(first['shift']):.1f} posterior standard deviations "
        f"{'up' if first['shift'] > 0 else 'down'}. "
        + (f"Of {len(families)} families {beyond} move it by more than one. "
           if len(families) else "")
        + f"Importance weights told {len(table) - again - doubt} of {len(table)} groups; "
        f"{again} were fitted again because the weights' Pareto k exceeded "
        f"{study.spec.influence.refit_above:g}"
        + (f", {doubt} could not be." if doubt else "."))
    frame = pd.DataFrame({
        "group": table["group"], "left out": table["name"], "models": table["models"],
        "mean rate per day": table["mean"] / DAYS_PER_YEAR, "sd": table["sd"] / DAYS_PER_YEAR,
        "shift (sd)": table["shift"], "Pareto k": table["pareto_k"], "method": table["method"]})
    shown = table.drop_duplicates("mean").head(SHOWN)
    half = float(ndtri((1 + interval.prob) / 2))

    def picture(fig: Figure) -> None:
        ax = fig.subplots()
        names = ["everything", *(f"without {name}" for name in shown["name"])]
        middle = np.append(main["mean"], shown["mean"])
        spread = half * np.append(main["sd"], shown["sd"])
        forest(ax, name=names, median=middle, low=middle - spread, high=middle + spread,
               xlabel="growth rate of log density (1/year)", interval=interval,
               reference=float(main["mean"]))
        ax.set_xlabel(f"growth rate of log density (1/year)\nmean and {interval.prob:.0%} normal "
                      f"interval")
        doubling_axis(ax)

    return (
        text,
        Table("study-influence", "Rate without single models, families, organizations",
              frame.head(LISTED),
              {"mean rate per day": "{:.5f}", "sd": "{:.5f}", "shift (sd)": "{:+.2f}",
               "Pareto k": "{:.2f}"},
              note="" if len(frame) <= LISTED else f"The {LISTED} groups of {len(frame)} that move "
                   "it most; all are in influence.csv of the study's folder."),
        Picture("study-influence", f"The {len(shown)} groups that move the rate most",
                "Growth rate with everything and without each of the most influential groups.",
                picture, 7, 1.4 + 0.32 * (len(shown) + 1)),
        {"influence": table.head(LISTED).to_dict("records")},
    )


def _source(row: Any) -> str:
    """A source of variance within a sentence."""
    return str(row["source"]).replace("which models exist", "question which models exist")


def shares(study: Study) -> Any:
    """Where the uncertainty of the rate comes from."""
    table = study.readings.shares
    if table is None:
        return None
    order = np.argsort(-table["share"].to_numpy(), kind="stable")
    ranked = table.iloc[order]
    outside = table["source"].str.startswith("choice of")
    sd = np.sqrt(table["variance"].sum()) / DAYS_PER_YEAR
    inside_sd = np.sqrt(table.loc[~outside, "variance"].sum()) / DAYS_PER_YEAR
    first, second = ranked.iloc[0], ranked.iloc[1]
    text = (
        f"The largest part of what is uncertain about the rate comes from the "
        f"{_source(first)} ({first['share']:.0%} of the variance, Monte Carlo error "
        f"{first['share_error']:.0%}), then from the {_source(second)} "
        f"({second['share']:.0%}). The main fit's own standard deviation "
        f"is {inside_sd:.4f} per day; with every variant of this study taken as likely as the "
        f"main fit's own choice it would be {sd:.4f}. Shares of choices depend on which variants "
        f"are asked for.")
    frame = pd.DataFrame({
        "source": table["source"],
        "where": np.where(outside, "between variants", "within the main fit"),
        "sd of the rate (per day)": table["sd"] / DAYS_PER_YEAR, "share": table["share"],
        "Monte Carlo error": table["share_error"]}).iloc[order]
    return (
        text,
        Table("study-shares", "Shares of the rate's variance", frame,
              {"sd of the rate (per day)": "{:.5f}", "share": "{:.1%}",
               "Monte Carlo error": "{:.1%}"},
              note="Within the main fit: law of total variance from ruler to models. Between "
                   "variants: variance of their means, choice by choice."),
        Picture("study-shares", "Where the uncertainty of the rate comes from",
                "Bars of the share of variance by source.",
                lambda fig: bars(fig.subplots(), name=ranked["source"].tolist(),
                                 value=100 * ranked["share"], error=100 * ranked["share_error"],
                                 xlabel="share of the variance of the rate (%)\nblue: within "
                                        "the main fit; orange: between variants",
                                 strong=outside.to_numpy()[order]),
                7, 1.2 + 0.34 * len(ranked)),
        {"variance_shares": ranked.to_dict("records")},
    )


def priors(study: Study) -> Any:
    """Which priors the rate depends on, by power-scaling."""
    table = study.readings.priors
    if table is None:
        return None
    priors = table[table["kind"] == "prior"]
    single = priors[priors["component"] != "all priors"]
    notable = single[single["sensitivity"] > NOTABLE]
    text = (
        "Power-scaling: " + (
            f"the rate is sensitive to the {', the '.join(notable['component'])} (above "
            f"{NOTABLE})." if len(notable) else
            f"no single prior moves the rate notably: the largest sensitivity is "
            f"{single['sensitivity'].max():.3f} ({single.iloc[0]['component']}), below "
            f"{NOTABLE}.")
        + " For comparison, the sensitivity to all data is "
        f"{float(table.loc[table['component'] == 'all data', 'sensitivity'].iloc[0]):.2f}.")
    shown = table[table["sensitivity"] > 1e-3]
    return (
        text,
        Table("study-priors", "Power-scaling sensitivity of the rate", pd.DataFrame({
            "component": table["component"], "kind": table["kind"],
            "sensitivity": table["sensitivity"], "meaning": table["meaning"]}),
              {"sensitivity": "{:.3f}"},
              note="How fast the posterior of the rate moves when the component is raised to a "
                   "power near one (Kallioinen et al. 2024); above 0.05 is notable."),
        Picture("study-priors", "Power-scaling sensitivity of the rate",
                "Bars of sensitivity to each prior and each table of data.",
                lambda fig: bars(fig.subplots(), name=shown["component"].tolist(),
                                 value=shown["sensitivity"], reference=NOTABLE,
                                 xlabel="sensitivity of the rate (dashed: notable)\nblue: prior; "
                                        "orange: data",
                                 strong=(shown["kind"] == "likelihood").to_numpy()),
                7, 1.2 + 0.27 * len(shown)),
        {"prior_sensitivity": table.to_dict("records")},
    )
