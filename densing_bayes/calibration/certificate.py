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

from densing_bayes.calibration import backtest, coverage, rounds, sbc
from densing_bayes.calibration.editions import FORMAT
from densing_bayes.calibration.rig import invented
from densing_bayes.errors import InputError, MachineError, Problem
from densing_bayes.fitting import program
from densing_bayes.intervals import Interval
from densing_bayes.joint.fit import Joint, choose, prepare
from densing_bayes.outputs import json_text, replacing
from densing_bayes.specs import ModelSpec, Sampling, load_model
from densing_bayes.tables import Tables, load_tables

HOW = ("engine", "cut_draws")  # options that change no posterior
FEWEST = 10  # cases below which nothing is said
MOST_FALSE = 0.05  # of worlds in which a claim is false, that it is made in
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
    origins
        Back-test origins, evenly spaced among all (0: all).
    models
        Models of an invented design.
    draws, tune
        Per chain, of two chains.
    """

    rounds: int
    real_rounds: int
    wrong_rounds: int
    shared: int
    twisted: int
    origins: int
    models: int = 60
    draws: int = 400
    tune: int = 400

    def sampling(self, spec: ModelSpec) -> Sampling:
        """Short chains, with the spec's seed."""
        return replace(spec.sampling, draws=self.draws, tune=self.tune, chains=2)


QUICK = Plan(rounds=10, real_rounds=0, wrong_rounds=0, shared=2, twisted=1, origins=2, models=40,
             draws=200, tune=250)
FULL = Plan(rounds=300, real_rounds=50, wrong_rounds=20, shared=200, twisted=100, origins=0)


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

_DESIGNS: dict[tuple[Any, ...], Any] = {}  # of this process


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
    # the back-test's cases share two fits to all tables: they stay together
    together = [[case for case in missing if (case[0] == "origin") == last]
                for last in (False, True)]
    size = len(missing) if executor is None else max(1, min(20, len(missing) // 6))
    chunks = [part[i:i + size] for part in together for i in range(0, len(part), size or 1)]
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
            progress(f"calibration, {'back-test' if kind == 'origin' else 'made-up data'}: "
                     f"case {i + 1} of {len(chunk)}")
        result = run_case(kind, name, spec, tables, plan, cores)
        with replacing(_path(out, (kind, name))) as path:
            path.write_text(json.dumps({"key": _key(kind, spec, tables, plan),
                                        "result": json.loads(json_text(result))}),
                            encoding="utf-8")


def run_case(kind: str, name: str, spec: ModelSpec, tables: Tables, plan: Plan, cores: int = 1,
             ) -> dict[str, Any]:
    """One case of one kind: 'sbc', 'sbc real', 'sbc wrong', 'world' or 'origin'."""
    sampling = plan.sampling(spec)
    if kind == "origin":
        return backtest.run_origin(_today(spec, tables, sampling), tables, spec, name, sampling,
                                   cores=cores)
    if kind == "world":
        world, k = name.rsplit("/", 1)
        return coverage.run_world(spec, world, int(k), sampling, models=plan.models, cores=cores)
    ours, centre = _design(spec, tables, plan, kind == "sbc real")
    return rounds.sbc_round(ours, f"{kind} {name}", centre, sampling, cores=cores,
                            noise=NOISE if kind == "sbc wrong" else 1.0)


def _needs_real(kind: str) -> bool:
    return kind in ("origin", "sbc real")


def _design(spec: ModelSpec, tables: Tables, plan: Plan, real: bool,
            ) -> tuple[Joint, dict[str, Any]]:
    """The joint model whose design the rounds of SBC keep, and the centre of their truths."""
    key = (str(real), plan.models, spec.hash, str(tables.sha256) if real else "")
    if key not in _DESIGNS:
        ours = prepare(choose(tables, spec), spec) if real else invented(spec, plan.models)
        _DESIGNS[key] = ours, (rounds.centre(ours, plan.sampling(spec)) if real else sbc.CENTRE)
    return _DESIGNS[key]


def _today(spec: ModelSpec, tables: Tables, sampling: Sampling) -> backtest.Today:
    """What the fit to all tables says, once per process."""
    key = ("today", spec.hash, str(tables.sha256), sampling)
    if key not in _DESIGNS:
        _DESIGNS[key] = backtest.Today(tables, spec, sampling)
    return _DESIGNS[key]


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
    on = tables.sha256 if _needs_real(kind) else plan.models
    said = repr((program(), spec.hash, plan.draws, plan.tune, on))
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def _read(out: Path, case: tuple[str, str], spec: ModelSpec, tables: Tables, plan: Plan,
          ) -> dict[str, Any] | None:
    """A case's result, or None where there is none of this spec, plan and these tables."""
    try:
        saved = json.loads(_path(out, case).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return saved["result"] if saved.get("key") == _key(case[0], spec, tables, plan) else None


def model_hash(spec: ModelSpec) -> str:
    """Of what a certificate speaks: options, priors and interval, however the draws are made."""
    asked = {name: value for name, value in spec.options.items() if name not in HOW}
    return replace(spec, sampling=Sampling(), options=asked).hash


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
        "format": FORMAT, "spec": spec.name, "spec_hash": spec.hash,
        "model_hash": model_hash(spec), "seed": spec.sampling.seed,
        "data": tables.sha256, "interval": {"prob": spec.interval.prob,
                                            "kind": spec.interval.kind},
        "versions": {name: version(name) for name in ("densing-bayes", "pymc", "nutpie")},
        "chains": {"chains": 2, "draws": plan.draws, "tune": plan.tune, "models": plan.models},
        "cases": {"planned": len(todo), "done": done,
                  **{kind: len(rows) for kind, rows in found.items()}},
        "health": {kind: _health(rows) for kind, rows in found.items()},
        "sbc": {kind: summed for kind, words in (("sbc", "invented design"),
                                                 ("sbc real", "design of the tables"))
                if (summed := summed_sbc(found.get(kind, []), words))},
        "coverage": coverage.coverage_table(found.get("world", [])).to_dict("records"),
        "claims": coverage.false_claims(found.get("world", [])),
        "worlds": {name: world.what for name, world in coverage.WORLDS.items()},
        "backtest": backtest.backtest_table(
            [row for one in found.get("origin", []) for row in one["rows"]]).to_dict("records")
        if found.get("origin") else [],
        "origins": [one["origin"] for one in found.get("origin", [])],
        "pit": {what: [row["pit"] for one in found.get("origin", []) for row in one["rows"]
                       if row["what"] == what and row["method"] == "joint"]
                for what in backtest.QUANTITIES},
    }
    if len(found.get("sbc wrong", [])) >= FEWEST:
        result["wrong_likelihood"] = rounds.judge_rounds(found["sbc wrong"])
    result["verdict"] = verdict(result, spec.interval)
    return result


def _health(rows: list[dict[str, Any]]) -> dict[str, float]:
    return {"rhat_above_1.05": float(np.mean([row["rhat"] > 1.05 for row in rows])),
            "ess_median": float(np.median([row["ess"] for row in rows])),
            "with_divergences": float(np.mean([row["divergences"] > 0 for row in rows]))}


def summed_sbc(done: list[dict[str, Any]], words: str) -> dict[str, Any]:
    """Verdict on the rounds, and whether the same rounds would fail if spoilt."""
    if len(done) < FEWEST:
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
                    "found": min(1.0, min(one["p"].values()) * len(one["p"])),
                    "error": None,
                    "range": [one["false_alarms"], None], "count": one["simulations"],
                    "kept": "no" if not one["passed"] else
                    "yes" if one["too_narrow_fails"] and one["shifted_fails"] else "open"})
    for row in _joint_coverage(result["coverage"]):
        low, high = ((interval.prob - 0.03, interval.prob + 0.03) if row["shared"]
                     else (interval.prob - 0.05, None))
        out.append({"promise": f"{interval} of the frontier's growth covers, {row['where']}",
                    "found": row["coverage"], "error": row["coverage_se"], "range": [low, high],
                    "count": row["worlds"],
                    "kept": "open" if row["worlds"] < FEWEST else
                    _kept(row["coverage"], row["coverage_se"], low, high)})
    out += [{"promise": f"the claim '{one['claim']}' is made where it is false in at most "
             f"{MOST_FALSE:.0%}", "found": one["share"], "error": one["share_se"],
             "range": [0.0, MOST_FALSE], "count": one["worlds"],
             "kept": "open" if one["worlds"] < FEWEST else
             _kept(-one["share"], one["share_se"], -MOST_FALSE, None)}
            for one in result["claims"]]
    for row in result["backtest"]:
        if row["horizon"]:
            continue
        few = row["origins"] < FEWEST
        if row["method"] != "joint" and _finite(row["against"]):
            out.append({"promise": f"back-test, {row['what']}: CRPS below that of "
                        f"'{row['method']}'", "found": row["against"],
                        "error": row["against_se"], "range": [0.0, None],
                        "count": row["forecasts"], "kept": "open" if few else
                        _kept(row["against"], row["against_se"], 0.0, None)})
        if row["method"] == "joint":
            found, error = row["coverage_50%"], row["coverage_50%_se"]
            out.append({"promise": f"back-test, {row['what']}: 50% intervals cover",
                        "found": found, "error": error, "range": [0.35, 0.65],
                        "count": row["forecasts"],
                        "kept": "open" if few else _kept(found, error, 0.35, 0.65)})
    return out


def _joint_coverage(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The joint model's coverage: all worlds where it holds, all where not, and these by kind."""
    joint = [row for row in rows if row["method"] == "joint"]
    kinds = [row for row in joint if not coverage.WORLDS[row["world"]].shared]
    return [*(one for one in coverage.pooled(rows) if one["method"] == "joint"),
            *({**row, "where": f"world '{row['world']}'", "shared": False} for row in kinds)]


def _finite(number: float | None) -> bool:
    return number is not None and bool(np.isfinite(number))


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
