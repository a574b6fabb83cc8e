"""Synthetic worlds: data made from known truth, as the joint model holds it or not.

A world is a design (which models, dates, sizes, cells, ladder runs and pairs there are), a
truth (every parameter, in natural units) and a `Twist` (what happens that the model does not
share). `simulate` draws the outcomes by the same curves that the model uses; `invent` makes a
design of its own and `write` puts a world on disk as tables, so that a test can go the whole
way from files to a posterior whose truth is known.
"""

from densing_bayes.worlds.design import invent, write
from densing_bayes.worlds.simulation import (
    DIMS,
    TYPICAL,
    Columns,
    Truth,
    expected_scores,
    fill,
    frontier,
    ruler,
    simulate,
    sizes,
)
from densing_bayes.worlds.twists import Twist

__all__ = ["DIMS", "TYPICAL", "Columns", "Truth", "Twist", "expected_scores", "fill", "frontier",
           "invent", "ruler", "simulate", "sizes", "write"]
