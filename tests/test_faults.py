"""Faults of the world around the program: kills, full disks, damaged and forged files, bad input.

Nothing may be lost, nothing absurd be told, and nothing end in a traceback. What a system does
not allow (mounting a small file system, dropping privileges) is skipped, and says so.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fuzz import mutations, run
from nutpie.compiled_pyfunc import from_pyfunc

from densing_bayes import checks
from densing_bayes.breakpoints.columns import Columns, read_series, series_from
from densing_bayes.context import Context, check_draws
from densing_bayes.degenerate import refuse_degenerate
from densing_bayes.errors import GateError, InputError, MachineError, TableError, explain
from densing_bayes.fitting import SEAL, Fit, digest, most_seconds, provenance, sample
from densing_bayes.importance import pareto_smoothed
from densing_bayes.joint.kernel import cache
from densing_bayes.outputs import check_file, check_out, whole_folder
from densing_bayes.questions import sidefits
from densing_bayes.specs import Sampling, load_model
from densing_bayes.swaps import marked

HERE = Path(__file__).parent


def command(*words: str, cwd: Path, stdout=subprocess.PIPE, **environment: str):
    """A command's exit status, answer and messages; as a user would see them."""
    env = os.environ | {"PYTHONPATH": str(HERE.parent), **environment}
    env.pop("DENSING_TRACEBACK", None)
    done = subprocess.run([sys.executable, "-m", "densing_bayes", *words], cwd=cwd, env=env,
                          stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=900,
                          errors="replace", check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


# -- kills -----------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="skipped: this system cannot fork")
@pytest.mark.parametrize(("kind", "least"), [("folder", 20), ("folder-without-exchange", 20),
                                             ("file", 2),
                                             pytest.param("commands", 40, marks=pytest.mark.slow)])
def test_killed_at_every_step_of_writing(kind, least):
    done = subprocess.run([sys.executable, "-W", "ignore", str(HERE / "steps.py"), kind],
                          capture_output=True, text=True, timeout=900, check=False,
                          env=os.environ | {"PYTHONPATH": str(HERE.parent)})
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) >= least  # steps at which it was killed


def test_what_another_process_writes_now_is_no_leftover(tmp_path):
    out = tmp_path / "out"
    busy = marked(out, "new")  # of this process, which runs
    busy.mkdir()
    with whole_folder(out) as new:
        (new / "a").write_text("1")
    assert busy.exists()


# -- disks and permissions -------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None or subprocess.run(
            [mount, "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)],
            capture_output=True, check=False).returncode:
        pytest.skip("skipped: no small file system can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_leaves_what_was_there(small_disk, tree):
    with whole_folder(small_disk / "report") as new:
        (new / "summary.json").write_text(json.dumps(
            {"written_by": "densing_bayes", "files": ["summary.json"]}))
    fit = small_disk / "fit.nc"
    fit.write_bytes(b"old")
    with pytest.raises(OSError, match="No space left"), whole_folder(small_disk / "report") as new:
        (new / "large").write_bytes(bytes(400_000))
    big = tree["posterior"].to_dataset().assign(
        more=(("chain", "draw", "x"), np.random.default_rng(1).normal(size=(2, 50, 2000))))
    with pytest.raises(OSError, match="No space left"):
        Fit(None, xr.DataTree.from_dict({"posterior": big})).save(fit)
    assert fit.read_bytes() == b"old"
    assert sorted(path.name for path in small_disk.iterdir()) == ["fit.nc", "report"]
    assert [path.name for path in (small_disk / "report").iterdir()] == ["summary.json"]
    (small_disk / "rest").write_bytes(bytes(230_000))
    with pytest.raises(InputError, match="No space left"):
        check_out(small_disk / "report")  # told before the work


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="skipped: no /dev/full here")
def test_an_answer_that_cannot_be_printed_is_one_line_and_exit_3(tmp_path):
    with open("/dev/full", "w") as full:
        code, _, said = command("models", "list", cwd=tmp_path, stdout=full)
    assert code == 3
    assert said.splitlines() == [
        "No space left on device (free some space, or name a folder on another disk)"]


@pytest.mark.parametrize("name", ["x" * 300, "a/" + "y" * 300, "/dev/null/x", "/proc/1/x/y"])
def test_impossible_places_are_told_before_the_work(tmp_path, name):
    with pytest.raises(InputError, match="cannot write"):
        check_out(tmp_path / name)
    with pytest.raises(InputError, match="cannot write"):
        check_file(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_trial_leaves_nothing_behind(tmp_path):
    check_out(tmp_path / "not" / "there" / "yet")
    check_file(tmp_path / "nor" / "this.nc")
    assert list(tmp_path.iterdir()) == []


NOWHERE = ("from densing_bayes.joint.kernel import cache\n"
           "def refuse():\n    raise OSError('nowhere')\n"
           "cache.own_temporary = refuse\n")


@pytest.mark.parametrize(("before", "kept"), [("", "_Kept"), (NOWHERE, "NullCache")])
def test_a_home_and_a_package_that_cannot_be_written(small_disk, tmp_path, before, kept):
    (small_disk / "functions.py").write_text("def twice(x):\n    return 2 * x\n")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    code = (f"{before}from functions import twice\n"
            "from densing_bayes.joint.kernel.cache import without_lock\n"
            "made = without_lock(twice)\nprint(made(21), type(made._cache).__name__)\n")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=900, check=False,
        cwd=tmp_path, env={"HOME": "/proc/nobody", "TMPDIR": str(tmp_path),
                           "PATH": os.environ["PATH"],
                           "PYTHONPATH": f"{small_disk}:{HERE.parent}"})
    assert done.returncode == 0, done.stderr[-1500:]
    assert done.stdout.split() == ["42", kept]


# -- machine code on disk --------------------------------------------------------------------


@pytest.fixture
def twice(tmp_path, monkeypatch):
    """Makes a compiled function whose cache lies in a folder of the test's own."""
    source = tmp_path / "functions.py"
    source.write_text("def twice(x):\n    return 2 * x\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import functions

    yield lambda: cache.without_lock(functions.twice)
    sys.modules.pop("functions")


def test_damaged_machine_code_is_made_again(twice, tmp_path):
    def ask():
        made = twice()
        assert made(21) == 42
        return sum(made.stats.cache_hits.values())

    assert [ask(), ask()] == [0, 1]
    files = sorted((tmp_path / "__pycache__").glob("functions.twice*.nb?"))
    assert [path.suffix for path in files] == [".nbc", ".nbi"]
    for path in files:
        content = path.read_bytes()
        damaged = [b"", content[:9], content[:-1], content + b"x", b"\0" * len(content)]
        for place in (0, len(content) // 2, len(content) - 1):
            damaged.append(content[:place] + bytes([content[place] ^ 8]) + content[place + 1:])
        for other in damaged:
            path.write_bytes(other)
            assert ask() == 0  # made again, and kept
            assert ask() == 1
    shutil.rmtree(tmp_path / "__pycache__")
    assert ask() == 0


def test_a_cache_folder_of_somebody_else_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = cache.own_temporary()
    assert folder.stat().st_mode & 0o077 == 0
    folder.chmod(0o777)
    with pytest.raises(OSError, match="own"):
        cache.own_temporary()


# -- kept fits -------------------------------------------------------------------------------


@pytest.fixture
def tree(small_world):
    """A tree with groups and attributes of a fit of the small world; its draws are noise."""
    rng = np.random.default_rng(1)
    posterior = xr.Dataset({"rate_z": (("chain", "draw"), rng.normal(size=(2, 50)))})
    stats = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((2, 50), bool))})
    made = xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})
    made.attrs.update(provenance(small_world.spec, small_world.tables.sha256))
    return made


FORGED = {
    "no posterior": lambda tree: tree.drop_nodes("posterior"),
    "no sample_stats": lambda tree: tree.drop_nodes("sample_stats"),
    "no draws": lambda tree: tree.isel(draw=slice(0, 0)),
    "words": lambda tree: tree.assign({"posterior": xr.DataTree(
        tree["posterior"].to_dataset().astype(str))}),
    "no chains": lambda tree: tree.assign({"posterior": xr.DataTree(
        tree["posterior"].to_dataset().rename(chain="x"))}),
    "divergences of another shape": lambda tree: tree.assign({"sample_stats": xr.DataTree(
        tree["sample_stats"].to_dataset().isel(draw=0))}),
    "another program": lambda tree: _with(tree, program="0.0.1+00000000"),
    "data of no kind": lambda tree: _with(tree, data="[1, 2"),
    "data of another kind": lambda tree: _with(tree, data="[1, 2]"),
    "another spec": lambda tree: _with(tree, spec_hash="123456789abc"),
}


def _with(tree, **attrs):
    out = tree.copy()
    out.attrs.update(attrs)
    return out


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_fit_answers_nothing(kind, tree, small_world, tmp_path):
    forged = FORGED[kind](tree)
    Fit(small_world.spec, forged).save(tmp_path / "fit.nc")  # sealed, as if by the program
    with pytest.raises(InputError, match=r"fit\.nc"):
        Fit.load(tmp_path / "fit.nc", small_world.spec, small_world.tables.sha256)


def test_a_fit_that_was_changed_is_seen_before_a_library_reads_it(tree, small_world, tmp_path):
    path = tmp_path / "fit.nc"
    Fit(small_world.spec, tree).save(path)
    assert Fit.load(path, small_world.spec, small_world.tables.sha256).posterior.sizes["draw"] == 50
    content = path.read_bytes()
    for place in np.linspace(0, len(content) - 1, 40).astype(int):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1:])
        with pytest.raises(InputError, match="cannot read the fit"):
            Fit.load(path, small_world.spec)
    path.write_bytes(content[:-60])
    with pytest.raises(InputError, match="cannot read the fit"):
        Fit.load(path, small_world.spec)
    sealed = b"no netCDF at all" * 9
    path.write_bytes(sealed)
    path.write_bytes(sealed + SEAL + digest(path))
    with pytest.raises(InputError, match="cannot read the fit"):
        Fit.load(path, small_world.spec)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="skipped: no FIFOs here")
def test_a_pipe_is_no_fit_and_nobody_waits_for_it(small_world, tmp_path):
    os.mkfifo(tmp_path / "fit.nc")
    found: list[object] = []

    def load():
        try:
            Fit.load(tmp_path / "fit.nc", small_world.spec)
        except InputError as error:
            found.append(error)

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    thread.join(timeout=30)
    assert "no regular file" in str(found[0])


def test_draws_without_a_variable_or_of_other_models_are_refused(small_world, true_draws):
    coords = {name: labels for name, labels in small_world.coords.items()
              if name in true_draws.dims}
    labelled = true_draws.assign_coords(coords)
    check_draws(labelled, small_world.coords, small_world.spec)
    for wrong in (labelled.drop_vars("c1"), labelled.drop_vars("z"),
                  labelled.assign_coords(model=labelled["model"].values[::-1]),
                  labelled.isel(model=slice(1, None)),
                  labelled.assign(z=labelled["z"].mean("model"))):
        with pytest.raises(InputError, match="not those of this model"):
            check_draws(wrong, small_world.coords, small_world.spec)


def test_a_fit_that_cannot_be_kept_costs_no_answer(small_world, tmp_path, monkeypatch):
    class Kept:
        tree = xr.DataTree()

        def save(self, path):
            raise OSError(28, "No space left on device", str(path))

    told: list[str] = []
    context = Context(small_world.tables, small_world.spec, lambda name, **_: told.append(name),
                      saved=tmp_path / "fit.nc")
    monkeypatch.setattr("densing_bayes.context.gate", lambda fit: {"passed": True})
    context.__dict__["joint"] = type("J", (), {"fit": lambda self, sums: Kept()})()
    assert context.diagnostics["passed"]
    assert "could not be kept: No space left on device" in told[-1]


# -- the sampler -----------------------------------------------------------------------------


def made_of(density):
    """A model of three unknowns for the sampler, from its log density and gradient."""
    return from_pyfunc(3, lambda: density, lambda *_: lambda x: {"x": x}, [np.dtype(float)],
                       [(3,)], ["x"], make_initial_point_fn=lambda seed: np.zeros(3))


def test_a_model_that_cannot_be_sampled_names_the_prior_and_crashes_nothing(tmp_path):
    code = """
from nutpie.compiled_pyfunc import from_pyfunc
import numpy as np, sys
from densing_bayes.errors import InputError
from densing_bayes.fitting import sample
from densing_bayes.priors import Prior
from densing_bayes.specs import Sampling

def density(x):
    return float("nan"), x

priors = {"rate": Prior("Normal", {"mu": 0.0, "sigma": 2.5}, "1/year", "a reason"),
          "omega": Prior("HalfNormal", {"sigma": 1e-320}, "1", "a reason")}
model = from_pyfunc(3, lambda: density, lambda *_: lambda x: {"x": x}, [np.dtype(float)], [(3,)],
                    ["x"], make_initial_point_fn=lambda seed: np.zeros(3))
try:
    sample(model, Sampling(draws=20, tune=20, chains=2), priors=priors)
except InputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          timeout=900, env=os.environ | {"PYTHONPATH": str(HERE.parent)},
                          check=False)
    assert done.returncode == 0, done.stderr[-1500:]  # no segmentation fault at its end
    assert "[priors.omega] HalfNormal(sigma=" in done.stdout
    assert "cannot be sampled" in done.stdout


@pytest.mark.parametrize(("name", "key", "value"), [
    ("size_share", "beta", "99999999999"), ("sd_source", "sigma", "1e-320"),
    ("rate", "mu", "-1e12"), ("nu", "alpha", "1e-300"), ("drift", "sigma", "1e140")])
def test_a_prior_that_no_sampler_bears_is_refused_by_name(name, key, value, tmp_path):
    text = (run.shelf("models") / "densing.toml").read_text(encoding="utf-8")
    before, found, after = text.partition(f"[priors.{name}]")
    after = re.sub(rf"(?m)^{key} = .*$", f"{key} = {value}", after, count=1)
    path = tmp_path / "mine.toml"
    path.write_text(before + found + after, encoding="utf-8")
    with pytest.raises(InputError, match=f"prior '{name}' is farther from unit scale"):
        load_model(path)


def test_sampling_ends_at_its_limit(monkeypatch):
    def slow(x):
        time.sleep(0.01)
        return float(-0.5 * x @ x), -x

    monkeypatch.setenv("DENSING_MINUTES", "0.01")
    with pytest.raises(MachineError, match="stopped after"):
        sample(made_of(slow), Sampling(draws=4000, tune=500, chains=2))


def test_the_limit_grows_with_the_work_and_not_below_ten_minutes(monkeypatch):
    monkeypatch.delenv("DENSING_MINUTES", raising=False)
    usual = Sampling(draws=500, tune=500, chains=4)
    assert most_seconds(10, replace(usual, draws=100, tune=100)) == 600
    assert most_seconds(400, usual.longer()) == 3 * most_seconds(400, usual)
    assert most_seconds(10_000, usual) == 10 * most_seconds(1000, usual)
    monkeypatch.setenv("DENSING_MINUTES", "nonsense")
    assert most_seconds(400, usual) == 600


def test_a_fit_refused_to_the_end_is_not_told(monkeypatch):
    rng, asked = np.random.default_rng(1), []

    def apart(compiled, sampling, *, case):  # chains that never meet, until drawn long enough
        asked.append(sampling)
        between = 0 if sampling.draws > enough else 9
        draws = rng.normal(size=(4, sampling.draws)) + between * np.arange(4)[:, None]
        return xr.DataTree.from_dict({
            "posterior": xr.Dataset({"x": (("chain", "draw"), draws)}),
            "sample_stats": xr.Dataset({"diverging": (("chain", "draw"), draws > 1e9)})})

    monkeypatch.setattr(checks, "sample", apart)
    told: list[str] = []
    usual = Sampling(draws=400, tune=400, chains=4, target_accept=0.9)
    for enough, runs in ((0, 1), (500, 2), (9999, 3)):
        asked.clear()
        told.clear()
        if enough == 9999:
            with pytest.raises(GateError, match="a side fit, sampled three times"):
                checks.sampled(None, usual, ["x"], case="a side fit", progress=told.append)
        else:
            _, found = checks.sampled(None, usual, ["x"], case="a side fit",
                                      progress=told.append)
            assert found["passed"]
        assert asked == [usual, usual.longer(), usual.longer().longer()][:runs]
        assert told == ["a side fit: sampling again, for longer"] * (runs - 1)


def test_a_side_fit_whose_chains_do_not_agree_is_not_told(monkeypatch):
    rng, told = np.random.default_rng(1), []
    context = SimpleNamespace(observations=None, posterior=None, seed=lambda case: 1,
                              progress=told.append)
    spec = load_model("densing")
    monkeypatch.setattr(sidefits, "prepare", lambda observations, spec: SimpleNamespace(
        columns=None, compiled=SimpleNamespace(starting_at=lambda point: None)))
    monkeypatch.setattr(sidefits, "starting_point", lambda compiled, posterior: None)
    monkeypatch.setattr(sidefits, "derive", lambda posterior, *_: posterior)

    def apart(compiled, sampling, *, case):  # chains that meet only when drawn long enough
        between = 0 if sampling.draws > enough else 9
        draws = rng.normal(size=(4, sampling.draws)) + between * np.arange(4)[:, None]
        return xr.DataTree.from_dict({"posterior": xr.Dataset(
            dict.fromkeys(("rate", "level"), (("chain", "draw"), draws)))})

    monkeypatch.setattr(sidefits, "sample", apart)
    for enough, again in ((0, 0), (500, 1)):
        told.clear()
        assert sidefits.side_fit(context, spec, "axis")[1].sizes["draw"] > enough
        assert len(told) == again
    enough = 9999
    with pytest.raises(GateError, match="axis: the chains"):
        sidefits.side_fit(context, spec, "axis")


# -- degenerate data -------------------------------------------------------------------------


def test_weights_without_a_tail():
    for constant in (np.zeros(50), np.full(800, -1e4) + 1e-13 * np.arange(800) / 800):
        weight, k = pareto_smoothed(constant)
        assert k == 0
        np.testing.assert_allclose(weight, 1 / len(weight))
    for bad in (np.full(9, -np.inf), np.full(9, np.nan), np.array([np.inf, 0.0])):
        weight, k = pareto_smoothed(bad)
        assert k == np.inf
        assert np.isfinite(weight).all()
    ratio = np.random.default_rng(1).normal(size=2000)
    weight, k = pareto_smoothed(ratio)
    assert k < 0.5
    assert weight @ ratio == pytest.approx(1.0, abs=0.15)  # the mean of N(0, 1) tilted by e^x


def test_observations_without_scatter_are_told(small_world):
    data = small_world.observations.data
    refuse_degenerate(data)
    size, token = data["run_log_params"].values, data["run_log_tokens"].values
    law = np.log(8 * np.exp(-0.1 * size) + 60 * np.exp(-0.2 * token))
    curve = 0.25 + 0.7 / (1 + np.exp(8 * (data["pair_loss"].values - 0.9)))
    rng = np.random.default_rng(1)

    def told(**changed):
        made = data.assign({name: (data[name].dims, np.broadcast_to(value, data[name].shape))
                            for name, value in changed.items()})
        try:
            refuse_degenerate(made)
        except InputError as error:
            return str(error)
        return ""

    assert "lie on a loss law" in told(run_log_loss=law)
    assert "lie on a loss law" in told(run_log_loss=np.log(0.4 + np.exp(law)))  # with a floor
    assert told(run_log_loss=law + 1e-5 * rng.normal(size=law.shape)) == ""
    assert told(run_log_loss=np.log(np.round(np.exp(law), 4))) == ""  # rounded: it scatters
    assert "losses of the ladder" in told(run_log_loss=0.1)
    chance = float(data["chance"].values[0])
    curve = chance + (1 - chance) * 0.9 / (1 + np.exp(8 * (data["pair_loss"].values - 0.9)))
    assert "lie on one curve" in told(pair_score=curve)
    assert told(pair_score=curve + 1e-4 * rng.normal(size=curve.shape)) == ""
    assert "have one score" in told(pair_score=0.5)
    assert "have one loss" in told(pair_loss=0.7)
    assert "all scores" in told(cell_score=1.0)


@pytest.mark.parametrize(("date", "value", "sd", "what"), [
    ("0001-01-01", "0.4", "0.1", "before there was anything"),
    ("2200-01-01", "0.4", "0.1", "not come yet"), ("9980", "0.4", "0.1", "not come yet"),
    ("1853-05-06", "0.4", "0.1", "170 years from all other dates"),
    ("2023-05-06", "1e90", "0.1", "as far from the middle"),
    ("2023-05-06", "0.4", "1e300", "a million times the range")])
def test_a_series_with_a_row_that_cannot_be_meant_is_refused(date, value, sd, what, tmp_path):
    rng = np.random.default_rng(1)
    rows = [f"{2023 + i // 12}-{i % 12 + 1:02d}-06,{0.1 * i + rng.normal(0, 0.2):.3f},0.1"
            for i in range(24)]
    path = tmp_path / "own.csv"
    path.write_text("\n".join(["date,value,sd", *rows]))
    assert read_series(path, Columns(sd="sd")).notes  # sound: read, and the sd's scale is told
    rows[4] = f"{date},{value},{sd}"
    path.write_text("\n".join(["date,value,sd", *rows]))
    with pytest.raises(TableError, match=what) as caught:
        read_series(path, Columns(sd="sd"))
    assert [problem.row for problem in caught.value.problems] == [6]


def test_a_series_that_says_little_says_so():
    frame = pd.DataFrame({"date": [f"2024-03-{day:02d}" for day in range(1, 13)],
                          "value": np.arange(12.0) % 5, "sd": [0.1] * 11 + [5000.0]})
    notes = " ".join(series_from(frame, Columns(sd="sd")).notes)
    assert "1 of 12 errors" in notes
    assert "within 11 days" in notes


# -- bad input, a few seconds of what `make fuzz` does for minutes -----------------------------


def test_mutated_tables_and_specs_give_errors_of_the_package(tmp_path):
    files = run.small_tables(tmp_path / "base", models=20)
    failed = {}
    for seed in range(40):
        bad, done = mutations.mutated(files, seed)
        why = run.try_reading(bad, tmp_path / f"t{seed}")
        if why:
            failed[f"tables {seed} {done}"] = why
    text = (run.shelf("models") / "densing.toml").read_text(encoding="utf-8")
    for seed in range(60):
        why = run.try_spec(run.mutated_spec(text, seed), tmp_path / "spec.toml")
        if why:
            failed[f"spec {seed}"] = why
    assert failed == {}


def test_the_fuzzer_sees_an_absurd_answer_and_a_crash(tmp_path, monkeypatch):
    assert run.ABSURD.search("It doubles in -6344 days")
    assert run.ABSURD.search("inf parameters [nan, nan]")
    assert not run.ABSURD.search("may double or not: doubling in 904 days or more, no change")
    monkeypatch.setattr(run, "load_tables", lambda folder: 1 / 0)
    assert run.try_reading({}, tmp_path / "t").startswith("ZeroDivisionError")


def test_a_fault_of_the_program_is_one_line_and_exit_3(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import densing_bayes.shelf\n"
        "def names(folder):\n    raise KeyError('nothing of that kind')\n"
        "densing_bayes.shelf.names = names\n")
    code, _, said = command("models", "list", cwd=tmp_path,
                            PYTHONPATH=f"{tmp_path}:{HERE.parent}")
    assert code == 3
    assert said.startswith("the program failed; this is a fault of its own: KeyError")
    assert len(said.splitlines()) == 1


def test_an_unforeseen_error_is_told_with_its_place():
    try:
        {}["x"]
    except KeyError as error:
        assert explain(error).startswith("KeyError: 'x' [test_faults.py:")
