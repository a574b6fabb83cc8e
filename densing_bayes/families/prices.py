"""The price frontier: the cheapest price at which a capability is sold, and how it falls.

Every offer of at least that capability lies above a falling line by its own dearness. With
cheapness y = -ln price it is the stochastic frontier of `frontier`: y = f(t) - u + v, u
half-normal, v normal; all offers speak, not the record lows alone, whose regression finds a
fall where there is none.

    f(t) = -level + fall (t - centre) + change (h(t) - its regression on time),

with h(t) = max(t - break, 0). So ``level`` and ``fall`` are those of the line through the middle
of the offers, break or no break, and what the break adds is free of both: sampled otherwise the
two slopes and the break's date are one long ridge.

An offer that still stands, unbeaten, on a check date says only that the cheapest price is not
above it, f + v >= y: one right-censored term. It is no evidence that the fall has stopped, for
the list may lack the offer that beat it.
"""

from __future__ import annotations

from typing import Any

import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.dist_math import normal_lcdf

from densing_bayes.families.blocks import Table, rv
from densing_bayes.families.frontier import skew_normal_logp
from densing_bayes.specs import ModelSpec
from densing_bayes.trends import hinge


def build(tables: dict[str, Any], spec: ModelSpec) -> pm.Model:
    """The frontier of one threshold and one price basis as a PyMC graph.

    Parameters
    ----------
    tables
        ``offers``: time (years) and cheapness (-ln price); ``checks``: the same of standing
        offers; ``setting`` (one row): centre, the offers' mean time; first and last, between
        which the break lies; broken, 1.0 with a break, else 0.0. All of free length: one
        compiled model serves every threshold.
    spec
        Priors of family ``prices``.
    """
    priors = spec.priors
    with pm.Model() as model:
        offers, checks, setting = (Table(name, tables[name])
                                   for name in ("offers", "checks", "setting"))
        centre, first, last = (setting[name][0] for name in ("centre", "first", "last"))
        level = rv("level", priors["level"])
        fall = rv("fall", priors["fall"])
        change = setting["broken"][0] * rv("change", priors["change"])
        place = rv("place", priors["place"])
        omega = rv("omega", priors["omega"])
        q = rv("q", priors["q"])
        at = pm.Deterministic("break_time", first + place * (last - first))

        time = offers["time"] - centre
        bent = hinge(offers["time"], at)
        slope = (bent * time).sum() / (time * time).sum()
        before = pm.Deterministic("before", fall - change * slope)
        pm.Deterministic("after", before + change)
        origin = pm.Deterministic("origin", level + change * bent.mean())

        def path(when: Any) -> Any:
            return before * (when - centre) - origin + change * hinge(when, at)

        above = skew_normal_logp(offers["cheapness"], path(offers["time"]), omega, q)
        pm.Potential("above", above.sum())
        gap = (path(checks["time"]) - checks["cheapness"]) / (omega * pt.sqrt(1 - q))
        pm.Potential("standing", normal_lcdf(0, 1, gap).sum())
    return model
