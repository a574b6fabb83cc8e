"""``model``: the joint model as PyMC knows it, for those who want to change or sample it there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from densing_bayes.priors import Prior
from densing_bayes.specs import ModelSpec
from densing_bayes.verbs.opening import Data, tables_of
from densing_bayes.verbs.spec import spec_of


def model(spec: str | Path | ModelSpec = "densing", data: Data = None, *,
          priors: Mapping[str, Prior] | None = None, skip_bad: bool = False,
          **options: Any) -> Any:
    """The joint model of some tables as a `pymc.Model`.

    The same density that the verbs sample by a faster way (nine digits agree). Scores, losses and
    differences between sources are its ``observed_RVs``; it has no potentials. `pm.sample` takes
    minutes where `db.growth` takes seconds.

    Parameters
    ----------
    spec, data, skip_bad, options
        As in `densing_bayes.growth`.
    priors
        Priors to be put in place of the spec's, by name: a part of them or all.

    Returns
    -------
    pymc.Model
        Not yet compiled.

    Raises
    ------
    InputError
        For data, spec, options or priors that cannot be used.

    Examples
    --------
    >>> import densing_bayes as db
    >>> made = db.model(benchmarks=["MMLU", "HellaSwag"], priors={
    ...     "rate": db.Prior("Normal", {"mu": 0.0, "sigma": 1.0})})  # doctest: +SKIP
    >>> [one.name for one in made.observed_RVs]  # doctest: +SKIP
    ['ladder_losses', 'pair_scores', 'sources', 'anchored_scores', 'linked_scores']
    """
    asked = spec_of(spec, None, options).with_priors(**(priors or {}))
    tables = tables_of(data, skip_bad=skip_bad)

    from densing_bayes.joint.data import inputs
    from densing_bayes.joint.fit import choose
    from densing_bayes.joint.graph import build

    return build(*inputs(choose(tables, asked), asked), asked)
