"""``growth`` and ``density``: what the joint fit says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from densing_bayes.context import Context
from densing_bayes.intervals import doubled, words_of_set
from densing_bayes.questions import density as ask_density
from densing_bayes.questions import growth as ask_growth
from densing_bayes.reports import Picture
from densing_bayes.specs import ModelSpec
from densing_bayes.verbs.answer import Answer, printed_frame
from densing_bayes.verbs.opening import Data, opened
from densing_bayes.verbs.steps import Progress, steps

if TYPE_CHECKING:
    from densing_bayes.questions.costs import Costs


def growth(data: Data = None, *, window: str | tuple[Any, Any] | None = None,
           spec: str | Path | ModelSpec = "densing", seed: int | None = None,
           fit: str | Path | None = None, skip_bad: bool = False, progress: Progress = False,
           **options: Any) -> Answer:
    """How fast the frontier of capability density grows.

    Parameters
    ----------
    data, spec, seed, fit, skip_bad, options
        As `densing_bayes.verbs.opening.opened` takes them: a folder, a dict of DataFrames or
        tables; and any option of the spec, such as ``benchmarks=["MMLU", "MATH"]``.
    window
        ``"last-12-months"`` or ``"2024-01-01:2025-04-30"``; None: since LLaMA-1.
    progress
        True prints steps on stderr.

    Returns
    -------
    Answer
        ``values`` is a `densing_bayes.questions.growth.Growth` with the draws.

    Examples
    --------
    >>> import densing_bayes as db
    >>> answer = db.growth(window="last-12-months")  # doctest: +SKIP
    >>> answer.to_dict()["growth"]["rate_per_day"]["median"]  # doctest: +SKIP
    """
    from densing_bayes.sections.headline import headline

    with steps(progress) as step:
        context = opened(data, spec=spec, seed=seed, fit=fit, skip_bad=skip_bad, progress=step,
                         **options)
        found = ask_growth.growth(context, window)
        lines = headline(context) if window is None else [window_words(found)]
    return Answer(" ".join(lines), growth_table([found]), found.to_dict(), found,
                  lambda: [_posterior(context, found)], "\n".join(lines), source=context)


def _posterior(context: Context, found: ask_growth.Growth) -> Picture:
    from densing_bayes.sections.growth import posterior_picture  # draws: matplotlib

    return posterior_picture(context, found)


def _timeline(context: Context) -> Picture:
    from densing_bayes.sections.density import timeline_picture

    return timeline_picture(context)


def window_words(found: ask_growth.Growth) -> str:
    """Growth over a window as one sentence; a window that is over has grown."""
    s, window = found.summary(), found.window
    day = s["rate_per_day"]
    return (f"From {window.start} to {window.end} the frontier of capability density "
            f"{doubled(s, found.interval)}: {day['median']:.4f} per day ({day['low']:.4f} to "
            f"{day['high']:.4f}).")


def growth_table(rows: Sequence[ask_growth.Growth]) -> pd.DataFrame:
    """A row per window: rates per day and per year, and the doubling time as a set."""
    out = []
    for found in rows:
        s = found.summary()
        out.append({
            "window": found.window.name,
            **{f"{key} (1/{unit})": s[f"rate_per_{unit}"][key]
               for unit in ("day", "year") for key in ("median", "low", "high")},
            "doubling time (days)": s["doubling_time_days"]["median"],
            "doubling set": words_of_set(s["doubling_time_days"]["set"])})
    return pd.DataFrame(out)


def density(models: Sequence[str] = (), data: Data = None, *, device: str | None = None,
            spec: str | Path | ModelSpec = "densing", seed: int | None = None,
            fit: str | Path | None = None, skip_bad: bool = False, progress: Progress = False,
            **options: Any) -> Answer:
    """Density of models, with their gaps to the frontier; or counting what inference costs.

    Parameters
    ----------
    models
        Names; none for all. A single name may be given as text.
    device
        Of hardware.csv: count what inference costs on it, and take in models outside the fit.
    data, spec, seed, fit, skip_bad, progress, options
        As in `growth`.

    Returns
    -------
    Answer
        ``table`` has a row per model. ``values`` is the list of rows, or with a device a
        `densing_bayes.questions.costs.Costs`.
    """
    names = [models] if isinstance(models, str) else list(models)
    with steps(progress) as step:
        context = opened(data, spec=spec, seed=seed, fit=fit, skip_bad=skip_bad, progress=step,
                         **options)
        if device is not None:
            from densing_bayes.questions import costs as ask_costs

            return replace(_by_cost(ask_costs.costs(context, device), names), source=context)
        rows = ask_density.named(context, names)
        frontier = ask_density.frontier(context)
    interval = context.interval
    lines = [f"{'model':32s} density  [{interval}]  gap  P(frontier)"]
    lines += [f"{row['model'][:32]:32s} {row['median']:7.2f}  [{row['low']:.2f}, "
              f"{row['high']:.2f}]  x{row['gap_median']:.1f}  {row['p_on_frontier']:.2f}"
              for row in rows]
    top = rows[0]
    first = (f"{top['model']} has a density of" if len(rows) == 1 else
             f"The densest of {len(rows)} models by posterior median is {top['model']}:")
    text = (f"{first} {top['median']:.2f} ({interval}: {top['low']:.2f} to {top['high']:.2f}). On "
            f"{frontier['date']} the frontier stands at {frontier['median']:.1f} "
            f"({frontier['low']:.1f} to {frontier['high']:.1f}).")
    return Answer(text, pd.DataFrame(rows),
                  {"interval": {"prob": interval.prob, "kind": interval.kind}, "density": rows},
                  rows, lambda: [_timeline(context)], "\n".join(lines), source=context)


def _by_cost(found: Costs, names: list[str]) -> Answer:
    from densing_bayes.sections.costs import section

    rows, study = found.named(names), found.study
    head, interval = study.devices[0].name, study.spec.interval
    frame = pd.DataFrame([
        {key: "{median:.2f} [{low:.2f}, {high:.2f}]".format(**value)
         if isinstance(value, dict) else value for key, value in row.items()} for row in rows])
    top = max(rows, key=lambda row: row["by_cost"]["median"])
    text = (f"Counting what inference costs on {head}, the densest of {len(rows)} models is "
            f"{top['model']}: {top['by_cost']['median']:.2f} ({interval}: "
            f"{top['by_cost']['low']:.2f} to {top['by_cost']['high']:.2f}).")
    return Answer(text, pd.json_normalize(rows), {"device": head, "cost_density": rows}, found,
                  lambda: section(study, outside=found.outside).pictures,
                  f"device {head}; {interval}\n{printed_frame(frame)}")
