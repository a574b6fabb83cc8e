"""What the benchmark measures with: processes, effective sample sizes, agreement, machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import arviz_stats as azs
import numpy as np

from benchmarks.peers.run import COMPARED, HEADLINE

ROOT = Path(__file__).resolve().parents[1]


def run(command: list[Any], *, seconds: float, log: Path,
        settings: dict[str, str] | None = None, folder: Path = ROOT) -> dict[str, Any]:
    """Run a command to its end or its limit: status, wall seconds, peak memory of its tree's
    largest process (MB). Status None: it was stopped at the limit.
    """
    began = time.perf_counter()
    with log.open("wb") as stream:
        process = subprocess.Popen([str(part) for part in command], cwd=folder, stdout=stream,
                                   stderr=subprocess.STDOUT, start_new_session=True,
                                   env=os.environ | {"MPLBACKEND": "Agg"} | (settings or {}))
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            if time.perf_counter() - began > seconds:
                os.killpg(process.pid, 9)  # the session that was started above, nobody else's
                _, _, usage = os.wait4(process.pid, 0)
                status = None
                break
            time.sleep(0.02)
    process.returncode = 0  # waited for above
    return {"status": None if status is None else os.waitstatus_to_exitcode(status),
            "wall_s": time.perf_counter() - began, "peak_mb": usage.ru_maxrss / 1024,
            "cpu_s": usage.ru_utime + usage.ru_stime}


def effective(draws: dict[str, np.ndarray]) -> dict[str, float]:
    """Bulk effective sample size of each headline parameter, draws (chain, draw)."""
    return {name: float(azs.ess(draws[name], method="bulk")) for name in HEADLINE}


def rhat(draws: dict[str, np.ndarray]) -> float:
    """The largest rank-normalised R-hat of the headline parameters."""
    return max(float(azs.rhat(draws[name])) for name in HEADLINE)


def disagreement(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> dict[str, float]:
    """Difference of posterior means in Monte Carlo standard errors of both, by parameter.

    Where both sample one posterior these are about standard normal: of ten parameters one
    exceeds 3.5 in one run of 200.
    """
    out = {}
    for name in COMPARED:
        if name in ours and name in theirs:
            error = np.hypot(*(float(azs.mcse(draws[name], method="mean"))
                               for draws in (ours, theirs)))
            out[name] = float((theirs[name].mean() - ours[name].mean()) / error)
    return out


def machine() -> dict[str, Any]:
    """What it runs on."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines()
             if line.startswith("model name")] if info.is_file() else []
    packages = {}
    for name in ("pymc", "pytensor", "nutpie", "numba", "numpy"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {"cpu": names[0] if names else platform.processor(), "cores": os.cpu_count(),
            "python": sys.version.split()[0], "system": platform.system(), "packages": packages,
            "load_at_start": os.getloadavg()[0]}
