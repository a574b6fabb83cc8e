"""Small posteriors by importance sampling: no graph, no compilation, a tenth of a second each.

A regime of a series or a law of a ladder has some ten parameters and a likelihood of one line,
so a few thousand weighted draws do what thousands of gradients would. For each candidate (such
as a date of change) the posterior mode and curvature give a Student t; draws are weighted by
posterior over proposal, and two rounds of moment matching turn and stretch the proposals
together. Pareto-smoothed weights say whether that worked: with a shape k below 0.7 and an
effective sample size of 400 or more the draws stand for the posterior (Vehtari et al. 2024,
arXiv 1507.02646); else those who ask here sample the same model with NUTS.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from densing_bayes.priors import Prior

DEGREES = 3  # of the proposals' Student t: tails heavier than any posterior here
FAR, WIDE = 0.3, 1.6  # share of draws from a proposal this much wider, for what is skewed
ROUNDS = (2000, 4000)  # draws that only improve the proposals
FINAL = (8000, 64_000, 64_000)  # draws that count; more where the first ones are refused
K_MAX, ESS_MIN = 0.7, 400
STEP, WIDTH = 1e-3, 0.25  # of differences for slope and curvature, in posterior widths
PASSES = 2
FEWEST_IN_TAIL = 5  # draws of a tail that has a shape
FLATTEST = 0.05  # least curvature: no proposal is wider than 4.5 times what was supposed
SPREAD = 0.1  # share of the proposals' draws spread evenly over the candidates


@dataclass(frozen=True)
class Coordinates:
    """Parameters as a real vector: where each lies, and on which scale it is sampled.

    Parameters
    ----------
    priors
        Parameter -> prior; its support chooses the scale (real, log or logit).
    sizes
        Parameter -> length, in the order of the vector; those without a prior are standard
        normal, or have none yet (``flat``).
    """

    priors: Mapping[str, Prior]
    sizes: dict[str, int]
    flat: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Length of the vector."""
        return sum(self.sizes.values())

    def unpack(self, x: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Parameters by name, and the log density of the priors at ``x`` up to a constant."""
        found, total, start = {}, np.zeros(len(x)), 0
        for name, size in self.sizes.items():
            part = x[:, start:start + size]
            start += size
            if name in self.priors:
                prior = self.priors[name]
                part, slope = SCALES[prior.dist](part)
                each = slope + DENSITIES[prior.dist](part, prior.args)
            else:
                each = -0.5 * part**2 * (name not in self.flat)
            found[name] = part
            total += each.sum(axis=1)
        return found, total


def stream(seed: int, case: str) -> np.random.Generator:
    """The random stream of a named case."""
    return np.random.default_rng([seed, zlib.crc32(case.encode())])


def _real(x: np.ndarray) -> tuple[np.ndarray, Any]:
    return x, 0.0


def _log(x: np.ndarray) -> tuple[np.ndarray, Any]:
    return np.exp(np.clip(x, -300, 300)), x


def _logit(x: np.ndarray) -> tuple[np.ndarray, Any]:
    from scipy import special

    share = np.clip(special.expit(x), 1e-12, 1 - 1e-12)
    return share, np.log(share) + np.log1p(-share)


# the real scale of each support, and the log slope of the way back
SCALES: dict[str, Callable[[np.ndarray], tuple[np.ndarray, Any]]] = {
    "Normal": _real, "HalfNormal": _log, "LogNormal": _log, "Gamma": _log, "Exponential": _log,
    "Beta": _logit,
}
# log densities up to constants, as closed forms: an optimiser asks them a million times, and
# scipy's own take fifty times as long (tests hold them to `Prior.logpdf`)
DENSITIES: dict[str, Callable[[np.ndarray, Any], np.ndarray]] = {
    "Normal": lambda y, a: -0.5 * ((y - a["mu"]) / a["sigma"]) ** 2,
    "HalfNormal": lambda y, a: -0.5 * (y / a["sigma"]) ** 2,
    "LogNormal": lambda y, a: -0.5 * ((np.log(y) - a["mu"]) / a["sigma"]) ** 2 - np.log(y),
    "Gamma": lambda y, a: (a["alpha"] - 1) * np.log(y) - a["beta"] * y,
    "Exponential": lambda y, a: -a["lam"] * y,
    "Beta": lambda y, a: (a["alpha"] - 1) * np.log(y) + (a["beta"] - 1) * np.log1p(-y),
}


@dataclass(frozen=True, eq=False)
class Weighted:
    """Weighted draws: vectors, their candidates, normalised weights, and what they are worth.

    ``log_evidence`` is the log of the integral of the density, candidates being equally likely.
    """

    x: np.ndarray
    candidate: np.ndarray
    weight: np.ndarray
    pareto_k: float
    log_evidence: float

    @property
    def ess(self) -> float:
        """Effective sample size of the weights."""
        return float(1 / (self.weight**2).sum())

    @property
    def passed(self) -> bool:
        """Whether the draws stand for the posterior."""
        return self.pareto_k <= K_MAX and self.ess >= ESS_MIN

    def resample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Indices of equally weighted draws (systematic resampling, then shuffled)."""
        places = (np.arange(count) + rng.uniform()) / count
        picked = np.searchsorted(np.cumsum(self.weight), places).clip(max=len(self.weight) - 1)
        return rng.permutation(picked)


def pareto_smoothed(log_ratio: np.ndarray) -> tuple[np.ndarray, float]:
    """Normalised weights of draws, their upper tail smoothed, and Pareto's k of that tail.

    Parameters
    ----------
    log_ratio
        Ln of target over proposal at each draw, up to a constant; NaN counts as no weight.

    Returns
    -------
    weights, k
        Draws of equal worth have equal weights and k = 0: there is no tail to smooth. Where no
        draw has a finite ratio the weights are equal and k is infinite: not to be trusted.

    Examples
    --------
    >>> pareto_smoothed(np.full(4, -3.0))
    (array([0.25, 0.25, 0.25, 0.25]), 0.0)
    """
    ratio = np.where(np.isnan(log_ratio), -np.inf, log_ratio)
    equal = np.full(len(ratio), 1 / len(ratio))
    top = ratio.max()
    if not np.isfinite(top):
        return equal, np.inf
    ratio = np.maximum(ratio - top, -700)
    if ratio.min() > -1e-9:  # equal up to the rounding of a sum of many terms
        return equal, 0.0
    tail = np.argsort(ratio)[-int(min(0.2 * len(ratio), 3 * np.sqrt(len(ratio)))) - 1:]
    floor, tail = np.exp(ratio[tail[0]]), tail[1:]
    above = np.exp(ratio[tail]) - floor
    weight, k = np.exp(ratio), np.inf
    if len(tail) >= FEWEST_IN_TAIL and above[int(len(tail) / 4 + 0.5) - 1] > above[0]:
        k, scale = pareto_of(above)
        share = (np.arange(len(tail)) + 0.5) / len(tail)
        steps = -np.log1p(-share) if abs(k) < 1e-12 else np.expm1(-k * np.log1p(-share)) / k
        weight[tail] = np.minimum(floor + scale * steps, 1.0)
    return weight / weight.sum(), float(k)


def pareto_of(above: np.ndarray) -> tuple[float, float]:
    """Shape and scale of the generalised Pareto distribution of sorted values above a threshold.

    Posterior means of Zhang & Stephens 2009 (Technometrics 51), with the shape drawn towards one
    half as by ten more values (Vehtari et al. 2024, appendix C). ArviZ has it too, and imports for
    more than a second.

    Examples
    --------
    >>> at = (np.arange(2000) + 0.5) / 2000
    >>> shape, scale = pareto_of(2.0 * np.expm1(-0.3 * np.log1p(-at)) / 0.3)
    >>> abs(shape - 0.3) < 0.01, abs(scale - 2) < 0.03
    (True, True)
    """
    count = len(above)
    grid = 30 + int(np.sqrt(count))
    quarter = above[int(count / 4 + 0.5) - 1]
    theta = 1 / above[-1] + (1 - np.sqrt(grid / (np.arange(grid) + 0.5))) / (3 * quarter)
    with np.errstate(invalid="ignore", divide="ignore"):
        shape = np.log1p(-theta[:, None] * above).mean(axis=1)
        profile = count * (np.log(-theta / shape) - shape - 1)
        share = np.exp(profile - np.nanmax(profile))
        share = np.where(share >= 10 * np.finfo(float).eps * np.nansum(share), share, 0.0)
        mean = float((theta * share).sum() / share.sum())
        found = float(np.log1p(-mean * above).mean())
        shape_mean = (count * found + 10 * 0.5) / (count + 10)
        return shape_mean, -found / mean


def importance(log_posterior: Callable[[np.ndarray, np.ndarray], np.ndarray], start: np.ndarray,
               candidates: int, rng: np.random.Generator,
               final: tuple[int, ...] = FINAL) -> Weighted:
    """Weighted draws of vector and candidate.

    Parameters
    ----------
    log_posterior
        (vectors (draw, dim), candidates (draw,)) -> log density (draw,), up to a constant.
    start
        Where the search for the first candidate's mode begins.
    final
        Draws that count, and those tried where they are refused.
    """
    from scipy import special

    modes: list[np.ndarray] = []
    roots, logs = [], []
    for k in range(candidates):
        mode, root, log = _laplace(log_posterior, modes[-1] if modes else start, k)
        modes.append(mode)
        roots.append(root)
        logs.append(log)
    proposal = Proposal(
        np.array(modes), np.array(roots), np.zeros(len(start)), np.eye(len(start)),
        (1 - SPREAD) * special.softmax(logs) + SPREAD / candidates)
    for draws in ROUNDS:
        proposal = proposal.towards(*proposal.draw(log_posterior, draws, rng))
    for draws in final:
        found, z = proposal.draw(log_posterior, draws, rng)
        if found.passed:
            break
        proposal = proposal.towards(found, z)
    return found


@dataclass(frozen=True, eq=False)
class Proposal:
    """A Student t for each candidate, turned and stretched together about their modes.

    A draw is ``mode + root (shift + stretch t)`` with the candidate's mode and root.

    Parameters
    ----------
    share
        Probability of each candidate.
    """

    mode: np.ndarray
    root: np.ndarray
    shift: np.ndarray
    stretch: np.ndarray
    share: np.ndarray

    def draw(self, log_posterior: Callable[..., np.ndarray], draws: int,
             rng: np.random.Generator) -> tuple[Weighted, np.ndarray]:
        """Weighted draws, and where they lie in the proposals' own coordinates."""
        from scipy import special

        dim = len(self.shift)
        candidate = rng.choice(len(self.share), draws, p=self.share)
        chi = rng.chisquare(DEGREES, size=(draws, 1)) / DEGREES
        far = np.where(rng.uniform(size=(draws, 1)) < FAR, WIDE, 1.0)
        t = far * rng.normal(size=(draws, dim)) / np.sqrt(chi)
        z = self.shift + t @ self.stretch.T
        x = self.mode[candidate] + np.einsum("nij,nj->ni", self.root[candidate], z)
        size = np.linalg.slogdet(self.root)[1] + np.log(np.diag(self.stretch)).sum()
        near, wide = (-0.5 * (DEGREES + dim) * np.log1p((t**2).sum(axis=1) / scale**2 / DEGREES)
                      - dim * np.log(scale) for scale in (1.0, WIDE))
        log_proposal = (np.log(self.share) - size)[candidate] + np.logaddexp(
            np.log1p(-FAR) + near, np.log(FAR) + wide)
        log_proposal += (special.gammaln((DEGREES + dim) / 2) - special.gammaln(DEGREES / 2)
                         - dim / 2 * np.log(DEGREES * np.pi))
        ratio = log_posterior(x, candidate) - log_proposal
        ratio[np.isnan(ratio)] = -np.inf
        weight, k = pareto_smoothed(ratio)
        evidence = special.logsumexp(ratio) - np.log(draws * len(self.share))
        return Weighted(x, candidate, weight, k, float(evidence)), z

    def towards(self, found: Weighted, z: np.ndarray) -> Proposal:
        """The proposals with the mean, spread and shares of these weighted draws."""
        dim = len(self.shift)
        shift = found.weight @ z
        spread = (found.weight[:, None] * (z - shift)).T @ (z - shift)
        worth = found.ess / (found.ess + 5 * dim)  # a spread of few draws is not to be trusted
        share = np.bincount(found.candidate, found.weight, minlength=len(self.share))
        return replace(
            self, shift=shift,
            stretch=np.linalg.cholesky(worth * spread + (1 - worth) * np.eye(dim)),
            share=(1 - SPREAD) * share / share.sum() + SPREAD / len(share))


def _laplace(log_posterior: Callable[..., np.ndarray], start: np.ndarray,
             candidate: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Mode, a root of the inverse curvature there, and Laplace's log evidence.

    Climbed and measured in coordinates in which the posterior is about as wide as 1, so that
    steps suit a parameter known to 1e-5 as well as one hardly known; each pass improves them.
    """
    dim = len(start)
    unit = np.eye(dim)
    i, j = np.triu_indices(dim)
    mode, root = start, unit

    def at(z: np.ndarray) -> np.ndarray:
        values = log_posterior(mode + z @ root.T, np.full(len(z), candidate))
        return np.where(np.isfinite(values), values, -1e10)

    from scipy import optimize  # for saved answers weights are enough

    def value_and_slope(z: np.ndarray) -> tuple[float, np.ndarray]:
        values = at(np.concatenate([[z], z + STEP * unit, z - STEP * unit]))
        return -values[0], -(values[1:dim + 1] - values[dim + 1:]) / (2 * STEP)

    def curvature(width: float) -> np.ndarray:
        a, b = width * unit[i], width * unit[j]
        f = at(np.concatenate([a + b, a - b, b - a, -a - b])).reshape(4, -1)
        found = np.zeros((dim, dim))
        found[i, j] = found[j, i] = -(f[0] - f[1] - f[2] + f[3]) / (4 * width**2)
        return found

    root = np.diag(1 / np.sqrt(np.maximum(np.diag(curvature(STEP)), FLATTEST)))
    for _ in range(PASSES):
        step = optimize.minimize(value_and_slope, np.zeros(dim), jac=True, method="BFGS",
                                 options={"gtol": 0.01, "maxiter": 200}).x
        mode = mode + root @ step
        values, vectors = np.linalg.eigh(curvature(WIDTH))
        root = root @ (vectors / np.sqrt(np.maximum(values, FLATTEST)))
    return mode, root, float(at(np.zeros((1, dim)))[0] + np.linalg.slogdet(root)[1])
