"""What comes next: forecasts, rivals, and who has been better."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from densing_bayes.calibration.backtest import METHODS
from densing_bayes.joint.quantities import best_available, years_of
from densing_bayes.questions import outlook
from densing_bayes.sections import outlook as telling


@pytest.fixture(scope="module")
def rows(small_context):
    return pd.DataFrame(outlook.forecasts(small_context))


def test_every_rival_stands_beside_the_model(rows):
    methods = set(rows["method"])
    assert {"joint", "no change", "record jumps"} <= methods <= set(METHODS)
    assert set(rows["months"]) == {3, 6, 12}
    assert (rows["low"] <= rows["median"]).all()
    assert (rows["median"] <= rows["high"]).all()


def test_the_best_to_come_is_no_worse_than_the_best_there_is(rows, small_context):
    derived = outlook.thinned(small_context.derived)
    last = years_of(derived["date"].values[derived["eligible"].values]).max()
    now = np.exp(best_available(derived, [last]).median().item())
    ours = rows[(rows["what"] == "best available") & (rows["method"] == "joint")]
    path = ours.sort_values("months")["median"].to_numpy()
    assert path[0] >= 0.99 * now
    assert (np.diff(path) >= 0).all()
    same = rows[(rows["what"] == "best available") & (rows["method"] == "no change")]
    assert abs(np.log(same["median"] / now)).max() < 0.2


def test_whoever_was_better_is_named():
    rows = [{"what": "frontier", "horizon": horizon, "method": method, "against": gain,
             "against_se": 0.1, "crps": 0.3, "coverage_50%": 0.5, "forecasts": 9}
            for horizon, method, gain in ((0, "joint", 0.0), (0, "no change", -0.2),
                                          (0, "paper", 0.5), (3, "no change", -0.3),
                                          (12, "no change", 0.1))]
    (said,) = telling._who_was_better(rows)
    assert "nearer than the paper's line through records by 50%" in said
    assert "less near than no change by 20%" in said
    assert "At 3 months no change by 30% (standard error 10%) was nearer." in said
    assert "12 months" not in said


def test_the_section_tells_it(small_context):
    told = telling.section(small_context)
    assert told.text[0].startswith("If families go on appearing")
    assert {table.key for table in told.tables} >= {"outlook-forecasts", "outlook-scores"}
    assert set(told.summary["outlook"]) == {"forecasts", "scores", "matches"}
