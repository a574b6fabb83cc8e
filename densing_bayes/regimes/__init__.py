"""Growth regimes: whether the rate of a series changed, and how sure one can be.

`series` reads, `designs` states the regimes as columns, `fits` samples them from one compiled
graph, `evidence` weighs them, `verdict` gathers, `words` says it, `forecasts` looks ahead.
"""

from densing_bayes.regimes.forecasts import forecast
from densing_bayes.regimes.series import Series, density_series, read_series, series_from
from densing_bayes.regimes.verdict import Verdict, compare_sources, judge, regimes

__all__ = ["Series", "Verdict", "compare_sources", "density_series", "forecast", "judge",
           "read_series", "regimes", "series_from"]
