"""What the data cannot say, and what was put in: limits, priors, data."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from densing_bayes.context import Context
from densing_bayes.outputs import counted
from densing_bayes.problems import told
from densing_bayes.provenance import tally
from densing_bayes.reports import Section, Table


def limits(context: Context) -> Section:
    """Weak identification, said plainly, each with its number."""
    derived, data = context.derived, context.observations.data
    ceiling = derived["scale"].isel(anchor=0) + float(data["chance"].values[0])
    family = (np.unique(data["family_index"].values, return_counts=True)[1] == 1).sum()
    noise = context.interval.of(derived["noise"].values)
    spread = context.interval.of(derived["spread_growth"].values)
    tokens = float(context.spec.options["reference_tokens"]) / 1e12
    dropped = json.loads(data.attrs.get("dropped", "{}"))
    text = [
        f"The level of density. It is relative to one reference family trained on "
        f"{tokens:g} trillion tokens; another family or D0 "
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
        _contamination(context),
        _compared(context),
        "Which models were released and evaluated is not random. A family that was not "
        "published because it was worse is missing from below the frontier.",
    ]
    time, counts = data["time"].values, derived["eligible"].values
    late = counts & (time > time[counts].max() - 0.5)
    late_counts = [int(late.sum()), *(len(np.unique(data[f"{group}_index"].values[late]))
                                      for group in ("family", "organization"))]
    text.append(
        f"Who released what. The last half year has {counted(late_counts[0], 'model')} of "
        + counted(late_counts[1], "family", "families") + " and "
        + counted(late_counts[2], "developer")
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
                   pictures=[], summary={"limits": {
                       "compared": _tally(context), "skipped": told(context.tables.skipped),
                       "suspicious": told(context.tables.warnings),
                       "ceiling": float(ceiling.median()),
                       "noise": noise.tolist(), "spread_growth": spread.tolist(),
                       "families": int(data.sizes["family"]), "of_one_model": int(family),
                       "reference_tokens_trillions": tokens,
                       "last_half_year": late_counts, "left_out": {
                           reason: len(names) if isinstance(names, list) else names
                           for reason, names in dropped.items()}}})


def _contamination(context: Context) -> str:
    """What training on the test task may do, and of which benchmarks it could be seen."""
    names = [str(name) for name in context.observations.data["benchmark"].values]
    pairs = context.tables.benchmarks.set_index("benchmark")["contamination_pair"]
    seen = [name for name in names if pairs.get(name)]
    blind = [name for name in names if name not in seen]
    return ("Contamination. Training on the test task raises later models' scores. "
            + (f"A cleaner twin in the tables shows how much of it there is on {', '.join(seen)} "
               f"(see the answers by ruler); " if seen else "")
            + (f"without one ({', '.join(blind)}) the model cannot see it, and part of the growth "
               f"may be it." if blind else "all others are compared with it."))


def _compared(context: Context) -> str:
    """How many cells and dates were compared with their sources."""
    found = _tally(context)
    return (f"Copying. {found['cells_checked']:,} of {found['cells']:,} scores of this fit, and "
            f"{found['dates_checked']} of {found['dates']} release dates, were compared with their "
            f"source and found equal; the others could not be reached or were not looked up.")


def _tally(context: Context) -> dict[str, int]:
    """Cells and dates of this fit, and how many of them were compared."""
    data = context.observations.data
    return tally(context.tables, list(data["model"].values), list(data["benchmark"].values))


GLOSSARY = {
    "capability density": "effective size over size",
    "effective size": "parameters of the reference model that scores the same",
    "reference model": "one trained by the recipe of the ladder, on a fixed number of tokens",
    "frontier": "the boundary below which models lie by their own gaps; it never falls",
    "best available": "the densest model released so far that counts for the frontier",
    "typical release": "the mean (of logarithms) of what was released about a date",
    "gap": "by which factor a model lies below the frontier",
    "doubling time": "in which density doubles at a rate: ln 2 over it; a set, since where the "
                     "rate may be zero it has no end",
    "rate per year": "growth of the logarithm: 0.69 is a doubling in a year",
    "ruler": "from a score to a size: a law of losses and a curve from loss to score",
    "ladder": "training runs of several sizes and token counts by one recipe",
    "joint, cut, plug-in": "everything in one fit; the ruler fixed by its ladder alone; the "
                           "paper's chain of point estimates",
    "interval": "the middle part of the posterior with the probability named, as much beyond it "
                "on either side",
    "record": "a model denser than all before it",
    "R-hat, effective sample size": "whether chains agree, and how many independent draws they "
                                    "are worth",
}


def glossary() -> Section:
    """The words that a reader may not know."""
    return Section("glossary", "Glossary", ["Words of this report, in one sentence each."], [
        Table("glossary", "Words and meanings", pd.DataFrame(
            {"word": list(GLOSSARY), "meaning": list(GLOSSARY.values())}))])


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
