"""Ladders that were published without their losses, simulated: what such a design can foretell.

Baichuan 2 and MindLLM predicted their models from small ones but printed no losses, so their
designs are filled with simulated losses of a known law. What is shown is the design, not them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from densing_bayes import laws
from densing_bayes.scaling_laws.classic import CHINCHILLA_REFIT
from densing_bayes.scaling_laws.tables import Ladder, ladder

NOISE = 0.005  # sd of ln loss, about that of the digitised Chinchilla runs


@dataclass(frozen=True)
class Design:
    """Sizes and tokens of small runs, and of the models to foretell from them."""

    name: str
    small: tuple[tuple[float, float], ...]
    large: tuple[tuple[float, float], ...]
    source: str


DESIGNS = (
    Design("Baichuan 2", tuple(
        (params, 1e12) for params in (11.51e6, 51.56e6, 108.01e6, 307.60e6, 835.00e6, 1565.60e6,
                                      3019.33e6)),
        ((7e9, 2.6e12), (13e9, 2.6e12)),
        "Yang et al. 2023, Baichuan 2 (arXiv 2309.10305): 7 models of 10M to 3B on 1T tokens"),
    Design("MindLLM", tuple(
        (params, 1e10) for params in np.geomspace(10e6, 500e6, 6).tolist()),
        ((3e9, 5e11),),
        "Yang et al. 2023, MindLLM (arXiv 2310.15777): 10M to 500M on 10B tokens foretell 3B on "
        "500B; sizes between are evenly spaced here"),
)


def simulate(design: Design, *, seed: int, noise: float = NOISE,
             constants: dict[str, float] = CHINCHILLA_REFIT) -> tuple[Ladder, pd.DataFrame]:
    """The design with losses of a law of known constants: small runs, and those to foretell.

    Examples
    --------
    >>> small, large = simulate(DESIGNS[0], seed=1, noise=0.0)
    >>> len(small.frame), [round(x, 3) for x in large["loss"]]
    (7, [2.058, 2.023])
    """
    rng = np.random.default_rng(seed)

    def filled(models: tuple[tuple[float, float], ...]) -> pd.DataFrame:
        params, tokens = np.array(models).T
        loss = laws.loss(params=params, tokens=tokens, **constants)
        return pd.DataFrame({
            "run": [f"{design.name} {n / 1e9:.3g}B" for n in params], "params": params,
            "tokens": tokens, "loss": loss * np.exp(noise * rng.standard_normal(len(params)))})

    return ladder(f"{design.name} (simulated)", filled(design.small)), filled(design.large)
