"""The benchmark: one run on one machine (`make bench`, or python -m benchmarks.run --quick).

Prints every figure as it is known and writes all to JSON. A step that fails or is stopped at
its limit says so and the next one runs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measure, scale
from benchmarks.answers import answers

# engine -> draws, warm-up, chains, limit in seconds of the whole process
ENGINES: dict[str, tuple[int, int, int, float]] = {
    "ours": (1200, 300, 4, 300),
    "nutpie": (800, 300, 4, 300),
    "nutpie-naive": (300, 300, 2, 180),
    "pymc": (200, 200, 2, 600),
    "stan": (400, 300, 2, 600),
    "stan-naive": (400, 300, 2, 600),
    "numpyro": (400, 300, 2, 300),
    "numpyro-naive": (600, 300, 2, 300),
}
QUICK = {"ours": (1200, 300, 4, 300), "nutpie-naive": (100, 150, 2, 60)}
# models, draws, warm-up
SIZES = [(100, 1200, 300), (1000, 600, 300), (10_000, 300, 300)]
SIZE_LIMIT = 900  # seconds of one size, inventing and writing its tables included
STEPS = {  # steps of the report by the name of what they are
    "reading tables": "read", "preparing the joint model": "compile",
    "sampling the joint posterior": "sample", "deriving": "derive", "cut": "cut",
    "writing": "draw"}


def main() -> None:
    """Run all, or what `--only` names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="no peers, small sizes, one repeat")
    parser.add_argument("--out", type=Path, default=Path("densing-out/bench.json"))
    parser.add_argument("--only", nargs="*", default=[
        "help", "answers", "report", "engines", "refits", "bootstrap", "scale"],
                        help="any of help, answers, report, full, engines, refits, bootstrap, "
                             "scale")
    asked = parser.parse_args()
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"machine": measure.machine(), "quick": asked.quick}
    say("machine", **{name: value for name, value in found["machine"].items()
                      if name != "packages"})
    steps: dict[str, Callable[[], Any]] = {
        "help": help_seconds, "answers": questions,
        "report": lambda: reports("doubling-time", 1 if asked.quick else 2),
        "full": lambda: reports("full", 0),
        "engines": lambda: engines(QUICK if asked.quick else ENGINES, 1 if asked.quick else 3),
        "refits": refits, "bootstrap": bootstrap,
        "scale": lambda: sizes(SIZES[:2] if asked.quick else SIZES)}
    began = time.perf_counter()
    for name in asked.only:
        print(f"\n== {name} ({time.perf_counter() - began:.0f} s so far)", flush=True)
        try:
            found[name] = steps[name]()
        except Exception as error:  # what failed is told, and the rest is still measured
            found[name] = {"failed": f"{type(error).__name__}: {error}"}
            print(f"   failed: {found[name]['failed']}", flush=True)
        found["load_at_end"] = os.getloadavg()[0]
        asked.out.write_text(json.dumps(found, indent=1))
    if "rows" in found.get("engines", {}):
        print("\n" + table(found["engines"]["rows"]))
    print(f"\n{time.perf_counter() - began:.0f} s in all; {asked.out}")


def say(what: str, **values: Any) -> None:
    """One line of figures."""
    told = [f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in values.items()]
    print(f"   {what}: " + ", ".join(told), flush=True)


def densing() -> Path:
    """The command of this environment."""
    return Path(sys.executable).with_name("densing")


def help_seconds() -> dict[str, Any]:
    """Seconds of `densing --help`, median of five after one to warm the disk."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        walls = [measure.run([densing(), "--help"], seconds=60, log=log)["wall_s"]
                 for _ in range(6)][1:]
    say("densing --help", seconds=float(np.median(walls)))
    return {"seconds": walls, "median": float(np.median(walls))}


def questions() -> dict[str, Any]:
    """Questions to a saved fit (`benchmarks.answers`), told one by one."""
    found = answers(densing())
    say("answers", refit_s=found["refit_s"], import_pymc_s=found["import_pymc_s"])
    for name, row in found["questions"].items():
        say(name, **row)
    return found


def reports(name: str, warm: int) -> dict[str, Any]:
    """`densing report NAME` with an empty cache of compiled code, then ``warm`` times with it."""
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for i in range(1 + warm):
            out, log = folder / f"report-{i}", folder / f"log-{i}"
            row = measure.run([densing(), "report", name, "--out", out], seconds=900, log=log,
                              settings=cold_cache(folder / "cache"))
            row["cold"] = i == 0
            summary = out / "summary.json"
            if not summary.is_file():
                raise RuntimeError(f"no report: {log.read_text(errors='replace')[-400:]}")
            row["split_s"] = split(json.loads(summary.read_text())["timing_s"], row["wall_s"])
            say("cold" if i == 0 else "warm", wall_s=row["wall_s"], peak_mb=row["peak_mb"],
                status=row["status"], **row["split_s"])
            rows.append(row)
    found = {"runs": rows, "cold_s": rows[0]["wall_s"],
             "peak_mb": max(row["peak_mb"] for row in rows)}
    if warm:
        found["warm_s"] = float(np.median([row["wall_s"] for row in rows[1:]]))
    return found


def cold_cache(folder: Path) -> dict[str, str]:
    """Settings by which all compiled code goes to a folder of one's own."""
    return {"PYTENSOR_FLAGS": f"base_compiledir={folder},numba__fastmath=False",
            "NUMBA_CACHE_DIR": str(folder / "numba"), "XDG_CACHE_HOME": str(folder / "xdg")}


def split(timing: dict[str, float], wall: float) -> dict[str, float]:
    """Seconds of a report by kind of step; what no step accounts for is import and start.

    The step "before writing" is a sum of others; files are drawn and written after it.

    Examples
    --------
    >>> split({"reading tables": 1.0, "cut: a": 2.0, "cut: b": 1.0, "before writing": 5.0}, 7.0)
    {'read': 1.0, 'cut': 3.0, 'import, files and rest': 3.0}
    """
    out: dict[str, float] = {}
    for name, seconds in timing.items():
        kind = next((kind for start, kind in STEPS.items() if name.startswith(start)),
                    "other sections")
        if name != "before writing":
            out[kind] = out.get(kind, 0.0) + seconds
    return out | {"import, files and rest": wall - sum(out.values())}


def engines(wanted: dict[str, tuple[int, int, int, float]], repeats: int) -> dict[str, Any]:
    """Every engine on the joint model of the shipped tables, each from an empty cache."""
    rows: list[dict[str, Any]] = []
    reference: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        stan = folder / "stan cache"  # one program for both parametrisations, compiled once
        for name, (draws, tune, chains, limit) in wanted.items():
            out, log = folder / f"{name}.json", folder / f"{name}.log"
            cache = folder / f"{name} cache"
            settings = cold_cache(cache) | ({"XDG_CACHE_HOME": str(stan)}
                                            if name.startswith("stan") else {})
            settings["STAN_PYTHON"] = str(peer_python("stan"))
            ran = measure.run(
                [python_of(name), "-m", "benchmarks.peers.run", name, out, "--draws", draws,
                 "--tune", tune, "--chains", chains, "--repeats",
                 repeats if name == "ours" else 1, "--seconds", limit / 2],
                seconds=limit, log=log, settings=settings)
            shutil.rmtree(cache, ignore_errors=True)
            if not out.is_file():
                last = log.read_text(errors="replace").strip().splitlines()[-1:]
                why = (f"stopped after {limit} s" if ran["status"] is None
                       else f"failed: {' '.join(last)[:200]}")
                rows.append({"engine": name, "failed": why})
                say(name, result=why)
                continue
            row = json.loads(out.read_text())
            found = dict(np.load(out.with_suffix(".npz")))
            row |= told(row, found)
            if name == "ours":
                reference = found
            elif reference:
                row["disagreement"] = measure.disagreement(reference, found)
            if name == "stan-naive":  # what compiling costs was paid by the first of the two
                row["seconds"]["compile"] = next(
                    (other["seconds"]["compile"] for other in rows
                     if other["engine"] == "stan" and "seconds" in other),
                    row["seconds"]["compile"])
            rows.append(row)
            say(name, **{key: row[key] for key in ("min_ess", "rhat", "ess_per_s",
                                                   "median_ess_per_s", "gradients_per_effective")
                         if key in row}, **row["seconds"])
    return {"rows": rows}


def python_of(engine: str) -> str | Path:
    """The Python that an engine runs in (`peers/make-env` makes those of the peers)."""
    return peer_python("peers") if engine.startswith("numpyro") else sys.executable


def peer_python(name: str) -> str | Path:
    """PEERS_PYTHON or STAN_PYTHON, else .venv/peers or .venv/stan, else this one."""
    made = measure.ROOT / ".venv" / name / "bin" / "python"
    return os.environ.get(f"{name.upper()}_PYTHON",
                          str(made) if made.is_file() else sys.executable)


def told(row: dict[str, Any], draws: dict[str, np.ndarray]) -> dict[str, Any]:
    """Effective draws per second of a run: sampling (warm-up included), and with compilation."""
    ess = measure.effective(draws)
    seconds, least = row["seconds"], min(ess.values())
    out = {"ess": ess, "min_ess": least, "rhat": measure.rhat(draws),
           "ess_per_s": least / seconds["sample"],
           "median_ess_per_s": float(np.median(list(ess.values()))) / seconds["sample"],
           "ess_per_s_with_compile": least / (seconds["sample"] + seconds["compile"])}
    if "draws" in row:  # as if every iteration took as long: fairer to short runs
        share = row["draws"] / (row["draws"] + row["tune"])
        out["ess_per_s_after_warmup"] = out["ess_per_s"] / share
    if "_steps" in draws:
        out["gradients_per_effective"] = float(draws["_steps"].sum() / least)
    return out


def table(rows: list[dict[str, Any]]) -> str:
    """All engines beside ours."""
    ours = rows[0]
    lines = [f"{'engine':14} {'compile s':>9} {'sample s':>9} {'min ESS':>8} {'ESS/s':>8} "
             f"{'median/s':>8} {'with comp.':>10} {'ours/it':>8} {'no w-up':>8} {'with c.':>8} "
             f"{'R-hat':>6} {'off by':>7} {'MB':>6}"]
    for row in rows:
        if "failed" in row:
            lines.append(f"{row['engine']:14} {row['failed']}")
            continue
        ratio = [ours[key] / row[key] if key in ours and key in row else np.nan
                 for key in ("ess_per_s", "ess_per_s_after_warmup", "ess_per_s_with_compile")]
        off = max(map(abs, row.get("disagreement", {"": np.nan}).values()))
        lines.append(
            f"{row['engine']:14} {row['seconds']['compile']:9.1f} {row['seconds']['sample']:9.1f} "
            f"{row['min_ess']:8.0f} {row['ess_per_s']:8.2f} {row['median_ess_per_s']:8.2f} "
            f"{row['ess_per_s_with_compile']:10.2f} {ratio[0]:8.1f} {ratio[1]:8.1f} "
            f"{ratio[2]:8.1f} {row['rhat']:6.2f} {off:7.1f} {row['peak_mb']:6.0f}")
    lines.append("ours/it: ratio of min ESS per second of sampling; no w-up: leaving warm-up out; "
                 "with c.: compilation counted")
    lines.append("off by: largest difference of a posterior mean from ours, in Monte Carlo standard"
                 " errors; means little where R-hat is far from 1")
    return "\n".join(lines)


def refits() -> dict[str, Any]:
    """Seconds per refit of the joint model, and of a frontier: regimes of 60 models."""
    import pandas as pd

    from densing_bayes.breakpoints.columns import Columns, series_from
    from densing_bayes.breakpoints.designs import regimes_for
    from densing_bayes.breakpoints.fits import fit
    from densing_bayes.specs import load_model

    rng = np.random.default_rng(1)
    days = np.sort(rng.uniform(0, 900, 60)).round()
    frame = pd.DataFrame({
        "date": np.datetime64("2023-02-24") + days.astype("timedelta64[D]"),
        "value": 1.6 * days / 365.25 - np.abs(rng.normal(0, 0.8, 60)) + rng.normal(0, 0.2, 60)})
    spec = load_model("series").with_options(likelihood="frontier")
    series = series_from(frame, Columns(kind="frontier"))
    out: dict[str, Any] = {"joint": joint_refits()}
    say("joint model", **out["joint"])
    for regime in regimes_for(series):
        runs = [fit(series, regime, spec, case=f"bench {i}") for i in range(3)]
        out[regime.name] = {"seconds": float(np.median([run.seconds for run in runs])),
                            "method": runs[0].diagnostics["method"]}
        say(f"frontier, regime {regime.name}", **out[regime.name])
    return out


def joint_refits() -> dict[str, Any]:
    """The joint model on the shipped tables from three seeds, with the shipped sampling."""
    from benchmarks.peers.run import shipped
    from densing_bayes.context import gate
    from densing_bayes.joint.fit import prepare

    spec, observations, *_ = shipped()
    joint = prepare(observations, spec)
    seconds, passed = [], []
    for seed in range(3):
        began = time.perf_counter()
        fit = replace(joint, spec=spec.with_seed(spec.sampling.seed + seed)).fit({})
        seconds.append(time.perf_counter() - began)
        passed.append(gate(fit)["passed"])
    return {"seconds": float(np.median(seconds)), "gates_passed": sum(passed)}


def bootstrap() -> dict[str, Any]:
    """The plug-in chain resampled 1,000 times: what the paper's way costs with an interval."""
    from benchmarks.peers.run import shipped
    from densing_bayes.calibration.coverage import bootstrap as resample
    from densing_bayes.plugin import plugin

    spec, observations, columns, _ = shipped()
    began = time.perf_counter()
    chain = plugin(observations, tokens=columns["setting"]["reference_tokens"][0],
                   interval=spec.interval)
    fitted = time.perf_counter()
    rates, _ = resample(chain, np.random.default_rng(1), repeats=1000)
    out = {"point_s": fitted - began, "bootstrap_s": time.perf_counter() - fitted,
           "rate": chain.rate, "low": float(spec.interval.of(rates)[0]),
           "high": float(spec.interval.of(rates)[1])}
    say("plug-in, 1,000 resamples (ruler held)", **out)
    return out


def sizes(wanted: list[tuple[int, int, int]]) -> dict[str, Any]:
    """Invented leaderboards of growing size, each in a process of its own."""
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for models, draws, tune in wanted:
            out, log = Path(temporary) / f"{len(rows)}.json", Path(temporary) / "log"
            ran = measure.run([sys.executable, "-m", "benchmarks.scale", models, out, "--draws",
                               draws, "--tune", tune], seconds=SIZE_LIMIT, log=log)
            if out.is_file():
                rows.append(json.loads(out.read_text()) | {"wall_s": ran["wall_s"]})
                say(f"{models} models", **{name: value for name, value in rows[-1].items()
                                           if name != "models"})
            else:
                last = log.read_text(errors="replace").strip().splitlines()[-1:]
                rows.append({"models": models, "failed": f"stopped after {SIZE_LIMIT} s"
                             if ran["status"] is None else " ".join(last)[:200]})
                say(f"{models} models", result=rows[-1]["failed"])
    found = scale.exponents([row for row in rows if "failed" not in row])
    say("growth exponents", **found)
    return {"rows": rows, "exponents": found}


if __name__ == "__main__":
    main()
