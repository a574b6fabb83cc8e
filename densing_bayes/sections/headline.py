"""The headline: the few statements that a reader takes away, each with its interval."""

from __future__ import annotations

import math
from typing import Any

from densing_bayes.calibration import published
from densing_bayes.context import Context
from densing_bayes.intervals import RATE_OF_NONE, Interval, doubled, growth_summary, probability
from densing_bayes.questions import frontier
from densing_bayes.questions import growth as questions


def headline(context: Context) -> list[str]:
    """The few statements that a reader takes away."""
    whole = questions.growth(context)
    by = {"total": "", "active": " counted by active parameters",
          "cost": " counted by cost of inference"}[whole.axis]
    lines = [
        f"Between {whole.window.start:%B %Y} and {whole.window.end:%B %Y} the capability density "
        f"of {'open ' if context.spec.options['open_only'] else ''}language models{by} "
        f"{briefly(whole)}, by the scores of {whole.models} models.",
        "Capability density: the size of a reference model with the same scores, over the "
        "model's own.",
    ]
    for one in questions.windows(context):
        if one.window.name == "last-12-months" and one.window.start > whole.window.start:
            lines.append(f"In the last twelve of these months it {briefly(one)}.")
    last = frontier.on_last_day(context)
    best = last["best_available"]
    lines.append(f"The best available on {last['date']} had a density of {best['median']:.0f} "
                 f"({best['low']:.0f} to {best['high']:.0f}); {last['model']} was it with "
                 f"probability {probability(last['p_best'])}.")
    turned = frontier.change(context)
    if turned is not None:
        said = turned.to_dict()
        lines.append(
            f"After {frontier.break_of(context)[1]} the frontier grew by "
            f"{said['rate_after']['median']:.2f} per year "
            f"({said['rate_after']['low']:.2f} to {said['rate_after']['high']:.2f}), before by "
            f"{said['rate_before']['median']:.2f} ({said['rate_before']['low']:.2f} to "
            f"{said['rate_before']['high']:.2f}); probability that it was faster after: "
            f"{probability(turned.p_faster)}.")
    certificate = published()
    if certificate and any(one["kept"] == "no" for one in certificate["verdict"]):
        from densing_bayes.sections import calibration

        lines += calibration.headline(certificate)
    return lines


def by_ruler(context: Context) -> list[str]:
    """How far the answer differs by ruler, which no interval holds; nothing with one ruler."""
    from densing_bayes.questions.refits import alone, refits  # a command has no use for them

    said = [f"off {one.name} it {in_short(one.rate, context.interval)}"
            for one in alone(refits(context)[0])]
    return [f"No interval holds the choice of ruler: read {', '.join(said)}."] if said else []


def in_short(rate: Any, interval: Interval) -> str:
    """What density did by draws of its rate, 1/year, without the interval where it surely grew."""
    said = growth_summary(rate, interval)
    if said["rate_per_year"]["low"] <= RATE_OF_NONE:
        return f"changed by {said['rate_per_year']['median']:.2f} per year"
    return f"doubled every {12 * math.log(2) / said['rate_per_year']['median']:.1f} months"


def briefly(asked: questions.Growth) -> str:
    """What density did over a window, the interval by its probability alone."""
    interval = asked.interval
    return doubled(asked.summary(), interval).replace(str(interval), f"{interval.prob:.0%}")
