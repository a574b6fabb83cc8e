"""Section: what density growth goes with, and what speaks against the law."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.corollaries.drivers import PREDICTORS, DriverStudy, mean_growth
from densing_bayes.corollaries.evidence import against
from densing_bayes.corollaries.run import Corollaries
from densing_bayes.figures.growth import forest
from densing_bayes.intervals import summary
from densing_bayes.reports import Picture, Section, Table
from densing_bayes.sections.prices import rate_words

PARTS = {**PREDICTORS, "developer": "developers", "time": "the date alone"}
DATA_CLAIM = 0.9  # "nearly all"


def section(result: Corollaries) -> Section:
    """Drivers of growth, and published evidence beside the posterior."""
    title = "What density growth goes with, and what speaks against the law"
    text, tables, pictures, summary_ = [], [], [], {}
    if result.drivers is None:
        text.append(f"Drivers not computed: {result.missing.get('drivers', '')}.")
    else:
        words, table, picture, said = _drivers(result, result.drivers)
        text += words
        tables.append(table)
        pictures.append(picture)
        summary_["drivers"] = said
    fall = (np.array([np.nan]) if result.prices is None
            else result.prices.main.draws["fall"])
    rows = against(result.tables.published, result.rate, fall, result.interval)
    if rows:
        text.append(
            "Where the law does not hold, or does not reach: "
            + "; ".join(row["short"] for row in rows if row["short"])
            + ". A density measured on a few benchmarks is a statement about those benchmarks.")
        tables.append(Table(
            "against", "Published observations beside what this posterior would imply "
            f"({result.interval} where one is given for it).",
            pd.DataFrame(rows).drop(columns="short").rename(
                columns={"claim": "what was measured"})))
    return Section("drivers", title, text, tables, pictures, summary_)


def _drivers(result: Corollaries, study: DriverStudy,
             ) -> tuple[list[str], Table, Picture, dict[str, Any]]:
    interval = result.interval
    shares = study.shares(interval)
    total = summary(study.parts["total"], interval)
    parts = {name: summary(study.parts[name], interval) for name in shares}
    tokens = shares["tokens"]
    p_most = study.p_share_above("tokens", 0.5)
    p_claim = study.p_share_above("tokens", DATA_CLAIM)
    verdict = ("is supported" if p_claim > 0.9 else "is not supported" if p_claim < 0.1
               else "can be neither confirmed nor excluded")
    text = [
        f"Mean ln density of the {len(study.models)} models with a known token count grows by "
        f"{rate_words(total)} ({interval}). Of this, {tokens['median']:.0%} [{tokens['low']:.0%}, "
        f"{tokens['high']:.0%}] goes with more training tokens per parameter, and "
        f"{shares['time']['median']:.0%} [{shares['time']['low']:.0%}, "
        f"{shares['time']['high']:.0%}] with the date alone, after size, sparsity, distillation "
        "and developer.",
        f"The paper holds that data explain nearly all of it. As far as the amount of data goes, "
        f"the claim {verdict}: tokens per parameter take more than half with probability "
        f"{p_most:.2f} and more than {DATA_CLAIM:.0%} with probability {p_claim:.2f}. The quality "
        "of data is in no table and is part of what goes with the date. These are associations: "
        "coefficients are shrunk, and what changed together cannot be told apart.",
    ]
    own = None if result.log_effective_own is None else _own_tokens(result)
    if own is not None:
        text.append(
            "Measured against a reference model trained on as many tokens as the model itself, "
            f"mean ln density grows by {rate_words(own['own'])} instead of "
            f"{rate_words(own['standard'])} over the same {own['models']} models ({interval}): "
            "what more tokens bought no longer counts.")
    frame = pd.DataFrame([{
        "goes with": PARTS[name], "growth (1/year)": parts[name]["median"],
        "low": parts[name]["low"], "high": parts[name]["high"],
        "share of growth": shares[name]["median"], "share, low": shares[name]["low"],
        "share, high": shares[name]["high"]} for name in shares])
    table = Table(
        "drivers", f"Growth of mean ln density split by what it goes with; {interval}.", frame,
        {"growth (1/year)": "{:.2f}", "low": "{:.2f}", "high": "{:.2f}",
         "share of growth": "{:.0%}", "share, low": "{:.0%}", "share, high": "{:.0%}"},
        note=f"Regression on {study.spec.options['imputations']} draws of the densities. "
             "Shares sum to one draw by draw; a negative one held growth back. A predictor in "
             "which the models do not differ is left out.")

    def draw(fig: Any) -> None:
        forest(fig.subplots(), name=[PARTS[name] for name in shares],
               median=[shares[name]["median"] for name in shares],
               low=[shares[name]["low"] for name in shares],
               high=[shares[name]["high"] for name in shares],
               xlabel="share of the growth of mean ln density", interval=interval, reference=0.0)

    picture = Picture(
        "drivers", f"What the growth of density goes with, {interval}.",
        f"Shares of growth: tokens per parameter {tokens['median']:.0%}, the date alone "
        f"{shares['time']['median']:.0%}, others smaller.", draw, height=3.2)
    said = {"total": total, "parts": parts, "shares": shares, "p_tokens_above_half": p_most,
            f"p_tokens_above_{DATA_CLAIM:g}": p_claim, "models": len(study.models),
            "diagnostics": study.diagnostics, "own_tokens": own}
    return text, table, picture, said


def _own_tokens(result: Corollaries) -> dict[str, Any] | None:
    """Growth of mean ln density with own and with standard reference tokens, same models."""
    first = result.pool.parts[0][0].draws
    own = result.log_effective_own - first["log_params"]
    known = np.isfinite(own).all(("chain", "draw"))
    if int(known.sum()) < 3:
        return None
    days = (first["date"] - first["date"].min()) / np.timedelta64(1, "D")
    time = (days / 365.25).to_numpy()
    standard = first["log_density"].where(known)
    return {"own": summary(mean_growth(own.where(known), time), result.interval),
            "standard": summary(mean_growth(standard, time), result.interval),
            "models": int(known.sum())}
