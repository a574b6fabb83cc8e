"""The envelope of optima: the best loss at each compute, without any law of size and tokens.

IsoFLOP parabolas give the loss at each budget's optimum; a power law of compute with a floor
through these points, L = E + k C^-c, is the plainest extrapolation there is and often the best.
It warns where the laws say something else.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from densing_bayes.scaling_laws.optima import parabola_minima
from densing_bayes.scaling_laws.tables import Ladder

FEWEST = 4  # optima that fix three parameters and leave one to disagree
EXPONENTS = np.linspace(0.01, 0.6, 237)


def envelope_loss(ladder: Ladder, flop: np.ndarray) -> np.ndarray | None:
    """Best loss at each compute by the power law through the ladder's optima.

    Least squares in E and k, both at least 0, for each c of a grid. None with fewer than four
    budgets that have an optimum inside their runs.

    Examples
    --------
    >>> import pandas as pd
    >>> from densing_bayes.scaling_laws.tables import ladder
    >>> budgets = np.repeat(np.geomspace(1e18, 1e20, 5), 7)
    >>> size = np.sqrt(budgets / 120) * np.tile(np.geomspace(0.3, 3, 7), 5)
    >>> token = budgets / 6 / size
    >>> runs = pd.DataFrame({"params": size, "tokens": token,
    ...                      "loss": 1.8 + 480 * size**-0.35 + 2100 * token**-0.37})
    >>> best = envelope_loss(ladder("sweep", runs), np.array([1e22]))
    >>> from densing_bayes.scaling_laws.classic import optimal_params
    >>> n = optimal_params(flop=1e22, log_a=np.log(480), alpha=0.35, log_b=np.log(2100), beta=0.37)
    >>> bool(abs(best[0] / (1.8 + 480 * n**-0.35 + 2100 * (1e22 / 6 / n)**-0.37) - 1) < 0.002)
    True
    """
    optima = parabola_minima(ladder)
    if len(optima.log_flop) < FEWEST:
        return None
    middle = optima.log_flop.mean()
    best = None
    for exponent in EXPONENTS:
        basis = np.column_stack([np.ones_like(optima.log_flop),
                                 np.exp(-exponent * (optima.log_flop - middle))])
        found, rest = nnls(basis, optima.loss)
        if best is None or rest < best[0]:
            best = rest, exponent, found
    _, exponent, (floor, scale) = best  # type: ignore[misc]
    return np.asarray(floor + scale * np.exp(-exponent * (np.log(flop) - middle)))
