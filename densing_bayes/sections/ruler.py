"""The ruler: how loss and score become an effective size."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from densing_bayes import laws
from densing_bayes.context import Context
from densing_bayes.figures import ladder, score_curve
from densing_bayes.intervals import summary
from densing_bayes.joint.predict import thin
from densing_bayes.joint.quantities import ruler_parameters
from densing_bayes.reports import Picture, Section, Table

NAMES = {"alpha": "alpha (exponent of size)", "beta": "beta (exponent of tokens)",
         "irreducible": "E (irreducible loss)", "gamma": "gamma (slope of score in loss)",
         "midpoint": "l (loss at half of the range)", "ceiling": "ceiling (c + d)"}


def section(context: Context) -> Section:
    """Loss law and performance law of each anchored benchmark, with bands."""
    interval, derived = context.interval, context.derived
    anchors = [str(name) for name in context.observations.data["benchmark"].values[
        context.observations.data["anchored"].values]]
    chance = np.asarray(context.columns["anchors"]["chance"])
    rows = []
    for k, anchor in enumerate(anchors):
        for name, words in NAMES.items():
            values = (derived["scale"].isel(anchor=k) + chance[k] if name == "ceiling"
                      else derived[name].isel(anchor=k))
            if float(values.std()) == 0:
                continue  # no irreducible term in this form
            numbers = summary(values.values, interval)
            rows.append({"benchmark": anchor, "constant": words,
                         **{key: numbers[key] for key in ("median", "low", "high")}})
    data = context.observations.data
    largest = np.exp(float(data["run_log_params"].max())) / 1e9
    scores = data["pair_score"].values
    tokens = float(context.spec.options["reference_tokens"]) / 1e12
    ceiling = float((derived["scale"].isel(anchor=0) + chance[0]).median())
    text = [
        f"Losses of {data.sizes['run']} training runs up to {largest:.3g} billion parameters fix "
        f"the loss law L = {'E + ' if context.spec.options['irreducible'] else ''}a N^-alpha + "
        f"b D^-beta; {data.sizes['pair']} models with a loss and a score (between "
        f"{scores.min():.2f} and {scores.max():.2f}) fix the sigmoid from loss to score. "
        f"Effective size is read at {tokens:g} trillion tokens.",
        f"Beyond {largest:.3g} billion effective parameters and above a score of "
        f"{scores.max():.2f} the ruler extrapolates: its exponents, the form of the law and the "
        f"ceiling decide, and none of the three is measured there.",
    ]
    return Section(
        key="ruler", title="The ruler", text=text,
        tables=[Table("ruler", f"Constants of the ruler ({interval})", pd.DataFrame(rows),
                      {"median": "{:.3f}", "low": "{:.3f}", "high": "{:.3f}"})],
        pictures=[
            Picture("ruler-ladder", f"Loss on {anchors[0]} falls with size at every token budget, "
                    f"measured up to {largest:.3g} billion parameters ({interval})",
                    f"Losses of {data.sizes['run']} runs over size, with the fitted law: "
                    + "; ".join(f"{row['constant']} {row['median']:.3f}" for row in rows[:2])
                    + ". It is measured up to " f"{largest:.3g} billion parameters.",
                    lambda fig: ladder_picture(fig, context), 7, 5),
            Picture("ruler-score", f"{anchors[0]}'s score rises as its loss falls; above "
                    f"{scores.max():.2f} the curve extrapolates ({interval})",
                    f"Scores of {data.sizes['pair']} checkpoints, {scores.min():.2f} to "
                    f"{scores.max():.2f}, over their loss, with the fitted sigmoid; the "
                    f"fitted ceiling is {ceiling:.2f}.",
                    lambda fig: score_picture(fig, context), 7, 5)],
        summary={"ruler": rows, "ruler_rests_on": {
            "runs": data.sizes["run"], "largest_params_billions": float(largest),
            "pairs": data.sizes["pair"], "scores": [float(scores.min()), float(scores.max())],
            "ceiling": ceiling,
            "reference_tokens_trillions": tokens}},
    )


def ladder_picture(fig: Figure, context: Context) -> None:
    """Loss of every run over size, grouped by tokens per parameter, with bands."""
    data = context.observations.data
    mine = data["run_benchmark"].values == 0
    params, tokens = (np.exp(data[f"run_log_{name}"].values[mine])
                      for name in ("params", "tokens"))
    per = tokens / params
    group = np.array([f"{nearest(value):g} tokens per parameter" for value in per])
    names = sorted(set(group), key=lambda name: float(name.split()[0]))
    keep = names if len(names) <= 5 else [names[i] for i in
                                          np.linspace(0, len(names) - 1, 5).astype(int)]
    shown = np.isin(group, keep)
    grid = np.geomspace(params.min() / 1.5, params.max() * 1.5, 40)
    law, _ = ruler_parameters(thin(context.posterior), context.columns)
    at = {name: np.asarray(value)[:, :1] if np.ndim(value) else value
          for name, value in law.items()}
    bands = {}
    for name in keep:
        values = laws.loss(params=grid, tokens=grid * float(name.split()[0]), **at)
        bands[name] = np.quantile(values, [context.interval.tails[0], 0.5,
                                           context.interval.tails[1]], axis=0)
    suite, anchor = str(data["suite"].values[0]), str(data["benchmark"].values[0])
    runs = context.tables.runs  # of losses on the benchmark: a suite may have others
    units = runs.loc[(runs["suite"] == suite) & (runs["eval_set"] == anchor), "loss_unit"]
    ladder(fig.subplots(), params=params[shown],
           loss=np.exp(data["run_log_loss"].values[mine])[shown], group=list(group[shown]),
           grid=grid, bands=bands, loss_unit=units.iloc[0] if len(units) else "loss",
           interval=context.interval)


def nearest(value: float) -> float:
    """A ratio to one significant digit, so that runs of one budget share a label."""
    scale = 10.0 ** np.floor(np.log10(value))
    return float(round(value / scale) * scale)


def score_picture(fig: Figure, context: Context) -> None:
    """Score over loss of the pairs, with the fitted sigmoid and its ceiling."""
    data = context.observations.data
    mine = data["pair_benchmark"].values == 0
    loss = data["pair_loss"].values[mine]
    grid = np.linspace(0.6 * loss.min(), min(loss.max(), 2 * np.median(loss)), 80)
    _, curve = ruler_parameters(thin(context.posterior), context.columns)
    at = {name: np.asarray(value)[:, :1] if np.ndim(value) > 1 else float(np.asarray(value)[0])
          for name, value in curve.items()}
    tails = context.interval.tails
    band = np.quantile(laws.score(loss=grid, **at), [tails[0], 0.5, tails[1]], axis=0)
    ceiling = float(np.median(at["scale"]) + at["chance"])
    shown = loss <= grid.max()
    score_curve(fig.subplots(), loss=loss[shown], score=data["pair_score"].values[mine][shown],
                held_out=data["pair_held_out"].values[mine][shown], grid=grid, band=band,
                chance=at["chance"], ceiling=ceiling,
                loss_unit=str(context.tables.pairs["loss_unit"].iloc[0]),
                interval=context.interval)
