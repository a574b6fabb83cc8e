"""The headline: the few statements that a reader takes away, each with its probability."""

from __future__ import annotations

import numpy as np

from densing_bayes.calibration import published
from densing_bayes.context import Context
from densing_bayes.intervals import probability, rate_in_words, time_in_words
from densing_bayes.joint.quantities import end_rates
from densing_bayes.questions import growth as questions
from densing_bayes.sections import calibration
from densing_bayes.trends import DAYS_PER_YEAR

SHORT = DAYS_PER_YEAR / 4  # days: less than a quarter tells no growth
SURE = 0.95  # probability above which the headline says that growth changed


def headline(context: Context) -> list[str]:
    """The few statements that a reader takes away."""
    interval = context.interval
    growth = questions.growth(context).summary()
    faster = float((context.derived["rate"] / 365.25 > np.log(2) / 106.5).mean())
    lines = [
        f"Capability density {rate_in_words(growth['rate_per_day'], interval)}.",
        f"It {time_in_words(growth, interval)}; probability of growth "
        f"{probability(growth['doubling_time_days']['p_growth'])}.",
        f"Probability that it grows at least as fast as published (doubling in 3.5 months): "
        f"{probability(faster)}.",
    ]
    days = np.ptp(context.observations.data["time"].values) * DAYS_PER_YEAR
    if days < SHORT:
        lines.append(f"Beware: all models were released within {days:.0f} days. That says next to "
                     f"nothing of a rate: what stands here is little more than the prior.")
    if not context.spec.options["constant_rate"]:
        start, end = end_rates(context.derived, context.observations.data["time"].values)
        slower = float((end < start).mean())
        if max(slower, 1 - slower) > SURE:
            lines.append(
                f"Growth was {'slower' if slower > SURE else 'faster'} at the end of the data "
                f"than at the start (probability {probability(max(slower, 1 - slower))}): "
                f"{np.median(end) / 365.25:.4f} per day over the last half year ({interval}: "
                f"{interval.of(end)[0] / 365.25:.4f} to {interval.of(end)[1] / 365.25:.4f}).")
    certificate = published()
    if certificate and any(one["kept"] == "no" for one in certificate["verdict"]):
        lines += calibration.headline(certificate)
    return lines
