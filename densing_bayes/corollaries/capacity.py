"""How large a model can be: of a given size, on a device, or on a kind of device in future.

A device holds N parameters of ``bits`` bits in the memory left for weights, and generates as
many tokens per second as its bandwidth reads the weights that a token uses. The smaller bound
binds. Reads are not shared: one user decodes.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from densing_bayes.corollaries.chips import ChipStudy
from densing_bayes.corollaries.draws import date_of
from densing_bayes.devices import find_device
from densing_bayes.errors import InputError, Problem
from densing_bayes.laws import Array
from densing_bayes.specs import ModelSpec


def largest_size(*, memory: Array, bandwidth: Array, bits: Array, tokens_per_second: Array,
                 active_share: Array = 1.0) -> Array:
    """Parameters of the largest model that fits and keeps the pace.

    Parameters
    ----------
    memory
        Bytes free for weights.
    bandwidth
        Bytes per second that are reached.
    bits
        Bits per parameter.
    tokens_per_second
        Pace asked of one user's stream; 0 asks for none.
    active_share
        Share of the parameters that a token uses: 1 for a dense model.

    Examples
    --------
    A phone of 84.8 GB/s reads 8B active parameters of 4 bits 21 times a second; of its 24 GB
    all would hold 48B.

    >>> phone = dict(memory=24e9, bandwidth=84.8e9, bits=4)
    >>> float(largest_size(**phone, tokens_per_second=21.2)) / 1e9
    8.0
    >>> float(largest_size(**phone, tokens_per_second=0)) / 1e9
    48.0
    """
    with np.errstate(divide="ignore"):
        by_memory = memory / (bits / 8)
        by_pace = np.divide(bandwidth, tokens_per_second * bits / 8 * active_share)
    return np.minimum(by_memory, by_pace)


class Capacity(Protocol):
    """Something that bounds the size of a model."""

    @property
    def label(self) -> str:
        """What it is, in words."""
        ...

    def log_size(self, years: np.ndarray, size: int) -> np.ndarray:
        """Ln parameters at times in years since ORIGIN, shape (size or 1, time)."""
        ...


@dataclass(frozen=True)
class FixedSize:
    """A model of a given number of parameters, on whatever runs it."""

    params: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.params) and self.params >= 1e6):
            hint = "a count, not billions: 8e9 for 8B" if 0 < self.params < 1e4 else None
            raise InputError(Problem("a model's size is a number of parameters",
                                     given=self.params, allowed="at least 1e6", hint=hint))

    @property
    def label(self) -> str:
        """In words."""
        return f"a model of {self.params / 1e9:.3g}B parameters"

    def log_size(self, years: np.ndarray, size: int) -> np.ndarray:
        """See `Capacity`."""
        return np.full((1, len(years)), np.log(self.params))


@dataclass(frozen=True)
class Use:
    """How a device is to run the model.

    Parameters
    ----------
    bits
        Bits per weight. What quantising costs in capability is ``kept``, not counted here.
    tokens_per_second
        Pace asked for.
    active_share
        Active over total parameters (1: dense).
    kept
        Share of the effective size that the model keeps at this many bits.
    """

    bits: float = 4.0
    tokens_per_second: float = 10.0
    active_share: float = 1.0
    kept: float = 1.0

    def __post_init__(self) -> None:
        problems = [
            Problem(name, given=getattr(self, name), allowed=words)
            for name, fine, words in (
                ("bits", 1 <= self.bits <= 32, "1 to 32"),
                ("tokens_per_second", 0 <= self.tokens_per_second < 1e6, "0 or more"),
                ("active_share", 0 < self.active_share <= 1, "above 0, at most 1"),
                ("kept", 0 < self.kept <= 1, "above 0, at most 1")) if not fine
        ]
        if problems:
            raise InputError(problems)

    def __str__(self) -> str:
        sparse = "" if self.active_share == 1 else f", {self.active_share:.0%} of it active"
        return f"{self.bits:g} bits, {self.tokens_per_second:g} tokens/s{sparse}"


@dataclass(frozen=True)
class OnDevice:
    """The largest model on a device of stated memory and bandwidth (bytes, bytes per second).

    ``memory_share`` and ``bandwidth_share`` are draws of what is left for weights and reached.
    With ``trend`` the device is the typical one of a kind, whose draws of ln memory (GB) and
    ln bandwidth (GB/s) the trend gives by date.
    """

    name: str
    use: Use
    memory_share: np.ndarray
    bandwidth_share: np.ndarray
    memory: float = np.nan
    bandwidth: float = np.nan
    trend: Any = None

    @property
    def label(self) -> str:
        """In words."""
        typical = "the typical device of kind " if self.trend is not None else ""
        return f"the largest model on {typical}{self.name} ({self.use})"

    def log_size(self, years: np.ndarray, size: int) -> np.ndarray:
        """See `Capacity`."""
        memory, bandwidth = (np.full((1, len(years)), x) for x in (self.memory, self.bandwidth))
        if self.trend is not None:
            memory, bandwidth = (1e9 * np.exp(x) for x in self.trend(years, size))
        params = largest_size(
            memory=memory * self.memory_share[:size, None],
            bandwidth=bandwidth * self.bandwidth_share[:size, None],
            bits=self.use.bits, tokens_per_second=self.use.tokens_per_second,
            active_share=self.use.active_share)
        return np.log(params * self.use.kept)


def on_device(name: str, hardware: pd.DataFrame | None, use: Use, *, assumed: ModelSpec,
              costs: ModelSpec, size: int, chips: ChipStudy | None = None,
              rng: np.random.Generator) -> OnDevice:
    """The device of hardware.csv meant by ``name``, or a kind of device such as 'phone'.

    Parameters
    ----------
    assumed, costs
        Specs of families ``corollaries`` (what a phone leaves for weights) and ``costs`` (what
        other devices leave, and the bandwidth that is reached).
    size
        Number of draws.
    chips
        Needed for a kind of device, which grows as its trend.

    Raises
    ------
    InputError
        Unknown or ambiguous device, or one without memory or bandwidth; a kind without trend.
    """
    kinds = [] if hardware is None else sorted(hardware["kind"].unique())
    kind, trend, memory, bandwidth = name.strip().casefold(), None, np.nan, np.nan
    if kind in kinds and chips is not None:
        trend = _trend(chips, kind, rng)
    else:
        device = find_device(name, hardware)
        name, kind, memory, bandwidth = device.name, device.kind, device.memory, device.bandwidth
    left = assumed.priors["phone_memory"] if kind == "phone" else costs.priors[
        "memory_for_weights"]
    return OnDevice(
        name, use, memory=memory, bandwidth=bandwidth, trend=trend,
        memory_share=left.rvs(rng, size),
        bandwidth_share=costs.priors["memory_utilisation"].rvs(rng, size))


def _trend(chips: ChipStudy, kind: str, rng: np.random.Generator) -> Any:
    order = rng.permutation(chips.growth("memory_per_device", kind).size)

    def at(years: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        dates: list[dt.date] = [date_of(year) for year in years]
        take = np.resize(order, size)
        memory = chips.log_value("memory_per_device", kind, dates)[take]
        return memory, chips.log_value("bandwidth_per_device", kind, dates)[take]

    return at


__all__ = ["Capacity", "FixedSize", "OnDevice", "Use", "largest_size", "on_device"]
