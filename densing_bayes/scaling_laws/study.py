"""All that the report says about scaling laws, computed once from the tables of a folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from densing_bayes.devices import Device, usable_devices
from densing_bayes.errors import GateError, InputError
from densing_bayes.scaling_laws import precision
from densing_bayes.scaling_laws.approaches import parabola_bias, side_by_side
from densing_bayes.scaling_laws.calculator import affordable_flop
from densing_bayes.scaling_laws.classic import CHINCHILLA, CHINCHILLA_REFIT, GOPHER_FLOP
from densing_bayes.scaling_laws.designs import DESIGNS, simulate
from densing_bayes.scaling_laws.ladders import LadderFit
from densing_bayes.scaling_laws.lifetime import lifetime_optimum, money_costs
from densing_bayes.scaling_laws.predict import (
    Trial,
    big_from_small,
    largest_hidden,
    mixed,
    scored,
    trial,
)
from densing_bayes.scaling_laws.questions import allocation, loss_at, params_for, tokens_for
from densing_bayes.scaling_laws.rehearse import same_size
from densing_bayes.scaling_laws.run import Scaling, scaling
from densing_bayes.scaling_laws.score import FEWEST_PAIRS, predict_score
from densing_bayes.specs import ModelSpec, load_model

FEWEST_SIZES_TO_HIDE = 6
SERVED = (0.0, 1e12, 1e13, 1e14)  # tokens over a model's life
A100_RATE = 312e12
MONTH = 30.4375


@dataclass(frozen=True)
class ScalingStudy:
    """Results for the report.

    Parameters
    ----------
    reference
        Name of the ladder on which what to train is answered: the one with most runs, among
        those whose runs tell size from tokens.
    trials
        Larger runs predicted from smaller ones, per ladder.
    simulated
        The same for published designs whose losses were never published.
    score
        Scores predicted through predicted losses, or None without pairs.
    approaches, bias
        The three approaches on the reference ladder; approach 2 on noise-free surfaces.
    answers
        Practical questions: draws per question.
    lifetime
        Lifetime-optimal size by tokens served and kind of cost.
    bits
        Precision laws from priors alone.
    """

    scaling: Scaling
    reference: str
    trials: list[Trial]
    simulated: list[Trial]
    score: pd.DataFrame | None
    approaches: pd.DataFrame
    bias: pd.DataFrame
    answers: pd.DataFrame
    lifetime: pd.DataFrame
    bits: pd.DataFrame
    device: str | None = None
    notes: list[str] = field(default_factory=list)


def study(runs: Any = None, *, pairs: pd.DataFrame | None = None,
          benchmarks: pd.DataFrame | None = None, hardware: pd.DataFrame | None = None,
          suites: list[str] | None = None, spec: str | ModelSpec = "scaling",
          progress: Callable[[str], None] | None = None) -> ScalingStudy:
    """Fit every ladder and answer the report's questions.

    Parameters
    ----------
    runs
        Table of runs as for `scaling`; None for the shelf's.
    pairs, benchmarks
        Tables of the contract, for scores predicted through losses; None leaves that out.
    hardware
        hardware.csv, for lifetime cost in money; None leaves that out.
    """
    spec = spec if isinstance(spec, ModelSpec) else load_model(spec)
    laws = list(spec.options["laws"])
    result = scaling(runs, compute=[GOPHER_FLOP], suites=suites, spec=spec, progress=progress)
    reference = max(result.fits, key=lambda name: (
        not result.fits[name].ladder.design.line, len(result.fits[name].ladder.frame)))
    fit = result.fits[reference]
    notes: list[str] = []
    trials = _trials(result, laws, spec, notes, progress)
    simulated = [big_from_small(*simulate(design, seed=spec.sampling.seed), laws, spec,
                                progress=progress) for design in DESIGNS]
    score = (None if pairs is None or benchmarks is None
             else _scores(trials, pairs, benchmarks, spec, notes, progress))
    lifetime, device = _lifetime(fit, hardware, spec)
    with_floor = fit.laws.get("chinchilla", fit.best)
    return ScalingStudy(
        result, reference, trials, simulated, score,
        approaches=side_by_side(with_floor, GOPHER_FLOP, spec.interval), bias=_bias(),
        answers=_answers(fit, spec), lifetime=lifetime, bits=_bits(spec), device=device,
        notes=notes)


def _trials(result: Scaling, laws: list[str], spec: ModelSpec, notes: list[str],
            progress: Callable[[str], None] | None) -> list[Trial]:
    """Held-out runs of ladders that have them; else the largest quarter of a ladder's sizes."""
    trials = []
    for name, fit in result.fits.items():
        hidden = result.runs.held_out.get(name)
        try:
            if hidden is not None:
                trials.append(trial(result.forecasters[name], hidden))
            elif same_size(fit.ladder.size).max() + 1 >= FEWEST_SIZES_TO_HIDE:
                trials.append(big_from_small(*largest_hidden(fit.ladder), laws, spec,
                                             progress=progress))
        except (GateError, InputError) as error:
            notes.append(f"{name}: not predicted from its smaller runs ({error})")
    return trials


def _scores(trials: list[Trial], pairs: pd.DataFrame, benchmarks: pd.DataFrame, spec: ModelSpec,
            notes: list[str], progress: Callable[[str], None] | None) -> pd.DataFrame | None:
    """Scores of held-out models through the predicted loss on the same benchmark."""
    rows = []
    for one in trials:
        frame = one.forecaster.fit.ladder.frame
        suite, eval_set = frame["suite"].iloc[0], frame["eval_set"].iloc[0]
        of = pairs[(pairs["suite"] == suite) & (pairs["eval_set"] == eval_set)]
        chance = benchmarks.loc[benchmarks["benchmark"] == eval_set, "chance"]
        if chance.empty or of.empty:
            continue  # a ladder of a corpus: it has no scores
        absent = [name for name in ("held_out", "params", "tokens") if name not in of]
        if absent:
            notes.append(f"{eval_set} scores are not predicted: pairs without "
                         f"{' and '.join(absent)}")
            continue
        for form, group in of.groupby("score_format"):
            small = group[(group["held_out"] != "yes") & group["params"].notna()
                          & group["tokens"].notna()]
            large = group[group["held_out"] == "yes"].merge(
                one.table[["run", "params", "tokens"]].reset_index(), on=["params", "tokens"])
            if len(small) < FEWEST_PAIRS or large.empty:
                notes.append(f"{eval_set} scores ({form}) are not predicted: {len(small)} pairs of "
                             f"small models, {len(large)} of held-out ones")
                continue
            if progress is not None:
                progress(f"predicting {eval_set} scores")
            found = predict_score(small, float(chance.iloc[0]), large,
                                  np.log(one.draws[:, large["index"].to_numpy()]), spec,
                                  f"{eval_set} {form}")
            notes += [f"{eval_set} scores ({form}): {warning}" for warning in found.warnings]
            table = scored(large["score"].to_numpy(), found.draws, spec.interval)
            rows.append(pd.concat([large[["run"]].assign(benchmark=f"{eval_set} ({form})"),
                                   table], axis=1))
    return pd.concat(rows, ignore_index=True) if rows else None


def _bias() -> pd.DataFrame:
    """Approach 2 on noise-free surfaces, budgets as in the paper."""
    budgets = np.geomspace(6e18, 3e21, 9)
    surfaces = {"published constants": CHINCHILLA, "re-fitted constants": CHINCHILLA_REFIT,
                "exponents 0.45 and 0.20": {**CHINCHILLA, "alpha": 0.45, "beta": 0.2,
                                            "log_a": 5.0, "log_b": 7.0}}
    grids = {"centred": {}, "three times too large": {"off_centre": 3.0},
             "drifting with compute": {"off_centre": 0.5, "drift": 0.1}}
    return pd.DataFrame([
        {"surface": surface, "grid": grid, "factor": factor,
         **parabola_bias(constants, budgets=budgets, flop=GOPHER_FLOP, factor=factor, **how)}
        for surface, constants in surfaces.items() for grid, how in grids.items()
        for factor in (4.0, 16.0)])


def _answers(fit: LadderFit, spec: ModelSpec) -> pd.DataFrame:
    """The practical questions, answered on one ladder under the mixture of laws."""
    ladder = fit.ladder
    month = affordable_flop(days=MONTH, devices=100, rate=A100_RATE)

    def best(quantity: str, flop: float) -> np.ndarray:
        return mixed(fit, lambda law: allocation(law, flop, ladder)[quantity], spec)

    def at_best(law: Any, params: float) -> np.ndarray:
        return loss_at(law, params, tokens_for(law, params, ladder), ladder)

    questions = {
        "tokens for a 10B model (T)": mixed(
            fit, lambda law: tokens_for(law, 1e10, ladder), spec) / 1e12,
        "size for 1T tokens (B)": mixed(fit, lambda law: params_for(law, 1e12, ladder), spec) / 1e9,
        "100 A100 for a month: size (B)": best("params", month) / 1e9,
        "100 A100 for a month: tokens (T)": best("tokens", month) / 1e12,
        "Gopher's compute: size (B)": best("params", GOPHER_FLOP) / 1e9,
        "Gopher's compute: tokens (T)": best("tokens", GOPHER_FLOP) / 1e12,
        "loss saved by 100B over 10B, each on its best tokens": mixed(
            fit, lambda law: at_best(law, 1e10) - at_best(law, 1e11), spec),
        "loss saved by 100B over 10B, both on 1T tokens": mixed(
            fit, lambda law: loss_at(law, 1e10, 1e12, ladder) - loss_at(law, 1e11, 1e12, ladder),
            spec),
        "loss saved by doubling Gopher's compute": best("per_doubling", GOPHER_FLOP),
        "d ln L / d ln C at Gopher's compute": best("elasticity", GOPHER_FLOP),
    }
    rows = []
    for question, draws in questions.items():
        low, high = spec.interval.of(draws)
        rows.append({"question": question, "median": float(np.median(draws)),
                     "low": float(low), "high": float(high)})
    return pd.DataFrame(rows)


def _lifetime(fit: LadderFit, hardware: pd.DataFrame | None,
              spec: ModelSpec) -> tuple[pd.DataFrame, str | None]:
    """Lifetime-optimal sizes at the loss of the training-optimal model of 1e23 FLOP."""
    law, ladder = fit.best.law(), fit.ladder
    wanted = np.log(np.median(allocation(law, 1e23, ladder)["loss"]))
    kinds: dict[str, dict[str, float]] = {"FLOP": {}}
    device = _device(hardware)
    if device is not None:
        kinds["USD"] = money_costs(device)
    rows = []
    for kind, costs in kinds.items():
        for served in SERVED:
            best = lifetime_optimum(log_loss=wanted, served=served, centre=ladder.centre,
                                    law=law, **costs)
            fixed = (best["training_params"] / best["params"])
            row: dict[str, Any] = {"cost": kind, "served": served, "loss": float(np.exp(wanted))}
            spent = best["train_cost"] + best["serve_cost"]
            plain = (6 * costs.get("train_cost", 1.0) * best["training_params"]
                     * best["training_tokens"] + best["serve_cost"] * fixed)
            for name, draws in (("params", best["params"]), ("tokens", best["tokens"]),
                                ("ratio", best["tokens"] / best["params"]),
                                ("saved", 1 - spent / plain), ("total", spent)):
                known = draws[np.isfinite(draws)]
                low, high = spec.interval.of(known)
                row |= {name: float(np.median(known)), f"{name}_low": float(low),
                        f"{name}_high": float(high)}
            rows.append(row)
    return pd.DataFrame(rows), None if device is None else device.name


def _device(hardware: pd.DataFrame | None) -> Device | None:
    """The first datacenter device that has a rate, a price and a power."""
    if hardware is None:
        return None
    known = [device for device in usable_devices(hardware)
             if None not in (device.rate, device.price, device.power)]
    data = [device for device in known if device.kind == "datacenter"] or known
    a100 = [device for device in data if "A100" in device.name]
    return next(iter(a100 or data), None)


def _bits(spec: ModelSpec) -> pd.DataFrame:
    """Effective parameters and penalties at several precisions, from priors alone."""
    draws = precision.prior_draws(load_model("precision"))
    rows = []
    for bits in (8.0, 6.0, 5.0, 4.0, 3.0):
        row: dict[str, Any] = {"bits": bits}
        values = {"trained": precision.trained_share(draws, weights=bits)}
        for ratio in (20.0, 200.0, 2000.0):
            values[f"penalty_{ratio:.0f}"] = precision.penalty(
                draws, params=1e9, tokens=ratio * 1e9, bits=bits)
        for name, of in values.items():
            low, high = spec.interval.of(of)
            row |= {name: float(np.median(of)), f"{name}_low": float(low),
                    f"{name}_high": float(high)}
        rows.append(row)
    return pd.DataFrame(rows)
