"""What is asked, looked at before anything heavy is imported or read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from densing_bayes.errors import InputError
from densing_bayes.specs import ModelSpec, load_model


def spec_of(spec: str | Path | ModelSpec, seed: int | None, options: Mapping[str, Any],
            ) -> ModelSpec:
    """A model spec of the joint fit with a seed and options of its own."""
    found = (spec if isinstance(spec, ModelSpec) else load_model(spec)).with_seed(seed)
    if found.family != "densing":
        raise InputError(f"spec '{found.name}' is of family '{found.family}': this question needs "
                         f"one of family 'densing'")
    given = {name: list(value) if isinstance(value, tuple) else value
             for name, value in options.items() if value is not None}
    return found.with_options(**given) if given else found


def check_forecast(size: float | None, device: str | None, match: str | None,
                   score: float | None, effective: float | None, date: Any) -> None:
    """InputError for a question that asks too much or nothing, before any work."""
    if size is not None and device is not None:
        raise InputError(f"name a size or a device, not both (given {size:g}, {device!r})")
    aims = sum(aim is not None for aim in (match, score, effective))
    if aims > 1:
        raise InputError("name one thing to match: --match, --score or --effective")
    if not aims and date is None:
        raise InputError("name what to reach (--match, --score, --effective) or a day (--date)")


def day_of(date: str | dt.date | None) -> dt.date | None:
    """A day that was given as text."""
    if date is None or isinstance(date, dt.date):
        return date
    try:
        return dt.date.fromisoformat(date)
    except ValueError:
        raise InputError(f"--date: {date!r} is no day (allowed: YYYY-MM-DD)") from None
