"""Section: the calibration certificate, in words, tables and pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from densing_bayes.calibration import backtest, coverage, sbc
from densing_bayes.calibration.certificate import FEWEST, model_hash
from densing_bayes.figures.house import BLUE, GREEN, INK, MUTED, ORANGE, PALE, PURPLE
from densing_bayes.reports import Picture, Section, Table
from densing_bayes.specs import ModelSpec

COLOURS = {"joint": BLUE, "plug-in": ORANGE, "bootstrap": GREEN, "no change": MUTED,
           "record jumps": GREEN, "paper": ORANGE, "published rate": PURPLE}
LABELS = {"plug-in": "paper's plug-in", "bootstrap": "bootstrap of it", "paper":
          "paper's extrapolation", "record jumps": "record jumps (compound Poisson)",
          "published rate": "published rate"}
MARKERS = dict(zip(COLOURS, "osDsDov", strict=True))


TITLE = "Are the intervals true?"


def section(result: dict[str, Any] | None, spec: ModelSpec | None = None,
            data: dict[str, str] | None = None) -> Section:
    """The certificate of `densing_bayes.calibration.calibrate` (or a published one).

    Parameters
    ----------
    result
        None where there is no certificate: the section says so.
    spec
        Of the report: the text says when the certificate is of another.
    data
        Checksums of the report's tables, likewise.
    """
    if result is None:
        return Section("calibration", TITLE, ["No certificate has been published: whether these "
                                              "intervals hold what they promise is untested."],
                       summary={"calibration": None})
    text = [*headline(result), _made(result, spec, data), *_sbc_words(result)]
    tables = [_promises(result)]
    pictures: list[Picture] = []
    if result["sbc"]:
        pictures.append(Picture(
            "calibration-sbc", "Ranks of the truth: distribution function less the diagonal, one "
            "line per quantity; the band holds a right one at every point with 99%",
            "; ".join(f"{one['design']}: {len(one['failed'])} of {len(one['p'])} quantities leave "
                      f"the band" for one in result["sbc"].values()) + ".",
            lambda fig: _sbc_picture(fig, result), 7, 3.4))
    if result["coverage"]:
        text.append(_coverage_words(result))
        tables.append(_coverage_table(result))
        pictures.append(Picture(
            "calibration-coverage", "How often intervals hold the frontier's true growth, by kind "
            "of world; bars are two Monte Carlo standard errors",
            "Coverage by the joint model: " + "; ".join(
                f"{row['world']} {row['coverage']:.0%} of {row['worlds']}"
                for row in result["coverage"] if row["method"] == "joint") + ".",
            lambda fig: _coverage_picture(fig, result), 7, 7.5))
    if result["backtest"]:
        text.append(_backtest_words(result))
        tables.append(_backtest_table(result))
        pictures.append(Picture(
            "calibration-backtest", "Back-test: error of forecasts by horizon and method (bars: "
            "mean CRPS), and how often the joint model's intervals held",
            "Mean CRPS over all horizons: " + "; ".join(
                f"{row['what']}, {LABELS.get(row['method'], row['method'])} {row['crps']:.2f}"
                for row in result["backtest"] if row["horizon"] == 0) + ".",
            lambda fig: _backtest_picture(fig, result), 7, 5.6))
    kept = [one["kept"] for one in result["verdict"]]
    summary = {"calibration": {
        "verdict": result["verdict"], "kept": kept.count("yes"), "broken": kept.count("no"),
        "open": kept.count("open"), "cases": result["cases"], "spec_hash": result["spec_hash"],
        "edition": result.get("edition")}}
    return Section("calibration", TITLE, text, tables, pictures, summary)


def headline(result: dict[str, Any]) -> list[str]:
    """What a reader of the report must know about its intervals: one or two sentences."""
    verdicts = result["verdict"]
    broken = [one for one in verdicts if one["kept"] == "no"]
    count = {word: sum(one["kept"] == word for one in verdicts) for word in ("yes", "open")}
    first = (f"Calibration: of {len(verdicts)} checks of these intervals held {count['yes']}, "
             f"failed {len(broken)}, and left open {count['open']} (the Monte Carlo error is too "
             f"large to say).")
    if not broken:
        return [first]
    return [first + " Failing: " + "; ".join(
        f"{one['promise']} (found {one['found']:.2f})" for one in broken) + "."]


def _made(result: dict[str, Any], spec: ModelSpec | None, data: dict[str, str] | None) -> str:
    cases, chains = result["cases"], result["chains"]
    words = (f"The certificate rests on {cases['done']} of {cases['planned']} planned cases, each "
             f"a refit with {chains['chains']} chains of {chains['draws']} draws after "
             f"{chains['tune']} of warm-up, seed {result['seed']}; made-up data have "
             f"{chains['models']} models.")
    if result.get("edition"):
        words += f" Edition: {result['edition']}."
    if spec is not None and model_hash(spec) != result["model_hash"]:
        words += (" It was made with other priors or options, and speaks for these only as far "
                  "as the two agree.")
    if data is not None and data != result["data"]:
        words += (" It was made on the shipped tables of its day, not on these; `densing calibrate "
                  "--data FOLDER` makes one of yours.")
    ill = {kind: health for kind, health in result["health"].items()
           if health["with_divergences"] > 0.05 or health["rhat_above_1.05"] > 0.05}
    if ill:
        words += " Short chains are not perfect: " + "; ".join(
            f"{kind}: {health['with_divergences']:.0%} with divergences, "
            f"{health['rhat_above_1.05']:.0%} with R-hat of the growth above 1.05"
            for kind, health in ill.items()) + "."
    return words


def _sbc_words(result: dict[str, Any]) -> list[str]:
    out = []
    for one in result["sbc"].values():
        said = ("no quantity departs from uniform ranks" if one["passed"] else
                "the ranks of " + ", ".join(one["failed"]) + " depart from uniform")
        power = [word for word, fails in (("half as wide", one["too_narrow_fails"]),
                                          ("half an sd off", one["shifted_fails"])) if fails]
        out.append(
            f"Simulation-based calibration on the {one['design']}: over {one['simulations']} "
            f"rounds and {len(one['p'])} quantities {said} (false alarms of the whole check: "
            f"{one['false_alarms']:.0%}). The same rounds "
            + (f"with posteriors {' or '.join(power)} fail, as they should."
               if power else "would not have caught a posterior half as wide: too few."))
    wrong = result.get("wrong_likelihood")
    if wrong:
        out.append(f"With twice the ladder's noise in the simulator and {wrong['simulations']} "
                   f"rounds the check " + ("fails, as it should." if not wrong["passed"] else
                                           "does not fail: it is too weak."))
    return out


def _coverage_words(result: dict[str, Any]) -> str:
    rows, prob = result["coverage"], result["interval"]["prob"]
    said = []
    for one in coverage.pooled(rows):
        if one["method"] == "joint":
            said.append(f"The {prob:.0%} interval held the frontier's average growth in "
                        f"{one['hits']} of {one['worlds']} worlds {one['where']} "
                        f"({one['kinds']} kinds)")
        elif one["method"] == "plug-in":
            said[-1] += f"; the nominal interval of the paper's chain in {one['coverage']:.0%}"
    enough = [row for row in rows if row["method"] == "joint" and row["worlds"] >= FEWEST]
    if enough:
        worst = min(enough, key=lambda row: row["coverage"])
        said.append(f"The lowest of a kind is {worst['coverage']:.0%} of {worst['worlds']} "
                    f"('{worst['world']}')")
    else:
        said.append(f"No kind was run {FEWEST} times, so that coverage by kind says nothing yet")
    said.append(f"A frontier that stands still counts as covered where the interval reaches below "
                f"{coverage.NONE:g} per year")
    said += [f"The claim '{one['claim']}' was made in {one['share']:.0%} of the {one['worlds']} "
             f"worlds in which it is false" for one in result["claims"]]
    return ". ".join(said) + "."


def _backtest_words(result: dict[str, Any]) -> str:
    rows = pd.DataFrame(result["backtest"])
    rows = rows[rows["horizon"] == 0]
    said = []
    for what, part in rows.groupby("what", sort=False):
        joint = part[part["method"] == "joint"].iloc[0]
        rivals = part[part["method"] != "joint"].set_index("method")["against"].astype(float)
        beaten = "; ".join(
            f"{abs(gain):.0%} {'below' if gain > 0 else 'above'} '{LABELS.get(name, name)}'"
            for name, gain in rivals.items() if np.isfinite(gain))
        said.append(
            f"{what} ({joint['forecasts']} forecasts): 50% intervals held "
            f"{joint['coverage_50%']:.0%} and 90% intervals {joint['coverage_90%']:.0%}, medians "
            f"{abs(joint['bias']):.2f} too {'high' if joint['bias'] > 0 else 'low'} on average; "
            f"CRPS {joint['crps']:.3f}, {beaten}")
    return (f"Back-test from {len(result['origins'])} origins ({result['origins'][0]} to "
            f"{result['origins'][-1]}), models released later left out, forecasts for 3, 6 and 12 "
            f"months: {'. '.join(said)}. The outcome is the posterior median of today's fit. The "
            f"ruler is held in all fits where ladder and pairs put it, so that the growth alone "
            f"is tested. Forecasts of one origin share a fit, and origins overlap, so errors "
            f"resample origins.")


# -- tables -----------------------------------------------------------------------------------


def _promises(result: dict[str, Any]) -> Table:
    frame = pd.DataFrame([
        {"check": one["promise"], "found": one["found"], "Monte Carlo error": one["error"],
         "range": " to ".join("" if end is None else f"{end:.2f}" for end in one["range"]).strip(),
         "cases": one["count"], "holds": one["kept"]} for one in result["verdict"]])
    return Table("calibration-promises", "What was checked and what was found", frame,
                 {"found": "{:.2f}", "Monte Carlo error": "{:.2f}"},
                 note="'open': the Monte Carlo error is too large to say. For SBC 'found' is the "
                      "smallest p-value times the number of quantities; it fails below the "
                      "declared rate of false alarms.")


def _coverage_table(result: dict[str, Any]) -> Table:
    frame = pd.DataFrame(result["coverage"])
    frame["what happens there"] = frame["world"].map(result["worlds"])
    frame["method"] = frame["method"].replace(LABELS)
    frame = frame.rename(columns={
        "bias": "bias (1/year)", "bias_se": "error of bias", "coverage_se": "error of coverage",
        "width": "width (1/year)", "worlds": "cases", "says_grows": "says 'grew'",
        "says_slow": "says 'slow'", "says_slower": "says 'slower'"})
    prob = result["interval"]["prob"]
    return Table("calibration-coverage", f"{prob:.0%} intervals of the frontier's average growth "
                 f"in worlds where it is known", frame, {name: "{:.2f}" for name in frame
                                                         if frame[name].dtype.kind == "f"},
                 note="'grew' is said at more than 97.5% for an average above 0.1 per year; at "
                      "more than 95% 'slow' for twelve last months below 0.35 per year (a "
                      "doubling in two years), 'slower' for less than in the time before.")


def _backtest_table(result: dict[str, Any]) -> Table:
    frame = pd.DataFrame(result["backtest"])
    frame["method"] = frame["method"].replace(LABELS)
    frame["horizon"] = frame["horizon"].map(lambda h: "all" if h == 0 else f"{h} months")
    frame = frame.rename(columns={
        "what": "forecast of", "crps": "CRPS", "bias": "median less outcome",
        "against": "joint's CRPS below it (share)", "against_se": "error of that share"})
    return Table("calibration-backtest", "Rolling-origin back-test (ln density)", frame,
                 {name: "{:.3f}" for name in frame if frame[name].dtype.kind == "f"},
                 note="A negative share: that rival was better.")


# -- pictures ---------------------------------------------------------------------------------


def _sbc_picture(fig: Figure, result: dict[str, Any]) -> None:
    parts = list(result["sbc"].values())
    axes = fig.subplots(1, len(parts), squeeze=False, sharey=True)[0]
    for ax, one in zip(axes, parts, strict=True):
        count = one["simulations"]
        at = np.arange(1, sbc.RANKS + 1) / (sbc.RANKS + 1)
        low, high = sbc.band(count, 0.99)
        ax.fill_between(at, low, high, color=PALE, alpha=0.6, lw=0)
        for name, ranks in one["ranks"].items():
            below = np.cumsum(np.bincount(ranks, minlength=sbc.RANKS + 1))[:-1] / count
            failed = name in one["failed"]
            ax.plot(at, below - at, color=ORANGE if failed else BLUE, lw=1.5 if failed else 0.7,
                    alpha=1 if failed else 0.6, label=name if failed else None)
        ax.axhline(0, color=INK, lw=0.6)
        ax.set(title=f"{one['design']}, {count} rounds", xlabel="rank / (draws + 1)", xlim=(0, 1))
        if one["failed"]:
            ax.legend(loc="best")
    axes[0].set_ylabel("share below, less rank")


def _coverage_picture(fig: Figure, result: dict[str, Any]) -> None:
    rows = pd.DataFrame(result["coverage"])
    worlds = list(dict.fromkeys(rows["world"]))[::-1]
    prob = result["interval"]["prob"]
    ax = fig.subplots()
    ax.axvline(prob, color=INK, lw=0.8)
    for i, method in enumerate(coverage.METHODS):
        part = rows[rows["method"] == method].set_index("world").reindex(worlds)
        y = np.arange(len(worlds)) + 0.22 * (1 - i)
        ax.errorbar(part["coverage"], y, xerr=2 * part["coverage_se"], fmt=MARKERS[method],
                    color=COLOURS[method], ms=5, lw=1.2, label=LABELS.get(method, method))
    ax.set(yticks=range(len(worlds)), yticklabels=worlds, xlim=(-0.02, 1.03),
           xlabel=f"share of {prob:.0%} intervals that hold the true growth")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3)


def _backtest_picture(fig: Figure, result: dict[str, Any]) -> None:
    rows = pd.DataFrame(result["backtest"])
    grid = fig.subplots(2, 2)
    for ax, what in zip(grid[0], backtest.QUANTITIES, strict=True):
        part = rows[(rows["what"] == what) & (rows["horizon"] > 0)]
        horizons = sorted(part["horizon"].unique())
        for i, method in enumerate(backtest.METHODS):
            mine = part[part["method"] == method].set_index("horizon").reindex(horizons)
            ax.bar(np.arange(len(horizons)) + 0.17 * (i - 2), mine["crps"].astype(float), 0.15,
                   color=COLOURS[method], label=LABELS.get(method, method))
        ax.set(xticks=range(len(horizons)), xticklabels=[f"{h} months" for h in horizons],
               ylabel="CRPS (ln density)", title=what)
    handles, labels = grid[0][0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper center", ncols=3)
    joint = rows[(rows["method"] == "joint") & (rows["horizon"] == 0)]
    for i, (_, row) in enumerate(joint.iterrows()):
        found = np.array([row[f"coverage_{share:.0%}"] for share in backtest.COVERAGES], float)
        error = np.array([row[f"coverage_{share:.0%}_se"] for share in backtest.COVERAGES], float)
        grid[1][0].errorbar(np.array(backtest.COVERAGES) + 0.012 * (i - 0.5), found,
                            yerr=2 * error, fmt="os"[i % 2], color=[BLUE, PURPLE][i % 2], ms=5,
                            lw=1.2, label=row["what"])
    grid[1][0].plot([0.4, 1], [0.4, 1], color=INK, lw=0.8)
    grid[1][0].set(xlabel="nominal", ylabel="share inside", title="coverage, joint", xlim=(0.4, 1),
                   ylim=(0, 1.05))
    grid[1][0].legend(loc="lower right")
    pit = result["pit"]["best available"]
    grid[1][1].hist(pit, bins=np.linspace(0, 1, 11), color=BLUE, alpha=0.7)
    grid[1][1].axhline(len(pit) / 10, color=INK, lw=0.8)
    grid[1][1].set(xlabel="PIT of the best available", ylabel="forecasts", title="PIT, joint")
