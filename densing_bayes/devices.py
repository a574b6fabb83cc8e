"""Devices: rows of hardware.csv by name, checked for what a cost needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from densing_bayes.errors import InputError, Problem, did_you_mean

FILE = "hardware.csv"
# column -> (unit, least, most): outside, the number is in another unit
UNITS = {
    "memory_bandwidth_gb_s": ("GB/s", 5.0, 1e5),
    "memory_gb": ("GB", 0.5, 1e5),
    "fp16_tflops": ("TFLOP/s", 0.02, 1e5),
    "offload_bandwidth_gb_s": ("GB/s", 0.05, 1e4),
    "tdp_w": ("W", 0.5, 1e5),
    "price_usd": ("USD", 10.0, 1e7),
}
NEEDED = ("memory_bandwidth_gb_s", "memory_gb")


@dataclass(frozen=True)
class Device:
    """What a device can do, in SI units; None where hardware.csv is blank.

    Parameters
    ----------
    bandwidth
        Memory bandwidth, bytes per second.
    memory
        Bytes.
    rate
        FP16 operations per second as hardware.csv states them (vector rate on consumer cards,
        matrix rate on datacenter parts); None: the maker states none.
    link
        Bandwidth of the link to larger, slower memory, bytes per second; None: no such link,
        weights that do not fit are paged from storage.
    power, price
        Watts (TDP) and USD.
    """

    name: str
    kind: str
    bandwidth: float
    memory: float
    rate: float | None = None
    link: float | None = None
    power: float | None = None
    price: float | None = None

    def __str__(self) -> str:
        rate = "FP16 rate unstated" if self.rate is None else f"{self.rate / 1e12:g} TFLOP/s"
        link = ("paging from storage" if self.link is None
                else f"{self.link / 1e9:g} GB/s to host memory")
        return (f"{self.name} ({rate}, {self.bandwidth / 1e9:g} GB/s, "
                f"{self.memory / 1e9:g} GB, {link})")


def _number(value: Any) -> float | None:
    number = pd.to_numeric(value, errors="coerce")
    return None if pd.isna(number) else float(number)


def read_device(row: dict[str, Any], *, line: int | None = None) -> Device:
    """A device from its row of hardware.csv.

    Raises
    ------
    InputError
        Naming every needed number that is missing and every number in a wrong unit.
    """
    name, problems = str(row["device"]), []
    values = {column: _number(row.get(column)) for column in UNITS}
    for column, (unit, least, most) in UNITS.items():
        value = values[column]
        if value is None:
            if column in NEEDED:
                problems.append(Problem(f"device '{name}' has no {column}", file=FILE, row=line,
                                        column=column, hint="fill it in, or name another device"))
        elif not (math.isfinite(value) and least <= value <= most):
            problems.append(Problem(f"device '{name}': not plausible in {unit}", file=FILE,
                                    row=line, column=column, given=value,
                                    allowed=f"{least:g} to {most:g} {unit}", hint="check the unit"))
    if problems:
        raise InputError(problems)

    def si(column: str, factor: float) -> float | None:
        value = values[column]
        return None if value is None else value * factor

    return Device(name=name, kind=str(row.get("kind", "")),
                  bandwidth=values["memory_bandwidth_gb_s"] * 1e9,  # type: ignore[operator]
                  memory=values["memory_gb"] * 1e9,  # type: ignore[operator]
                  rate=si("fp16_tflops", 1e12), link=si("offload_bandwidth_gb_s", 1e9),
                  power=si("tdp_w", 1.0), price=si("price_usd", 1.0))


def find_device(name: str, hardware: pd.DataFrame | None) -> Device:
    """The device of hardware.csv meant by ``name``: exact, else the only one that contains it.

    Raises
    ------
    InputError
        Unknown or ambiguous name (a kind such as 'phone' counts as ambiguous: its devices are
        listed), or a device without the numbers that a cost needs.
    """
    rows = _rows(hardware)
    names = [str(row["device"]) for row in rows]
    wanted = name.strip().casefold()
    exact = [i for i, known in enumerate(names) if known.casefold() == wanted]
    found = exact or [i for i, known in enumerate(names) if wanted and wanted in known.casefold()]
    if len(found) == 1:
        return read_device(rows[found[0]], line=found[0] + 2)
    kind = [device.name for device in usable_devices(hardware) if device.kind.casefold() == wanted]
    if found or kind:
        several = kind or [names[i] for i in found]
        raise InputError(Problem(f"'{name}' is not one device", file=FILE, column="device",
                                 given=name, allowed=", ".join(several), hint="name one of these"))
    raise InputError(Problem("no such device", file=FILE, column="device", given=name,
                             allowed=f"one of {len(names)} names in {FILE}",
                             hint=did_you_mean(name, names)))


def usable_devices(hardware: pd.DataFrame | None) -> list[Device]:
    """Every device whose row has the needed numbers, in the table's order."""
    devices = []
    for row in _rows(hardware):
        try:
            devices.append(read_device(row))
        except InputError:
            continue
    return devices


def report_devices(hardware: pd.DataFrame | None, wanted: list[str]) -> list[Device]:
    """The devices a report compares: those of ``wanted`` that the table has.

    If it has none of them, the newest usable device of each kind. The first is the headline.
    """
    usable = {device.name: device for device in usable_devices(hardware)}
    chosen = [usable[name] for name in wanted if name in usable]
    if not chosen:
        dated = sorted(_rows(hardware), key=lambda row: str(row.get("release_date", "")))
        newest = {usable[row["device"]].kind: usable[row["device"]]
                  for row in dated if row["device"] in usable}
        chosen = list(newest.values())
    if not chosen:
        raise InputError(Problem("no device has both memory and memory bandwidth", file=FILE,
                                 allowed=", ".join(NEEDED)))
    return chosen


def _rows(hardware: pd.DataFrame | None) -> list[dict[str, Any]]:
    if hardware is None:
        raise InputError(Problem("no such table, and costs need one", file=FILE))
    return hardware.to_dict("records")
