"""The shipped main spec and report with other sampling, for tests that fit small worlds."""

from __future__ import annotations

import re
from pathlib import Path

from densing_bayes.shelf import shelf


def write_spec(path: Path, **sampling: float) -> Path:
    """The shipped main spec with other sampling and two ruler draws for the cut."""
    text = shelf("models").joinpath("densing.toml").read_text(encoding="utf-8")
    text = re.sub(r"(?m)^cut_draws = \d+", "cut_draws = 2", text)
    # small steps: sixty models hold the frontier's edge loosely
    text = re.sub(r"(?m)^draws = \d+", "draws = 1500", text)
    text = re.sub(r"(?m)^tune = \d+", "tune = 800", text)
    text = re.sub(r"(?m)^target_accept = .*", "target_accept = 0.98", text)
    for name, value in sampling.items():
        text, count = re.subn(rf"(?m)^{name} = [\d.]+", f"{name} = {value}", text)
        assert count == 1
    path.write_text(text, encoding="utf-8")
    return path


def write_report_spec(path: Path, model: Path) -> Path:
    """The shipped default report on another model spec."""
    text = shelf("reports").joinpath("doubling-time.toml").read_text(encoding="utf-8")
    path.write_text(re.sub(r"(?m)^model = .*$", f"model = '{model}'", text), encoding="utf-8")
    return path
