"""Bayesian Densing Law: how fast language models get denser, with honest uncertainty.

``import densing_bayes as db``, then ``db.growth()``, ``db.density()``, ``db.regimes()``, ... as the
command has them; each gives an `Answer`. ``db.model()`` is the joint model in PyMC. The names are
loaded on first use (PEP 562), so that importing the package is free. None is also the name of a
module: Python would put the module in its place.

Examples
--------
>>> import densing_bayes as db
>>> answer = db.growth(window="last-12-months")  # doctest: +SKIP
>>> answer.table, answer.plot()  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from densing_bayes.context import Context as Context
    from densing_bayes.errors import (
        DensingError as DensingError,
    )
    from densing_bayes.errors import (
        GateError as GateError,
    )
    from densing_bayes.errors import (
        InputError as InputError,
    )
    from densing_bayes.errors import (
        MachineError as MachineError,
    )
    from densing_bayes.fitting import Fit as Fit
    from densing_bayes.intervals import Interval as Interval
    from densing_bayes.intervals import growth_summary as growth_summary
    from densing_bayes.observations import select as select
    from densing_bayes.pipeline import run_report as run_report
    from densing_bayes.priors import Prior as Prior
    from densing_bayes.specs import (
        ModelSpec as ModelSpec,
    )
    from densing_bayes.specs import (
        load_model as load_model,
    )
    from densing_bayes.specs import (
        load_report as load_report,
    )
    from densing_bayes.tables import load_tables as load_tables
    from densing_bayes.trends import doubling_set as doubling_set
    from densing_bayes.trends import doubling_time as doubling_time
    from densing_bayes.verbs.answer import Answer as Answer
    from densing_bayes.verbs.compare import compare as compare
    from densing_bayes.verbs.corollaries import (
        compression as compression,
    )
    from densing_bayes.verbs.corollaries import (
        forecast as forecast,
    )
    from densing_bayes.verbs.corollaries import (
        prices as prices,
    )
    from densing_bayes.verbs.growth import density as density
    from densing_bayes.verbs.growth import growth as growth
    from densing_bayes.verbs.model import model as model
    from densing_bayes.verbs.opening import SuspiciousData as SuspiciousData
    from densing_bayes.verbs.opening import opened as opened
    from densing_bayes.verbs.regimes import regimes as regimes
    from densing_bayes.verbs.report import report as report
    from densing_bayes.verbs.scaling import scaling as scaling
    from densing_bayes.verbs.shelf import validate as validate
    from densing_bayes.verbs.studies import calibrate as calibrate
    from densing_bayes.verbs.studies import study as study
    from densing_bayes.verbs.update import update as update
    from densing_bayes.verbs.whatif import whatif as whatif

_HOME = {
    "Answer": "verbs.answer",
    "Context": "context",
    "DensingError": "errors",
    "Fit": "fitting",
    "GateError": "errors",
    "InputError": "errors",
    "Interval": "intervals",
    "MachineError": "errors",
    "ModelSpec": "specs",
    "Prior": "priors",
    "SuspiciousData": "verbs.opening",
    "calibrate": "verbs.studies",
    "compare": "verbs.compare",
    "compression": "verbs.corollaries",
    "density": "verbs.growth",
    "doubling_set": "trends",
    "doubling_time": "trends",
    "forecast": "verbs.corollaries",
    "growth": "verbs.growth",
    "growth_summary": "intervals",
    "load_model": "specs",
    "load_report": "specs",
    "load_tables": "tables",
    "model": "verbs.model",
    "opened": "verbs.opening",
    "prices": "verbs.corollaries",
    "regimes": "verbs.regimes",
    "report": "verbs.report",
    "run_report": "pipeline",
    "scaling": "verbs.scaling",
    "select": "observations",
    "study": "verbs.studies",
    "update": "verbs.update",
    "validate": "verbs.shelf",
    "whatif": "verbs.whatif",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"densing_bayes.{_HOME[name]}"), name)
    raise AttributeError(f"module 'densing_bayes' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
