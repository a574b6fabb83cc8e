"""Bayesian Densing Law: how fast language models get denser, with honest uncertainty.

The names below are loaded on first use (PEP 562), so that importing the package is free. None is
also the name of a module: Python would put the module in its place.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "Context": "context",
    "DensingError": "errors",
    "Fit": "fitting",
    "GateError": "errors",
    "InputError": "errors",
    "Interval": "intervals",
    "ModelSpec": "specs",
    "Prior": "priors",
    "doubling_set": "trends",
    "doubling_time": "trends",
    "growth_summary": "intervals",
    "load_model": "specs",
    "load_report": "specs",
    "load_tables": "tables",
    "run_report": "pipeline",
    "select": "observations",
    "validate": "verbs.shelf",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"densing_bayes.{_HOME[name]}"), name)
    raise AttributeError(f"module 'densing_bayes' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
