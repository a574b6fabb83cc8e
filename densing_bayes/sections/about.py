"""What the data cannot say, and what was put in: limits, priors, data."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from densing_bayes.context import Context
from densing_bayes.outputs import counted
from densing_bayes.problems import told
from densing_bayes.reports import Section, Table


def limits(context: Context) -> Section:
    """Weak identification, said plainly, each with its number."""
    derived, data = context.derived, context.observations.data
    ceiling = derived["scale"].isel(anchor=0) + float(data["chance"].values[0])
    family = (np.unique(data["family_index"].values, return_counts=True)[1] == 1).sum()
    noise = context.interval.of(derived["noise"].values)
    spread = context.interval.of(derived["spread_growth"].values)
    dropped = json.loads(data.attrs.get("dropped", "{}"))
    text = [
        f"The level of density. It is relative to one reference family trained on "
        f"{float(context.spec.options['reference_tokens']):.3g} tokens; another family or D0 "
        f"shifts every density and, through the exponents, changes the rate as well.",
        f"The ceiling of {data['benchmark'].values[0]} (posterior median "
        f"{float(ceiling.median()):.2f}) rests on its prior and on the best models' scores, not on "
        f"a measured limit.",
        f"How the scatter below the frontier divides: symmetric scatter of single models "
        f"({context.interval}: {noise[0]:.2f} to {noise[1]:.2f} in ln density) rests on its prior; "
        f"that gaps grew or shrank in time ({spread[0]:+.2f} to {spread[1]:+.2f} per year) on the "
        f"tables. Both move the frontier's height, hardly its growth.",
        f"{counted(int(family), 'family', 'families')} of {data.sizes['family']} "
        f"{'has' if family == 1 else 'have'} one model only: of such, the family's effect and the "
        f"model's own cannot be told apart.",
        "Contamination. Training on the test task raises later models' scores; with no clean "
        "twin of a benchmark in the tables the model cannot see it, and part of the growth here "
        "may be it.",
        "Which models were released and evaluated is not random. A family that was not "
        "published because it was worse is missing from below the frontier.",
    ]
    time, counts = data["time"].values, derived["eligible"].values
    late = counts & (time > time[counts].max() - 0.5)
    text.append(
        f"Who released what. The last half year has {counted(int(late.sum()), 'model')} of "
        + counted(len(np.unique(data["family_index"].values[late])), "family", "families")
        + " and " + counted(len(np.unique(data["organization_index"].values[late])), "developer")
        + " that may lie on the frontier: where hardly anyone publishes tables it rests on its "
        "prior.")
    if dropped:
        text.append("Left out of the fit: " + "; ".join(
            f"{reason}: {len(names) if isinstance(names, list) else names}"
            for reason, names in dropped.items()) + ".")
    for found, what in ((context.tables.skipped, "Rows left out because something is wrong with "
                         "them"), (context.tables.warnings, "Suspicious in the tables, and used")):
        if found:
            text.append(f"{what}: " + "; ".join(told(found)) + ".")
    return Section(key="limits", title="What the data cannot say", text=text, tables=[],
                   pictures=[], summary={})


def priors(context: Context) -> Section:
    """Every prior with its unit and reason."""
    rows = pd.DataFrame([
        {"parameter": name, "prior": str(prior).rsplit(" [", 1)[0], "unit": prior.unit,
         "why": prior.why}
        for name, prior in context.spec.priors.items()])
    return Section(
        key="priors", title="Priors and their reasons",
        text=[f"Model '{context.spec.name}': {context.spec.title}. Every prior of the fit, as it "
              f"stands in the spec."],
        tables=[Table("priors", "Priors", rows)], pictures=[], summary={})
