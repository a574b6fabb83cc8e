"""Sensitivity studies: how much does the answer depend on choices that could have been others?

Reading order: ``spec`` (what is varied, as TOML), ``cases`` (which variants that makes),
``variants`` (what a variant does to the inputs of the main fit), ``structures`` (its tables
and where its chains start), ``lines`` (a case's frontier), ``fits`` (one variant, in a
worker), ``runner`` and ``folder`` (many variants on any executor, kept as they land),
``influence``, ``attribution``, ``sensitivity`` (what the main fit's own draws say),
``readings`` (tables), ``study`` (all of it).
"""

from typing import Any

from densing_bayes.studies.spec import StudySpec, load_study

__all__ = ["CaseProgress", "Study", "StudySpec", "load_study", "run_study"]


def __getattr__(name: str) -> Any:
    """Names whose modules import PyMC are loaded on first use."""
    if name in ("Study", "run_study"):
        from densing_bayes.studies import study

        return getattr(study, name)
    if name == "CaseProgress":
        from densing_bayes.studies.bar import CaseProgress

        return CaseProgress
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
