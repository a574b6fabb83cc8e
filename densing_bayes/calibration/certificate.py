"""The certificate: SBC, coverage and back-test, run case by case, resumed, and summed up.

Every case is one small JSON file, written whole; a run that was stopped goes on with the cases
that are not there. A case's random stream comes from its name, so neither order nor workers
matter. The certificate is what the cases on disk say, with their counts and Monte Carlo errors.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, as_completed
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from densing_bayes.calibration import backtest, coverage, rounds
from densing_bayes.calibration.rig import Rig, invented, rig
from densing_bayes.errors import InputError, MachineError, Problem
from densing_bayes.fitting import program
from densing_bayes.intervals import Interval
from densing_bayes.joint.fit import choose
from densing_bayes.outputs import json_text, replacing
from densing_bayes.shelf import shelf
from densing_bayes.specs import ModelSpec, Sampling, load_model
from densing_bayes.tables import Tables, load_tables
from densing_bayes.worlds import TYPICAL

NARROW, SHIFT, NOISE = 0.5, 0.5, 2.0  # the test's own test: sds, sds, factor on ladder noise


@dataclass(frozen=True)
class Plan:
    """How much to run.

    Parameters
    ----------
    rounds
        Rounds of SBC on the invented design.
    real_rounds
        Rounds of SBC on the design of the tables.
    wrong_rounds
        Rounds with a likelihood that is wrong on purpose.
    shared, twisted
        Worlds of each kind where the model holds, and where it does not.
    kinks
        Of these, how many of each kind are asked for a change of rate.
    origins
        Back-test origins, evenly spaced among all (0: all).
    models
        Models of the invented design.
    draws, tune
        Per chain, of two chains.
    """

    rounds: int
    real_rounds: int
    wrong_rounds: int
    shared: int
    twisted: int
    kinks: int
    origins: int
    models: int = 60
    draws: int = 200
    tune: int = 250

    def sampling(self, spec: ModelSpec) -> Sampling:
        """Short chains, with the spec's seed."""
        return replace(spec.sampling, draws=self.draws, tune=self.tune, chains=2)


QUICK = Plan(rounds=16, real_rounds=0, wrong_rounds=0, shared=5, twisted=1, kinks=0, origins=2,
             models=40)
FULL = Plan(rounds=300, real_rounds=100, wrong_rounds=20, shared=200, twisted=100, kinks=20,
            origins=0)


def cases(plan: Plan) -> list[tuple[str, str]]:
    """(kind, name) of every case but the back-test's, which depend on the tables; balanced."""
    worlds = [(k, name) for name, world in coverage.WORLDS.items()
              for k in range(plan.shared if world.shared else plan.twisted)]
    longest = max([plan.shared, plan.twisted, 1])

    def place(k: int, count: int) -> float:  # so that a run that is stopped is balanced
        return k / count * longest

    out = [(place(k, plan.shared if coverage.WORLDS[name].shared else plan.twisted),
            ("world", f"{name}/{k}")) for k, name in worlds]
    for kind, count in (("sbc", plan.rounds), ("sbc real", plan.real_rounds),
                        ("sbc wrong", plan.wrong_rounds)):
        out += [(place(k, count), (kind, str(k))) for k in range(count)]
    return [case for _, case in sorted(out, key=lambda pair: pair[0])]


# -- running ----------------------------------------------------------------------------------

_RIGS: dict[tuple[str, str], Any] = {}  # compiled models of this process


def calibrate(*, quick: bool = False, out: Path, tables: Tables | None = None,
              spec: ModelSpec | None = None, executor: Executor | None = None,
              progress: Callable[..., None] = lambda name, **_: None,
              plan: Plan | None = None) -> dict[str, Any]:
    """Run what is missing of a plan and return the certificate.

    Parameters
    ----------
    quick
        A few minutes: enough to see that nothing is badly wrong, not to certify.
    out
        Folder: ``cases/`` with a file per case, and ``certificate.json``.
    executor
        Where chunks of cases run; None runs them here, one after the other.
    plan
        Another plan than `QUICK` or `FULL`.

    Returns
    -------
    dict
        See `certificate`.
    """
    spec = load_model("densing") if spec is None else spec
    if spec.options["irreducible"]:
        raise InputError(Problem("calibration knows no ruler with an irreducible loss",
                                 given=spec.name, allowed="a spec with irreducible = false"))
    tables = load_tables() if tables is None else tables
    plan = plan or (QUICK if quick else FULL)
    started = time.perf_counter()
    todo = cases(plan)
    todo += [("origin", day) for day in _origins(spec, tables, plan)]
    missing = [case for case in todo if _read(out, case, spec, tables, plan) is None]
    by_rig = [[case for case in missing if _needs_real(case) == real] for real in (True, False)]
    size = len(missing) if executor is None else max(1, min(20, len(missing) // 6))
    chunks = [part[i:i + size] for part in by_rig for i in range(0, len(part), size or 1)]
    if executor is None:
        for chunk in chunks:
            run_chunk(chunk, out, spec, tables, plan, progress=progress, cores=2)
    else:
        jobs = [executor.submit(run_chunk, chunk, out, spec, tables, plan) for chunk in chunks]
        for done, job in enumerate(as_completed(jobs), 1):
            try:
                job.result()
            except BrokenExecutor:
                raise MachineError("a worker died (out of memory?): what was finished is kept, and "
                                   "the same command goes on with the rest") from None
            progress(f"calibration: {done} of {len(jobs)} chunks of cases")
    result = certificate(out, spec, tables, plan)
    result["timing_s"] = {"this run": time.perf_counter() - started,
                          "cases run": len(missing)}
    with replacing(out / "certificate.json") as path:
        path.write_text(json_text(result), encoding="utf-8")
    return result


def run_chunk(chunk: list[tuple[str, str]], out: Path, spec: ModelSpec, tables: Tables,
              plan: Plan, *, progress: Callable[..., None] = lambda name, **_: None,
              cores: int = 1) -> None:
    """Run some cases and write each as it is done."""
    for i, (kind, name) in enumerate(chunk):
        if i % max(1, len(chunk) // 10) == 0:
            design = "design of the tables" if _needs_real(chunk[0]) else "invented design"
            progress(f"calibration, {design}: case {i + 1} of {len(chunk)}",
                     note="compiling the model takes a minute or so")
        result = run_case(kind, name, spec, tables, plan, cores)
        with replacing(_path(out, (kind, name))) as path:
            path.write_text(json.dumps({"key": _key(kind, spec, tables, plan),
                                        "result": json.loads(json_text(result))}),
                            encoding="utf-8")


def run_case(kind: str, name: str, spec: ModelSpec, tables: Tables, plan: Plan, cores: int = 1,
             ) -> dict[str, Any]:
    """One case of one kind: 'sbc', 'sbc real', 'sbc wrong', 'world' or 'origin'."""
    sampling = plan.sampling(spec)
    ours = _rig(spec, tables, plan, _needs_real((kind, name)))
    if kind == "origin":
        return backtest.run_origin(ours, name, sampling, cores=cores)
    if kind == "world":
        world, k = name.rsplit("/", 1)
        return coverage.run_world(ours, world, int(k), sampling, spec.interval,
                                  kink=int(k) < plan.kinks, cores=cores)
    centre = _centre(ours, sampling) if kind == "sbc real" else TYPICAL
    return rounds.sbc_round(ours, f"{kind} {name}", centre, sampling, cores=cores,
                            noise=NOISE if kind == "sbc wrong" else 1.0)


def _needs_real(case: tuple[str, str]) -> bool:
    return case[0] in ("origin", "sbc real")


def _rig(spec: ModelSpec, tables: Tables, plan: Plan, real: bool) -> Rig:
    key = (f"{real} {plan.models}", spec.hash)
    if key not in _RIGS:
        _RIGS[key] = rig(choose(tables, spec), spec) if real else invented(spec, plan.models)
    return _RIGS[key]


def _centre(ours: Rig, sampling: Sampling) -> dict[str, Any]:
    key = ("centre", ours.spec.hash)
    if key not in _RIGS:
        _RIGS[key] = rounds.centre(ours, sampling)
    return _RIGS[key]


def _origins(spec: ModelSpec, tables: Tables, plan: Plan) -> list[str]:
    days = backtest.origins(choose(tables, spec).data)
    if plan.origins and plan.origins < len(days):
        return [days[i] for i in np.linspace(0, len(days) - 1, plan.origins + 2).astype(int)[1:-1]]
    return days


# -- cases on disk ----------------------------------------------------------------------------


def _path(out: Path, case: tuple[str, str]) -> Path:
    word = "-".join(case).replace("/", "-").replace(" ", "-")
    return Path(out) / "cases" / f"{word}.json"


def _key(kind: str, spec: ModelSpec, tables: Tables, plan: Plan) -> str:
    """What a case depends on: spec, chains, and the tables or the invented design."""
    on = tables.sha256 if _needs_real((kind, "")) else plan.models
    said = repr((program(), spec.hash, plan.draws, plan.tune, on,
                 plan.kinks if kind == "world" else 0))
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def _read(out: Path, case: tuple[str, str], spec: ModelSpec, tables: Tables, plan: Plan,
          ) -> dict[str, Any] | None:
    """A case's result, or None where there is none of this spec, plan and these tables."""
    try:
        saved = json.loads(_path(out, case).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return saved["result"] if saved.get("key") == _key(case[0], spec, tables, plan) else None


# -- summing up -------------------------------------------------------------------------------


def certificate(out: Path, spec: ModelSpec, tables: Tables, plan: Plan) -> dict[str, Any]:
    """What the finished cases of a plan say, with their counts."""
    found: dict[str, list[dict[str, Any]]] = {}
    todo = [*cases(plan), *(("origin", day) for day in _origins(spec, tables, plan))]
    for case in todo:
        result = _read(out, case, spec, tables, plan)
        if result is not None:
            found.setdefault(case[0], []).append(result)
    done = sum(map(len, found.values()))
    result: dict[str, Any] = {
        "spec": spec.name, "spec_hash": spec.hash, "seed": spec.sampling.seed,
        "data": tables.sha256, "interval": {"prob": spec.interval.prob,
                                            "kind": spec.interval.kind},
        "versions": {name: version(name) for name in ("densing-bayes", "pymc", "nutpie")},
        "chains": {"chains": 2, "draws": plan.draws, "tune": plan.tune},
        "cases": {"planned": len(todo), "done": done,
                  **{kind: len(rows) for kind, rows in found.items()}},
        "health": {kind: _health(rows) for kind, rows in found.items()},
        "sbc": {kind: summed for kind, words in (("sbc", "invented design"),
                                                 ("sbc real", "design of the tables"))
                if (summed := summed_sbc(found.get(kind, []), words))},
        "coverage": coverage.coverage_table(found.get("world", [])).to_dict("records"),
        "worlds": {name: world.what for name, world in coverage.WORLDS.items()},
        "backtest": backtest.backtest_table(
            [row for one in found.get("origin", []) for row in one["rows"]]).to_dict("records")
        if found.get("origin") else [],
        "origins": [one["origin"] for one in found.get("origin", [])],
        "pit": {what: [row["pit"] for one in found.get("origin", []) for row in one["rows"]
                       if row["what"] == what and row["method"] == "joint"]
                for what in ("anchored score", "linked score", "frontier")},
    }
    if found.get("sbc wrong"):
        result["wrong_likelihood"] = rounds.judge_rounds(found["sbc wrong"])
    result["verdict"] = verdict(result, spec.interval)
    return result


def _health(rows: list[dict[str, Any]]) -> dict[str, float]:
    return {"rhat_above_1.05": float(np.mean([row["rhat"] > 1.05 for row in rows])),
            "ess_median": float(np.median([row["ess"] for row in rows])),
            "with_divergences": float(np.mean([row["divergences"] > 0 for row in rows]))}


def summed_sbc(done: list[dict[str, Any]], words: str) -> dict[str, Any]:
    """Verdict on the rounds, and whether the same rounds would fail if spoilt."""
    if len(done) < coverage.FEWEST:
        return {}
    return {"design": words, **rounds.judge_rounds(done),
            "ranks": {name: ranks.tolist() for name, ranks in rounds.ranks_of(done).items()},
            "too_narrow_fails": not rounds.judge_rounds(done, narrow=NARROW)["passed"],
            "shifted_fails": not rounds.judge_rounds(done, shift=SHIFT)["passed"]}


def verdict(result: dict[str, Any], interval: Interval) -> list[dict[str, Any]]:
    """The promises, one by one: what was found, its Monte Carlo error, what was promised.

    ``kept`` is 'yes', 'no', or 'open' where the Monte Carlo error is too large to say.
    """
    out = []
    for one in result["sbc"].values():
        out.append({"promise": f"SBC, {one['design']}: ranks uniform "
                    f"(false alarms {one['false_alarms']:.0%})",
                    "found": min(one["p"].values()) * len(one["p"]), "error": None,
                    "range": [one["false_alarms"], None], "count": one["simulations"],
                    "kept": "no" if not one["passed"] else
                    "yes" if one["too_narrow_fails"] and one["shifted_fails"] else "open"})
    for row in _joint_coverage(result["coverage"]):
        low, high = (interval.prob - 0.03, interval.prob + 0.03) if row["shared"] else (0.8, None)
        out.append({"promise": f"{interval} of the rate covers, {row['where']}",
                    "found": row["coverage"], "error": row["coverage_se"], "range": [low, high],
                    "count": row["worlds"],
                    "kept": "open" if row["worlds"] < coverage.FEWEST else
                    _kept(row["coverage"], row["coverage_se"], low, high)})
    for row in result["backtest"]:
        if row["method"] != "joint" or row["horizon"]:
            continue
        if np.isfinite(row["gain"] if row["gain"] is not None else np.nan):
            out.append({"promise": f"back-test, {row['what']}: CRPS at least 20% below the "
                        f"paper's extrapolation", "found": row["gain"], "error": row["gain_se"],
                        "range": [0.2, None], "count": row["forecasts"],
                        "kept": _kept(row["gain"], row["gain_se"], 0.2, None)})
        for share in backtest.COVERAGES:
            found, error = (row[f"coverage_{share:.0%}{end}"] for end in ("", "_se"))
            out.append({"promise": f"back-test, {row['what']}: {share:.0%} intervals cover",
                        "found": found, "error": error, "range": [share, share],
                        "count": row["forecasts"],
                        "kept": coverage.share_kept(found, share, row["forecasts"], row["origins"],
                                                    error)})
    return out


def _joint_coverage(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The joint model's coverage: where it holds all worlds together, else world by world."""
    joint = [row for row in rows if row["method"] == "joint"]
    right = [row for row in joint if coverage.WORLDS[row["world"]].shared]
    out = []
    if right:
        count = sum(row["worlds"] for row in right)
        hits = round(sum(row["coverage"] * row["worlds"] for row in right))
        out.append({"where": "where the model holds", "shared": True, "worlds": count,
                    "coverage": hits / count, "coverage_se": coverage.share_error(
                        np.arange(count) < hits)})
    return out + [{**row, "where": f"world '{row['world']}'", "shared": False} for row in joint
                  if not coverage.WORLDS[row["world"]].shared]


def _kept(found: float, error: float | None, low: float, high: float | None) -> str:
    """Whether a share keeps its promise, given its Monte Carlo error.

    A band is kept by a finding inside it whose two errors are no wider than the band; a bound
    by one that lies two errors inside.
    """
    if error is None or not np.isfinite(error):
        return "open"
    inside = min(found - low, (np.inf if high is None else high) - found)
    if inside <= -2 * error:
        return "no"
    enough = inside >= 2 * error if high is None else inside >= 0 and 2 * error <= high - low
    return "yes" if enough else "open"


def publish(result: dict[str, Any], edition: str) -> Path:
    """Keep a certificate in the repository as an edition; an edition is never rewritten.

    Parameters
    ----------
    edition
        Begins with the day of the run (ISO), so that names sort by age.
    """
    path = shelf("reports") / "published" / edition / "certificate.json"
    if path.exists():
        raise InputError(Problem("the edition is published already", given=edition,
                                 hint="an edition is never rewritten; choose another name"))
    with replacing(path) as temporary:
        temporary.write_text(json_text(result | {"edition": edition}), encoding="utf-8")
    return path


def published() -> dict[str, Any] | None:
    """The newest published certificate (last edition by name), or None."""
    found = sorted((shelf("reports") / "published").glob("*/certificate.json"))
    return json.loads(found[-1].read_text(encoding="utf-8")) if found else None
