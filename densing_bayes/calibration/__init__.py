"""Calibration: are the intervals true? SBC, coverage of worlds, back-test, certificate."""

from densing_bayes.calibration.certificate import (
    FULL,
    QUICK,
    Plan,
    calibrate,
)
from densing_bayes.calibration.editions import publish, published

__all__ = ["FULL", "QUICK", "Plan", "calibrate", "publish", "published"]
