"""Training calculator: devices, days, utilisation and compute, solved for whichever is asked.

Pure functions of array-likes, keyword-only, SI units (FLOP, FLOP/s) but days.
"""

from __future__ import annotations

from typing import Any

from densing_bayes.errors import InputError, Problem
from densing_bayes.laws import Array
from densing_bayes.scaling_laws.classic import training_flop

SECONDS_PER_DAY = 86_400.0
UTILISATION = 0.4  # of the stated peak rate: 0.3 to 0.55 in published runs


def training_days(*, flop: Array, devices: Array, rate: Array,
                  utilisation: Array = UTILISATION) -> Array:
    """Days that a training run takes: C / (devices rate utilisation).

    Parameters
    ----------
    rate
        Peak FLOP per second of one device, as the maker states it.
    utilisation
        Share of the peak that training reaches, 0 to 1.

    Examples
    --------
    70B parameters on 1.4T tokens with 1,024 A100 (312 TFLOP/s) at 55%:

    >>> flop = training_flop(params=70e9, tokens=1.4e12)
    >>> round(training_days(flop=flop, devices=1024, rate=312e12, utilisation=0.55), 1)
    38.7
    """
    return flop / (devices * rate * utilisation * SECONDS_PER_DAY)


def affordable_flop(*, days: Array, devices: Array, rate: Array,
                    utilisation: Array = UTILISATION) -> Array:
    """Compute that devices deliver in a number of days: the inverse of `training_days`.

    Examples
    --------
    100 A100 for a month:

    >>> f"{affordable_flop(days=30.4375, devices=100, rate=312e12):.2g}"
    '3.3e+22'
    """
    return devices * rate * utilisation * SECONDS_PER_DAY * days


def needed_devices(*, flop: Array, days: Array, rate: Array,
                   utilisation: Array = UTILISATION) -> Array:
    """Devices that finish a run in a number of days (not rounded up).

    Examples
    --------
    >>> flop = training_flop(params=7e9, tokens=2e12)
    >>> round(needed_devices(flop=flop, days=30, rate=312e12))
    260
    """
    return flop / (days * rate * utilisation * SECONDS_PER_DAY)


def plan(*, rate: float, utilisation: float = UTILISATION, flop: float | None = None,
         params: float | None = None, tokens: float | None = None,
         devices: float | None = None, days: float | None = None) -> dict[str, Any]:
    """A training run with the one missing quantity of compute, devices and days filled in.

    Compute is ``flop`` or that of ``params`` and ``tokens``; with devices and days it is what
    can be trained (give params or tokens for the other), without it is what is needed.

    Examples
    --------
    What is needed:

    >>> round(plan(params=70e9, tokens=1.4e12, devices=1024, rate=312e12, utilisation=0.55)["days"])
    39

    What can be trained with 100 A100 in a month, at 7B parameters:

    >>> run = plan(devices=100, days=30.4375, params=7e9, rate=312e12)
    >>> f"{run['tokens']:.2g}"
    '7.8e+11'
    """
    given = {"rate": rate, "utilisation": utilisation, "flop": flop, "params": params,
             "tokens": tokens, "devices": devices, "days": days}
    problems = [Problem(f"{name} is not a positive number", given=value)
                for name, value in given.items() if value is not None and not value > 0]
    if utilisation > 1:
        problems.append(Problem("utilisation is above 1", given=utilisation,
                                allowed="a fraction of the peak rate, 0 to 1"))
    if flop is None and params is not None and tokens is not None:
        flop = training_flop(params=params, tokens=tokens)
    if sum(value is None for value in (flop, devices, days)) != 1:
        problems.append(Problem(
            "a plan needs two of compute, devices and days",
            allowed="flop (or params and tokens) with devices or days; or devices with days"))
    if problems:
        raise InputError(problems)
    machine = {"rate": rate, "utilisation": utilisation}
    if days is None:
        days = training_days(flop=flop, devices=devices, **machine)
    elif devices is None:
        devices = needed_devices(flop=flop, days=days, **machine)
    else:
        flop = affordable_flop(days=days, devices=devices, **machine)
    if params is not None and tokens is None:
        tokens = flop / training_flop(params=params, tokens=1.0)
    elif tokens is not None and params is None:
        params = flop / training_flop(params=1.0, tokens=tokens)
    return {"flop": flop, "devices": devices, "days": days, "params": params, "tokens": tokens,
            **machine}
