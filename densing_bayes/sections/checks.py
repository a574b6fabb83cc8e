"""Can one trust it? Each check with its verdict, in plain words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from densing_bayes.checks import ESS_MIN, RHAT_MAX
from densing_bayes.context import Context
from densing_bayes.figures import predictive_check
from densing_bayes.questions import trust
from densing_bayes.reports import Picture, Section, Table


def section(context: Context) -> Section:
    """Diagnostics gate, predictive checks, and what the answer does not rest on."""
    gate = context.diagnostics
    checks, left, drawn = trust.checks(context)
    failed = [check for check in checks if check.holds == "no"]
    kept = sum(check.holds == "yes" for check in checks)
    text = [
        f"The diagnostics gate {'passed' if gate['passed'] else 'refused'}, and {kept} of "
        f"{len(checks)} checks of the fit hold. "
        + ("Not held: " + "; ".join(f"{check.name} ({check.says})" for check in failed) + "."
           if failed else "None failed."),
        f"Sampling: {_measured(gate)}.",
        *(f"{check.name[:1].upper()}{check.name[1:]}: {check.says}." for check in checks
          if check.holds != "no"),
    ]
    rows = pd.DataFrame([{"check": check.name, "asked": check.asked, "found": check.says,
                          "holds": check.holds} for check in checks])
    count, longest = (next(check for check in checks if check.name.startswith(name))
                      for name in ("number of records", "longest wait"))
    coverage, pit = checks[0], drawn["pit"]
    return Section(
        key="checks", title="Can one trust this fit?", text=text,
        tables=[Table("checks", "What was checked of this fit, and what was found", rows,
                      note="A check that does not hold is no gate: the answer stands with it "
                           "told."),
                Table("check-trends", "Trends left in the residuals of each benchmark", left,
                      dict.fromkeys(left.columns[1:], "{:+.3f}"),
                      note="Nats of effective size per year of release date and per nat of "
                           "parameters, beyond the benchmark's own trends in the fit, with one "
                           "standard error.")],
        pictures=[
            Picture("check-records", f"{count.found:.0f} records in the data, "
                    f"{count.expected:.0f} in the middle of worlds drawn from the fit",
                    f"Histogram of the number of records in worlds drawn from the fit: median "
                    f"{count.expected:.0f}; the data have {count.found:.0f}. Longest wait: "
                    f"{longest.found:.0f} days in the data, {longest.expected:.0f} in those.",
                    lambda fig: _records(fig, drawn["worlds"]), 7, 3.6),
            Picture("check-pit", f"{coverage.found:.0%} of the scores lie inside their "
                    f"{context.interval.prob:.0%} predictive interval (a flat histogram is right)",
                    f"Histogram of where {len(pit)} scores fall in their predictive "
                    f"distributions; {coverage.found:.1%} lie inside their "
                    f"{context.interval.prob:.0%} interval.",
                    lambda fig: _pit(fig, pit), 7, 3.2)],
        summary={"diagnostics": gate, "checks": [check.to_dict() for check in checks],
                 "residual_trends": left.to_dict("records"), "pulls": trust.pulls(context)},
    )


def _measured(gate: dict[str, Any]) -> str:
    """How the draws were made and judged."""
    return (f"worst R-hat {gate['rhat_max']:.3f} (at most {RHAT_MAX}), smallest effective "
            f"sample size {gate['ess_bulk_min']:.0f} in the bulk and {gate['ess_tail_min']:.0f} "
            f"in the tails (at least {ESS_MIN}), {gate['divergences']} divergences, over every "
            f"sampled quantity, by NUTS")


def _records(fig: Figure, worlds: dict[str, np.ndarray]) -> None:
    predictive_check(fig.subplots(), replicated=worlds["count"],
                     observed=float(np.median(worlds["observed_count"])),
                     xlabel="number of records")


def _pit(fig: Figure, pit: np.ndarray) -> None:
    ax = fig.subplots()
    ax.hist(pit, bins=np.linspace(0, 1, 21), color="#9dbcd4", edgecolor="white", linewidth=0.5)
    ax.axhline(len(pit) / 20, color="#444", lw=1, ls="--")
    ax.set(xlabel="share of predicted scores below the observed one", ylabel="scores")
