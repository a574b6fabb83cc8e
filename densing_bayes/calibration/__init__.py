"""Calibration: are the intervals true? SBC, coverage of worlds, back-test, certificate."""

from typing import Any

from densing_bayes.calibration.editions import publish, published

__all__ = ["FULL", "QUICK", "Plan", "calibrate", "publish", "published"]


def __getattr__(name: str) -> Any:
    """What runs a calibration is loaded where it is asked for: a published one is a file."""
    if name in ("FULL", "QUICK", "Plan", "calibrate"):
        from densing_bayes.calibration import certificate

        return getattr(certificate, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
