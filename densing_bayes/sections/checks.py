"""What was checked: convergence, predictions against data, and what the data cannot say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from densing_bayes.checks import ESS_MIN, RHAT_MAX
from densing_bayes.context import Context
from densing_bayes.figures import predictive_check
from densing_bayes.joint.predict import replicated_records, residual_trends, score_coverage
from densing_bayes.reports import Picture, Section, Table


def section(context: Context) -> Section:
    """Diagnostics gate, posterior predictive checks."""
    interval, gate = context.interval, context.diagnostics
    coverage, pit = score_coverage(context.cells, interval, context.seed("coverage"))
    worlds = replicated_records(context.derived, context.columns, context.seed("records"))
    checks = [{"name": "scores inside their predictive interval", "expected": interval.prob,
               "observed": coverage, "p": None}]
    for name, words in (("count", "number of records"), ("longest", "longest wait (days)")):
        observed = float(np.median(worlds[f"observed_{name}"]))
        p = float((worlds[name] >= worlds[f"observed_{name}"]).mean())
        checks.append({"name": words, "expected": float(np.median(worlds[name])),
                       "observed": observed, "p": p})
    odd = [check for check in checks[1:] if not 0.05 <= check["p"] <= 0.95]
    text = [
        f"The diagnostics gate {'passed' if gate['passed'] else 'refused'}: {_measured(gate)}.",
        f"{coverage:.1%} of the {len(pit)} cells (model by benchmark) lie inside their "
        f"{interval.prob:.0%} predictive interval.",
        "Worlds drawn anew from the fitted frontier at the real release dates show "
        f"{checks[1]['expected']:.0f} records (here {checks[1]['observed']:.0f}) and a longest "
        f"wait of {checks[2]['expected']:.0f} days (here {checks[2]['observed']:.0f})."
        + (" The model does not reproduce " + " and ".join(check["name"] for check in odd)
           + ": read statements about records with that in mind." if odd else
           " The model reproduces both."),
    ]
    left = _residual_trends(context)
    text.append(_left(left))
    rows = pd.DataFrame([{"check": check["name"], "expected": check["expected"],
                          "observed": check["observed"],
                          "P(replicated >= observed)": check["p"]} for check in checks])
    return Section(
        key="checks", title="Checks", text=text,
        tables=[Table("checks", "Posterior predictive checks", rows,
                      {"expected": "{:.2f}", "observed": "{:.2f}",
                       "P(replicated >= observed)": "{:.2f}"}),
                Table("check-trends", "Trends left in the residuals of each benchmark", left,
                      dict.fromkeys(left.columns[1:], "{:+.3f}"),
                      note="Nats of effective size per year of release date and per nat of "
                           "parameters, beyond the benchmark's own trends in the fit, with one "
                           "standard error.")],
        pictures=[
            Picture("check-records", f"{checks[1]['observed']:.0f} records in the data, "
                    f"{checks[1]['expected']:.0f} in the middle of replicated worlds",
                    f"Histogram of the number of records in replicated worlds: median "
                    f"{checks[1]['expected']:.0f}; the data have {checks[1]['observed']:.0f}.",
                    lambda fig: _records(fig, worlds), 7, 3.6),
            Picture("check-pit", "Where the scores fall in their predictive distributions "
                    "(flat is right)",
                    f"Histogram of where {len(pit)} cells fall; {coverage:.0%} lie inside their "
                    f"{interval.prob:.0%} interval.",
                    lambda fig: _pit(fig, pit), 7, 3.2)],
        summary={"diagnostics": gate, "checks": checks,
                 "residual_trends": left.to_dict("records")},
    )


def _residual_trends(context: Context) -> pd.DataFrame:
    """A row per benchmark: what is left of trends in date and in size, with standard errors."""
    found = residual_trends(context.cells, context.columns)
    return pd.DataFrame({
        "benchmark": [str(name) for name in context.observations.data["benchmark"].values],
        "per year": found["date"], "error (year)": found["date_error"],
        "per nat of size": found["size"], "error (size)": found["size_error"]})


def _left(table: pd.DataFrame) -> str:
    """Whether the residuals still have trends, in a sentence."""
    beyond = [f"{row['benchmark']} in {what}" for row in table.to_dict("records")
              for what, value, error in (("date", "per year", "error (year)"),
                                         ("size", "per nat of size", "error (size)"))
              if abs(row[value]) > 2 * row[error]]
    if not beyond:
        return ("Beyond the benchmarks' own trends no trend in date or size is left in the "
                "residuals: each lies within two standard errors of zero.")
    return (f"Trends are left in the residuals, beyond two standard errors: {', '.join(beyond)}.")


def _measured(gate: dict[str, Any]) -> str:
    """How the draws were made and judged."""
    return (f"worst R-hat {gate['rhat_max']:.3f} (at most {RHAT_MAX}), smallest bulk effective "
            f"sample size {gate['ess_bulk_min']:.0f} and tail {gate['ess_tail_min']:.0f} (at "
            f"least {ESS_MIN}), {gate['divergences']} divergences, over every sampled quantity, "
            f"by NUTS")


def _records(fig: Figure, worlds: dict[str, np.ndarray]) -> None:
    predictive_check(fig.subplots(), replicated=worlds["count"],
                     observed=float(np.median(worlds["observed_count"])),
                     xlabel="number of records")


def _pit(fig: Figure, pit: np.ndarray) -> None:
    ax = fig.subplots()
    ax.hist(pit, bins=np.linspace(0, 1, 21), color="#9dbcd4", edgecolor="white", linewidth=0.5)
    ax.axhline(len(pit) / 20, color="#444", lw=1, ls="--")
    ax.set(xlabel="share of predicted scores below the observed one", ylabel="cells")
