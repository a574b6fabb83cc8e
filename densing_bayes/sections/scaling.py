"""The classic scaling laws, as a section of the report."""

from __future__ import annotations

import numpy as np
import pandas as pd

from densing_bayes.intervals import summary
from densing_bayes.reports import Picture, Section, Table
from densing_bayes.scaling_laws import pictures
from densing_bayes.scaling_laws.classic import GOPHER_FLOP
from densing_bayes.scaling_laws.study import ScalingStudy

B, T = 1e9, 1e12


def section(result: ScalingStudy) -> Section:
    """What to train, what small runs foretell, and how far to trust either."""
    interval = result.scaling.interval
    fit = result.scaling.fits[result.reference]
    with_law = fit.laws.get("chinchilla", fit.best)
    unit = str(fit.ladder.frame["loss_unit"].iloc[0])
    drawn = [
        Picture("scaling-isoflop",
                f"Loss over size at fixed compute on {result.reference}: runs (moved to their "
                f"curve's compute), the law '{with_law.name}' with its {interval}, optima as "
                f"diamonds; the last budget lies beyond the ladder",
                "Loss curves over model size, one per compute budget.",
                lambda fig: pictures.isoflop(fig, with_law, GOPHER_FLOP, interval, unit), 7, 4.6),
        Picture("scaling-allocation",
                f"Compute-optimal size on {result.reference}, three approaches; the diamond is "
                f"Gopher's compute, {interval}",
                "Compute-optimal parameters over compute with a band.",
                lambda fig: pictures.allocation_band(fig, with_law, GOPHER_FLOP, interval),
                7, 4.6),
    ]
    if result.trials:
        rows = sum(min(len(trial.table), 3) for trial in result.trials)
        drawn.append(Picture(
            "scaling-predicted", f"Larger runs predicted from smaller ones ({interval}); of each "
            f"ladder the three of most compute",
            "Observed loss against predicted interval, one row per hidden run.",
            lambda fig: pictures.predicted_actual(fig, result.trials, interval),
            7, 1.4 + 0.27 * rows))
    return Section(
        key="scaling", title="The classic scaling laws: what to train, what small runs foretell",
        text=[*_what_to_train(result), *_laws(result), *_foretold(result), *_lifetime(result),
              _bits_words(result)],
        tables=_tables(result), pictures=drawn, summary={"scaling": _summary(result)})


# -- words -------------------------------------------------------------------------------------


def _answer(result: ScalingStudy, question: str) -> dict[str, float]:
    return result.answers.set_index("question").loc[question].to_dict()


def _what_to_train(result: ScalingStudy) -> list[str]:
    interval, fit = result.scaling.interval, result.scaling.fits[result.reference]
    size = _answer(result, "Gopher's compute: size (B)")
    tokens = _answer(result, "Gopher's compute: tokens (T)")
    data = _answer(result, "tokens for a 10B model (T)")
    model = _answer(result, "size for 1T tokens (B)")
    gain = _answer(result, "loss saved by doubling Gopher's compute")
    approaches = result.approaches.set_index("approach")
    known = approaches.dropna(subset=["exponent"])
    ranges = "; ".join(
        f"{name.split(': ')[1]} {row['exponent']:.2f} ({row['exponent_low']:.2f} to "
        f"{row['exponent_high']:.2f})" for name, row in known.iterrows())
    worst = result.bias.iloc[(result.bias["params_ratio"] - 1).abs().to_numpy().argmax()]
    return [
        f"On the ladder with most runs, {result.reference} ({len(fit.ladder.frame)} runs), a "
        f"compute of {GOPHER_FLOP:.3g} FLOP (Gopher's) is best spent on "
        f"{size['median']:.0f}B parameters ({interval}: {size['low']:.0f} to "
        f"{size['high']:.0f}B) and {tokens['median']:.1f}T tokens ({tokens['low']:.1f} to "
        f"{tokens['high']:.1f}T). A 10B model is compute-optimal on {data['median']:.2f}T tokens "
        f"({data['low']:.2f} to {data['high']:.2f}T), and 1T tokens deserve "
        f"{model['median']:.0f}B parameters ({model['low']:.0f} to {model['high']:.0f}B). "
        f"Doubling that compute saves {gain['median']:.3f} of loss ({gain['low']:.3f} to "
        f"{gain['high']:.3f}){_floor_words(result)}.",
        f"The power of compute with which the optimal size grows, by the three approaches of the "
        f"Chinchilla paper on the same runs ({interval}s): {ranges}. Kaplan's 0.73 is "
        f"{_kaplan_words(known)}. The first two approaches are lines through a few optima; the "
        f"second is biased even without noise, since a parabola is not the curve: on the "
        f"surfaces of the table its extrapolated optimum is off by a factor of up to "
        f"{max(worst['params_ratio'], 1 / worst['params_ratio']):.2f} ({worst['surface']}, grid "
        f"{worst['grid']}, sizes over a factor of {worst['factor']:.0f} either way).",
    ]


def _floor_words(result: ScalingStudy) -> str:
    """How much of the loss at that optimum no compute removes, where the best law has a floor."""
    best = result.scaling.fits[result.reference].best
    floor = float(np.median(best.parameter("irreducible")))
    rows = result.scaling.allocation
    row = rows[(rows["ladder"] == result.reference) & (rows["law"] == best.name)].iloc[0]
    if floor == 0:
        return ""
    return (f": of the {row['loss']:.2f} that are left, {floor:.2f} are the irreducible loss of "
            f"the law '{best.name}'")


def _kaplan_words(known: pd.DataFrame) -> str:
    outside = (known["exponent_high"] < 0.73) | (known["exponent_low"] > 0.73)
    if outside.all():
        return "outside all of these intervals"
    return f"inside {int((~outside).sum())} of {len(known)} of these intervals"


def _laws(result: ScalingStudy) -> list[str]:
    interval = result.scaling.interval
    parameters = result.scaling.parameters
    best = parameters.loc[parameters.groupby("ladder")["weight"].idxmax()]
    counts = best["law"].value_counts()
    wide = parameters[(parameters["law"] == "chinchilla") & parameters["identified"]]
    wide = wide.assign(width=wide["irreducible_high"] / wide["irreducible_low"])
    loose = wide[wide["width"] > 2]
    high_k = int(best["high_k"].sum())
    words = [
        f"Every ladder was fitted under laws with and without an irreducible loss E, with the "
        f"coupled law E + (A N^-a + B D^-b)^g that holds Chinchilla's (g = 1) and Kaplan's as "
        f"special cases, Kaplan's joint form and a broken power law. The law with most weight is "
        f"{', '.join(f'{name} on {count}' for name, count in counts.items())} of {len(best)} "
        f"ladders. A law's weight is the product of two pieces of evidence: how it predicts "
        f"runs left out one by one, and how it predicts the larger runs hidden in rehearsals; "
        f"laws without a floor start at a quarter of the weight. Predictions mix the laws; they "
        f"do not choose. What all miss together, a drift that grows with the distance from the "
        f"runs, is learnt from the rehearsals, sign and size, and is part of every interval.",
        f"E is weakly identified on small ladders: on {len(loose)} of {len(wide)} ladders the "
        f"{interval} of E spans more than a factor of 2, and there its prior (a share of the "
        f"loss at the ladder's centre, nearly flat) matters. Exponents with and without E are "
        f"not comparable.{_lines_words(result)}",
    ]
    if high_k:
        words.append(
            f"PSIS-LOO is unreliable for {high_k} runs (Pareto k above its limit) of the best "
            f"laws, as it must be on ladders of a handful of runs; the rehearsal does not rest "
            f"on it.")
    pooled = result.scaling.pooled.get("chinchilla")
    if pooled is not None:
        common = {name: summary(np.exp(pooled.common[f"mean_log_{name}"].to_numpy()), interval)
                  for name in ("alpha", "beta")}
        spread = {name: float(pooled.common[f"spread_log_{name}"].median())
                  for name in ("alpha", "beta")}
        words.append(
            f"Over all ladders, exponents of the law with E are drawn about "
            f"{common['alpha']['median']:.2f} for size ({interval}: {common['alpha']['low']:.2f} "
            f"to {common['alpha']['high']:.2f}) and {common['beta']['median']:.2f} for tokens "
            f"({common['beta']['low']:.2f} to {common['beta']['high']:.2f}), and differ between "
            f"ladders by a factor of {np.exp(spread['alpha']):.1f} and "
            f"{np.exp(spread['beta']):.1f} (one standard deviation). Losses of different "
            f"ladders are never pooled: each has its own level and floor.")
    return words + [f"Note: {note}." for note in (*result.scaling.notes, *result.notes)]


def _lines_words(result: ScalingStudy) -> str:
    """Which ladders measure a line of the loss only."""
    lines = [name for name, fit in result.scaling.fits.items() if fit.ladder.design.line]
    if not lines:
        return ""
    return (f" The runs of {', '.join(lines)} lie on a line of size and tokens: exponents and "
            f"allocation rest on the prior there and are not told.")


def _foretold(result: ScalingStudy) -> list[str]:
    if not result.trials:
        return ["No ladder has enough sizes to hide its largest runs and predict them."]
    interval = result.scaling.interval
    runs = pd.concat([trial.table for trial in result.trials])
    per_ladder = np.mean([trial.coverage for trial in result.trials])
    words = [
        f"Big from small: on {len(result.trials)} ladders the largest runs were predicted from "
        f"the rest. {int(runs['covered'].sum())} of {len(runs)} lie inside their {interval} "
        f"({runs['covered'].mean():.0%}; mean over ladders {per_ladder:.0%}); the median "
        f"absolute error is {100 * runs['error'].abs().median():.1f}% of the loss. Runs of one "
        f"ladder share their errors, so this is fewer independent trials than it looks.",
    ]
    for trial in result.simulated:
        table = trial.table
        width = (table["high"] / table["low"] - 1).iloc[-1]
        words.append(
            f"{trial.name.replace(' (simulated)', '')} published sizes and tokens of its small "
            f"runs but no losses, so its design is filled with simulated losses of the re-fitted "
            f"Chinchilla law: {int(table['covered'].sum())} of {len(table)} targets covered, "
            f"interval of the largest {width:.0%} wide. This shows what the design can tell, "
            f"not what its authors found.")
    if result.score is not None:
        inside = result.score
        words.append(
            f"Scores through predicted losses ({', '.join(sorted(set(inside['benchmark'])))}): "
            f"{int(inside['covered'].sum())} of {len(inside)} held-out models inside their "
            f"{interval}; largest error "
            f"{100 * (inside['observed'] - inside['median']).abs().max():.1f} points.")
    return words


def _lifetime(result: ScalingStudy) -> list[str]:
    table = result.lifetime
    interval = result.scaling.interval
    flop = table[table["cost"] == "FLOP"].set_index("served")
    none, much = flop.iloc[0], flop.loc[1e13]
    words = (
        f"Training-optimal is not lifetime-optimal. To reach a loss of {none['loss']:.2f}, "
        f"training alone is cheapest at {none['params'] / B:.0f}B parameters and "
        f"{none['ratio']:.0f} tokens per parameter; with 10T tokens to serve, training and "
        f"serving together are cheapest in FLOP at {much['params'] / B:.0f}B "
        f"({interval}: {much['params_low'] / B:.0f} to {much['params_high'] / B:.0f}B) and "
        f"{much['ratio']:.0f} tokens per parameter, saving {much['saved']:.0%}.")
    money = table[table["cost"] == "USD"]
    if len(money):
        row = money.set_index("served").loc[1e13]
        words += (
            f" In money on {result.device}, with serving limited by reading weights as well, "
            f"it is {row['params'] / B:.0f}B ({row['params_low'] / B:.0f} to "
            f"{row['params_high'] / B:.0f}B).")
    return [words]


def _bits_words(result: ScalingStudy) -> str:
    four = result.bits.set_index("bits").loc[4.0]
    return (
        f"Precision laws (Kumar et al. 2024) are carried as priors only: no runs at low "
        f"precision are shipped, and their authors do not expect the constants to hold "
        f"elsewhere. Prior alone: training with 4-bit weights keeps {four['trained']:.0%} of the "
        f"parameters effective ({result.scaling.interval}: {four['trained_low']:.0%} to "
        f"{four['trained_high']:.0%}); rounding a 1B model to 4 bits afterwards adds "
        f"{four['penalty_20']:.3f} nats at 20 tokens per parameter ({four['penalty_20_low']:.3f} "
        f"to {four['penalty_20_high']:.3f}) and {four['penalty_2000']:.2f} at 2,000 "
        f"({four['penalty_2000_low']:.2f} to {four['penalty_2000_high']:.2f}), far beyond "
        f"their runs.")


# -- tables ------------------------------------------------------------------------------------


def _between(table: pd.DataFrame, name: str, scale: float = 1.0, digits: int = 3) -> pd.Series:
    """``median [low, high]`` of a column as text."""
    return pd.Series([
        "–" if not np.isfinite(row[name]) else
        f"{row[name] / scale:.{digits}f} [{row[f'{name}_low'] / scale:.{digits}f}, "
        f"{row[f'{name}_high'] / scale:.{digits}f}]" for _, row in table.iterrows()],
        index=table.index)


def _tables(result: ScalingStudy) -> list[Table]:
    interval = result.scaling.interval
    parameters = result.scaling.parameters
    laws = pd.DataFrame({
        "ladder": parameters["ladder"], "law": parameters["law"],
        "weight": parameters["weight"], "elpd (LOO)": parameters["elpd"],
        "alpha": _between(parameters, "alpha").where(parameters["identified"], "not told"),
        "beta": _between(parameters, "beta").where(parameters["identified"], "not told"),
        "g": _between(parameters, "joint", digits=2).where(
            (parameters["law"] == "coupled") & parameters["identified"], "–"),
        "E (loss)": _between(parameters, "irreducible").where(parameters["irreducible"] > 0, "0"),
        "noise (% of loss)": 100 * parameters["noise"]})
    tables = [Table("scaling-laws", f"Laws by ladder; median and {interval}", laws,
                    {"weight": "{:.2f}", "elpd (LOO)": "{:.1f}", "noise (% of loss)": "{:.2f}"},
                    "densing: no E, the size term decays slower; densing-tokens: the token term "
                    "does. elpd is comparable within a ladder only.")]
    answers = result.answers.assign(low=result.answers["low"], high=result.answers["high"])
    tables.append(Table("scaling-answers", f"Practical questions on {result.reference}; "
                        f"median and {interval}", answers,
                        note="100 A100 at 312 TFLOP/s and 40% of it."))
    approaches = result.approaches
    tables.append(Table(
        "scaling-approaches", f"Three approaches on {result.reference}; {interval}s",
        pd.DataFrame({
            "approach": approaches["approach"], "points": approaches["optima"],
            "a in N ~ C^a": _between(approaches, "exponent"),
            "parameters at 5.76e23 FLOP (B)": _between(approaches, "params", B, 0),
            "tokens (T)": approaches["tokens"] / T}), {"tokens (T)": "{:.2f}"}))
    bias = result.bias
    tables.append(Table(
        "scaling-bias", "IsoFLOP parabolas on noise-free surfaces", pd.DataFrame({
            "surface": bias["surface"], "middle of the grid": bias["grid"],
            "sizes over a factor of": bias["factor"], "true a": bias["true_exponent"],
            "a found": bias["exponent"],
            "size found over true at 5.76e23 FLOP": bias["params_ratio"]}),
        {"sizes over a factor of": "±{:.0f}", "true a": "{:.3f}", "a found": "{:.3f}",
         "size found over true at 5.76e23 FLOP": "{:.2f}"}))
    trials = [*result.trials, *result.simulated]
    if trials:
        foretold = pd.concat([trial.table.assign(ladder=trial.name) for trial in trials])
        tables.append(Table(
            "scaling-foretold", f"Larger runs from smaller ones; {interval}", pd.DataFrame({
                "ladder": foretold["ladder"], "run": foretold["run"],
                "parameters (B)": foretold["params"] / B, "tokens (T)": foretold["tokens"] / T,
                "observed loss": foretold["observed"], "predicted": foretold["median"],
                "low": foretold["low"], "high": foretold["high"],
                "covered": foretold["covered"]}).iloc[_largest(foretold)],
            dict.fromkeys(("observed loss", "predicted", "low", "high"), "{:.3f}"),
            "The five hidden runs of most compute of each ladder."))
    if result.score is not None:
        tables.append(Table("scaling-scores", f"Scores through predicted losses; {interval}",
                            result.score.drop(columns="error")))
    life = result.lifetime
    tables.append(Table(
        "scaling-lifetime", f"Lifetime-optimal size at one loss; median and {interval}",
        pd.DataFrame({
            "cost": life["cost"], "tokens served (T)": life["served"] / T,
            "parameters (B)": _between(life, "params", B, 1),
            "training tokens (T)": _between(life, "tokens", T, 2),
            "tokens per parameter": life["ratio"], "saved": life["saved"]}),
        {"tokens served (T)": "{:.0f}", "tokens per parameter": "{:.0f}", "saved": "{:.0%}"},
        "saved: against serving the training-optimal model. Under the law of most weight."))
    bits = result.bits
    tables.append(Table(
        "scaling-bits", f"Precision laws, from priors alone; median and {interval}",
        pd.DataFrame({
            "bits": bits["bits"], "effective share, weights trained so": _between(
                bits, "trained", digits=2),
            **{f"loss added afterwards, {ratio} tokens per parameter (nats)": _between(
                bits, f"penalty_{ratio}") for ratio in (20, 200, 2000)}}),
        {"bits": "{:.0f}"}, "A model of 1B parameters. Not learnt from any run here."))
    return tables


def _largest(table: pd.DataFrame, most: int = 5) -> list[int]:
    """Positions of each ladder's largest runs by compute."""
    compute = (np.log(table["params"]) + np.log(table["tokens"])).to_numpy()
    ladders = table["ladder"].to_numpy()
    return [int(place) for name in dict.fromkeys(ladders)
            for place in sorted(np.flatnonzero(ladders == name)[
                np.argsort(compute[ladders == name])[-most:]])]


def _summary(result: ScalingStudy) -> dict[str, object]:
    trials = {trial.name: {"runs": len(trial.table), "coverage": trial.coverage}
              for trial in result.trials}
    return {
        **result.scaling.summary(), "reference": result.reference,
        "answers": result.answers.to_dict("records"),
        "approaches": result.approaches.to_dict("records"), "foretold": trials,
        "lifetime": result.lifetime.to_dict("records"),
    }
