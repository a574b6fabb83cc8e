"""Growth regimes: whether the rate of a series changed, and how sure one can be.

`series` holds and `columns` reads; `shapes` and `designs` state the regimes as columns; `noise`,
`quadrature`, `outliers` and `exact` give their exact posteriors, `weighted` and `chains` those
of frontiers and records; `fits` is what all share. `evidence` weighs, `verdict` gathers, `words`
says it, `asking` puts the questions and `forecasts` looks ahead.
"""

from densing_bayes.breakpoints.asking import compare_sources, judge, regimes
from densing_bayes.breakpoints.columns import Columns, read_series, series_from
from densing_bayes.breakpoints.forecasts import forecast
from densing_bayes.breakpoints.series import Series, density_series
from densing_bayes.breakpoints.verdict import Verdict

__all__ = ["Columns", "Series", "Verdict", "compare_sources", "density_series", "forecast",
           "judge", "read_series", "regimes", "series_from"]
