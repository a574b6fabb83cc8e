"""The ruler: what a loss and a score say about the size of a reference model.

One reference family per anchored benchmark: its loss law from a ladder of training runs, its
performance law from models with a loss and a score. The sampled coordinates are those that the
data pin down (the loss at the ladder's centre, the share of the size term there, the local
slopes); exponents and coefficients follow from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from densing_bayes import laws

if TYPE_CHECKING:
    from densing_bayes.families.blocks import Packed, Table

# the sampled coordinates of the ruler, each of shape (anchor,)
COORDINATES = ("log_loss_at_centre", "size_share", "log_size_slope", "log_token_slope",
               "headroom", "log_steepness", "log_midpoint")


def coordinates(irreducible: bool) -> tuple[str, ...]:
    """Names of the ruler's sampled coordinates."""
    return (*COORDINATES, "irreducible_share") if irreducible else COORDINATES


@dataclass(frozen=True)
class Ruler:
    """Random variables of the ruler, one entry per anchored benchmark (dim ``anchor``)."""

    law: dict[str, Any]  # log_a, alpha, log_b, beta, irreducible: arguments of laws.loss
    curve: dict[str, Any]  # gamma, midpoint, scale, chance: arguments of laws.score
    tokens: Any  # D0, the reference number of training tokens

    def at(self, index: Any) -> Ruler:
        """The ruler of each anchor in ``index`` (an integer or an integer vector)."""
        return Ruler(_pick(self.law, index), _pick(self.curve, index), self.tokens)

    def log_size(self, score: Any) -> Any:
        """Ln of the effective size that reaches ``score`` (inside chance and ceiling)."""
        loss = laws.loss_of_score(score=score, **self.curve)
        return laws.log_effective_size(loss=loss, tokens=self.tokens, **self.law)


def sampled_coordinates(priors: dict[str, Packed], floor: Any, *, irreducible: bool,
                        ) -> dict[str, Any]:
    """The ruler's coordinates as random variables, one entry per anchor.

    At the ladder's centre (geometric means of N and D) the loss is exp(log_loss_at_centre), of
    which E takes ``irreducible_share``; the size term takes ``size_share`` of the rest. The
    local slopes s_N = share * alpha and s_D = (1 - share) * beta are what the ladder measures,
    so ln alpha ~ Normal is declared as ln s_N ~ Normal(. + ln share). The midpoint of the
    performance law is relative to the loss at the centre and its steepness per that loss, so
    that their priors are free of the loss's unit; the ceiling is a share ``headroom`` of the
    room above chance, below one because some labels are wrong, above ``floor``, the share that
    the best score in the tables has reached.
    """
    from densing_bayes.families.blocks import rv

    share = rv("size_share", priors["size_share"], dims="anchor")
    out = {
        "size_share": share,
        "log_size_slope": rv("log_size_slope", priors["log_alpha"], shift=np.log(share),
                             dims="anchor"),
        "log_token_slope": rv("log_token_slope", priors["log_beta"], shift=np.log(1 - share),
                              dims="anchor"),
    }
    for name in ("log_loss_at_centre", "headroom", "log_steepness", "log_midpoint",
                 *(("irreducible_share",) if irreducible else ())):
        out[name] = (above_floor(name, priors[name], floor, dims="anchor") if name == "headroom"
                     else rv(name, priors[name], dims="anchor"))
    return out


def law_and_curve(at: dict[str, Any], anchors: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments of `laws.loss` and `laws.score` from the coordinates.

    Works on PyTensor and on draws alike. ``anchors`` has centre_log_params,
    centre_log_tokens and chance per anchor.
    """
    share = at["size_share"]
    alpha = np.exp(at["log_size_slope"]) / share
    beta = np.exp(at["log_token_slope"]) / (1 - share)
    centre = np.exp(at["log_loss_at_centre"])
    irreducible = centre * at.get("irreducible_share", 0.0)
    reducible = np.log(centre - irreducible)
    law = {
        "log_a": reducible + np.log(share) + alpha * anchors["centre_log_params"],
        "alpha": alpha,
        "log_b": reducible + np.log(1 - share) + beta * anchors["centre_log_tokens"],
        "beta": beta,
        "irreducible": irreducible,
    }
    curve = {
        "gamma": -np.exp(at["log_steepness"]) / centre,
        "midpoint": np.exp(at["log_midpoint"]) * centre,
        "scale": at["headroom"] * (1 - anchors["chance"]),
        "chance": anchors["chance"],
    }
    return law, curve


def ruler_likelihood(law: dict[str, Any], curve: dict[str, Any], ladder: Table, pairs: Table,
                     priors: dict[str, Packed]) -> None:
    """Likelihood of the ladder's losses and of the models with a loss and a score.

    ``ladder`` has a row per run (anchor, log_params, log_tokens, log_loss), ``pairs``
    one per model (anchor, loss, score, share). A model scores on the curve, or, where
    the answer format is not switched on, at chance however low its loss (``off_share`` of the
    pairs). ``share`` is what a row counts beside its neighbours of the same run.
    """
    import pymc as pm  # draws of a saved fit are read without it

    from densing_bayes.families.blocks import rv

    anchor = ladder.index("anchor")
    fitted = np.log(laws.loss(params=np.exp(ladder["log_params"]),
                              tokens=np.exp(ladder["log_tokens"]), **_pick(law, anchor)))
    sigma = rv("sigma_loss", priors["sigma_loss"], dims="anchor")
    pm.Normal("ladder_losses", fitted, sigma[anchor], observed=ladder.values("log_loss"))

    anchor = pairs.index("anchor")
    expected = laws.score(loss=pairs["loss"], **_pick(curve, anchor))
    sigma = rv("sigma_pair", priors["sigma_pair"], dims="anchor")[anchor]
    off = rv("off_share", priors["off_share"], dims="anchor")[anchor]
    pm.CustomDist("pair_scores", expected, _pick(curve, anchor)["chance"], sigma, off,
                  pairs["share"], logp=_pair_logp, random=_pair_random,
                  observed=pairs.values("score"))


def _pair_logp(score: Any, expected: Any, chance: Any, sigma: Any, off: Any, share: Any) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    on_curve, at_chance = (pm.logp(pm.Normal.dist(mean, sigma), score)
                           for mean in (expected, chance))
    return share * pt.logaddexp(pt.log1p(-off) + on_curve, pt.log(off) + at_chance)


def _pair_random(expected: Any, chance: Any, sigma: Any, off: Any, share: Any, *,
                 rng: np.random.Generator, size: Any) -> np.ndarray:
    mean = np.where(rng.random(size) < off, chance, expected)
    return mean + sigma * rng.standard_normal(size)


def above_floor(name: str, prior: Packed, floor: Any, **kwargs: Any) -> Any:
    """A share with a Beta prior that is known to lie above a floor.

    Up to the constant by which the prior above the floor integrates to one.
    """
    import pymc as pm
    from pymc.distributions.transforms import Interval

    if prior.dist != "Beta":
        raise ValueError(f"{prior.dist} is no share")
    return pm.CustomDist(
        name, prior.args["alpha"], prior.args["beta"], floor,
        logp=lambda value, alpha, beta, floor: pm.logp(pm.Beta.dist(alpha, beta), value),
        random=_share_above, default_transform=Interval(bounds_fn=lambda *_: (floor, 1.0)),
        initval=floor + 0.5 * (1 - floor), **kwargs)


def _share_above(alpha: Any, beta: Any, floor: Any, *, rng: np.random.Generator, size: Any,
                 ) -> np.ndarray:
    from scipy import stats

    prior = stats.beta(alpha, beta)
    least = prior.cdf(floor)
    return prior.ppf(least + rng.random(size) * (1 - least))


def _pick(values: dict[str, Any], index: Any) -> dict[str, Any]:
    return {name: value[index] if getattr(value, "ndim", 0) else value
            for name, value in values.items()}
