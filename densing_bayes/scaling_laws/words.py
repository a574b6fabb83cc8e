"""The answers of `densing_bayes.scaling_laws.run.scaling` in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from densing_bayes.scaling_laws.run import Scaling

FAR = np.log(2)  # of compute beyond the largest run: said to be extrapolated
LAWS_TOLD = 0.005  # weight from which a law's numbers are printed


def lines(result: Scaling) -> list[str]:
    """One line per answer, ladder by ladder."""
    told = []
    for name in result.fits:
        told += [*_parameters(result, name), *_allocation(result, name),
                 *_predictions(result, name)]
    return told + [f"note: {note}" for note in result.notes]


def _rows(result: Scaling, table: str, name: str) -> list[dict[str, Any]]:
    frame = getattr(result, table)
    return [] if frame.empty else frame[frame["ladder"] == name].to_dict("records")


def _parameters(result: Scaling, name: str) -> list[str]:
    fit = result.fits[name]
    told = [f"{name}: {len(fit.ladder.frame)} runs; {result.interval}s"]
    for row in _rows(result, "parameters", name):
        if row["weight"] < LAWS_TOLD:
            continue
        wanted = [("E", "irreducible")] if row["irreducible"] else []
        if row["identified"]:
            wanted = [("alpha", "alpha"), ("beta", "beta"), *wanted]
        if row["law"] == "coupled" and row["identified"]:
            wanted.append(("g", "joint"))
        values = ", ".join(f"{word} {row[key]:.3f} [{row[f'{key}_low']:.3f}, "
                           f"{row[f'{key}_high']:.3f}]" for word, key in wanted)
        told.append(f"  {row['law']}: weight {row['weight']:.2f}" + (f", {values}" * bool(values)))
    without = [law for law, weight in fit.weights.items() if weight < LAWS_TOLD]
    if without:
        told.append(f"  next to no weight: {', '.join(without)}")
    rehearsal = result.forecasters[name].rehearsal
    if rehearsal["runs"]:
        told.append(
            f"  rehearsal: of {rehearsal['runs']} larger runs that were hidden, "
            f"{rehearsal['coverage']:.0%} lay inside their interval; they missed by "
            f"{rehearsal['error']:.1%}, {rehearsal['distance']:.1f} e-folds away on average")
    else:
        told.append("  rehearsal: too few runs to hide any; the drift beyond them is the prior's")
    return told


def _allocation(result: Scaling, name: str) -> list[str]:
    told = []
    for row in _rows(result, "allocation", name):
        if row["law"] != "mixture":
            continue
        told.append(
            f"{name}, {row['flop']:.3g} FLOP: {row['params']:.3g} parameters "
            f"[{row['params_low']:.3g}, {row['params_high']:.3g}], {row['tokens']:.3g} tokens "
            f"[{row['tokens_low']:.3g}, {row['tokens_high']:.3g}], {row['ratio']:.3g} tokens per "
            f"parameter, loss {row['loss']:.3f} [{row['loss_low']:.3f}, {row['loss_high']:.3f}]; "
            f"doubling compute saves {row['per_doubling']:.3f}" + _beyond(row["beyond"]))
        told += _envelope(row, optimal=True)
    return told


def _beyond(distance: float) -> str:
    """How far a budget is beyond the runs, where it is."""
    if distance < FAR:
        return ""
    return (f" (extrapolated: {np.exp(distance):.3g} times the compute of the largest run, "
            f"{distance:.1f} e-folds)")


def _envelope(row: dict[str, Any], *, optimal: bool) -> list[str]:
    """A warning where the power law through the optima says something else."""
    best = row["envelope_loss"]
    if best is None or not np.isfinite(best):
        return []
    low, high = ((row["loss_low"], row["loss_high"]) if optimal else (row["low"], row["high"]))
    if high < best or (optimal and low > best):
        return [f"  warning: a power law of compute through the optima of the IsoFLOP parabolas "
                f"gives {best:.3f} at best with that compute, outside the interval: trust "
                f"neither without more runs"]
    return []


def _predictions(result: Scaling, name: str) -> list[str]:
    told = []
    rehearsal = result.forecasters[name].rehearsal
    for row in _rows(result, "predictions", name):
        line = (f"{name}, {row['params']:.3g} parameters on {row['tokens']:.3g} tokens: loss "
                f"{row['loss']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
                f"{_beyond(row['distance_compute'])}; {row['distance_compute']:.1f} e-folds of "
                f"compute beyond the runs, {row['distance_hull']:.1f} off their hull")
        if rehearsal["runs"]:
            line += f"; rehearsed coverage {rehearsal['coverage']:.0%} of {rehearsal['runs']}"
        told.append(line)
        if row["off_line"]:
            told.append("  warning: off the line of the runs: how the loss changes across it "
                        "rests on the prior")
        told += _envelope(row, optimal=False)
    return told
