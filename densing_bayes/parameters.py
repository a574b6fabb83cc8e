"""Every parameter of the joint model, one row each: all lists of them follow from these.

The sampled point, the kernel's layout, what a spec must give a prior for, the simulator, the
calibration's ranks, sensitivities and the documentation read this table
(`tests/test_parameters.py` holds that they do).
"""

from __future__ import annotations

from typing import NamedTuple

REAL = ("Normal",)
SCALE = ("HalfNormal",)  # a scale that the model states in its own units
POSITIVE = ("HalfNormal", "LogNormal", "Gamma", "Exponential")
SHARE = ("Beta",)


class Parameter(NamedTuple):
    """A sampled variable.

    Parameters
    ----------
    name
        Of the sampled variable. Those in ``_z`` are in units of z, in which models are sampled
        (ln N^ = c0 + c1 z); the prior is stated in ln density and carried over.
    dim
        Its dimension, or none.
    sampled
        How: ``real`` as it is, ``positive`` by its logarithm, ``share`` by its log odds,
        ``above`` a floor (by the log odds of its place between floor and 1), ``mirrored`` on the
        whole line, by its absolute value.
    prior
        Name of its prior in a spec; none where it is standard by construction.
    kinds
        Distributions that this prior may have.
    says
        What it is.
    """

    name: str
    dim: str
    sampled: str
    prior: str
    kinds: tuple[str, ...]
    says: str


PARAMETERS = (
    # the ruler: loss law and performance law of the reference models
    Parameter("size_share", "anchor", "share", "size_share", SHARE,
              "share of the size term in the reducible loss at the ladder's centre"),
    Parameter("log_size_slope", "anchor", "real", "log_alpha", REAL,
              "ln of the local slope of ln loss in ln size: share times alpha"),
    Parameter("log_token_slope", "anchor", "real", "log_beta", REAL,
              "ln of the local slope in ln tokens: (1 - share) times beta"),
    Parameter("log_loss_at_centre", "anchor", "real", "log_loss_at_centre", REAL,
              "ln loss at the ladder's centre"),
    Parameter("headroom", "anchor", "above", "headroom", SHARE,
              "ceiling as a share of the room between chance and 1"),
    Parameter("log_steepness", "anchor", "real", "log_steepness", REAL,
              "ln slope of the performance law, per loss at the centre"),
    Parameter("log_midpoint", "anchor", "real", "log_midpoint", REAL,
              "ln of its midpoint over the loss at the centre"),
    Parameter("irreducible_share", "anchor", "share", "irreducible_share", SHARE,
              "share of the centre's loss that no size or data takes away (an option)"),
    Parameter("sigma_loss", "anchor", "positive", "sigma_loss", POSITIVE,
              "scatter of ln losses about the loss law"),
    Parameter("sigma_pair", "anchor", "positive", "sigma_pair", POSITIVE,
              "scatter of scores about the performance law"),
    Parameter("off_share", "anchor", "share", "off_share", SHARE,
              "share of pairs whose format is not switched on: they score at chance"),
    # gaps below the frontier
    Parameter("gap_family_z", "", "positive", "family_gap", SCALE,
              "mean gap of families at the mean date (exponential)"),
    Parameter("gap_model_z", "", "positive", "model_gap", SCALE,
              "scale of single models' gaps at the mean date (half-normal)"),
    Parameter("spread_growth", "", "real", "spread_growth", REAL,
              "growth of both scales"),
    Parameter("noise", "", "positive", "noise", ("LogNormal",),
              "symmetric scatter of single models"),
    Parameter("log_cost_ratio", "", "real", "log_cost_ratio", REAL,
              "ln of the weight of parameters held over parameters used, on the cost axis"),
    # the frontier and its growth
    Parameter("mean_z", "", "real", "level", REAL,
              "typical place at the mean date (frontier less mean gaps)"),
    Parameter("rate_z", "", "real", "rate", REAL,
              "growth about which the half years' growth lies"),
    Parameter("drift", "", "positive", "drift", POSITIVE,
              "spread of the half years' growth"),
    Parameter("step_coordinate", "segment", "real", "", (),
              "half years' growth, turned and partly centred"),
    # benchmarks' own trends, and curves of those without a ladder
    Parameter("trend_spread", "", "positive", "trend_spread", POSITIVE,
              "spread of benchmarks' own trends in date"),
    Parameter("tilt_spread", "", "positive", "tilt_spread", POSITIVE,
              "spread of benchmarks' own trends in size"),
    Parameter("trend_contrast", "benchmark", "real", "", (),
              "contrasts of benchmarks' own trends in date (the first, their mean, is not used)"),
    Parameter("tilt_contrast", "benchmark", "real", "", (),
              "contrasts of benchmarks' own trends in ln size"),
    Parameter("linked_headroom", "linked", "above", "linked_headroom", SHARE,
              "ceiling as a share of the room between chance and 1"),
    Parameter("linked_steepness", "linked", "real", "log_kappa", REAL,
              "ln slope at the mean score"),
    Parameter("linked_place", "linked", "real", "linked_midpoint", REAL,
              "place at which the mean score is reached"),
    # families and models
    Parameter("family_coordinate", "family", "real", "", (), "families' gaps, in own coordinates"),
    Parameter("model_coordinate", "model", "real", "", (), "places of models, in own coordinates"),
    # measurement
    Parameter("sd_source", "benchmark", "positive", "sd_source", POSITIVE,
              "disagreement of sources, at a score of one half"),
    Parameter("sd_benchmark_z", "benchmark", "mirrored", "sd_benchmark", SCALE,
              "how far a benchmark's view of a model strays from the others'"),
    Parameter("nu", "", "positive", "nu", POSITIVE, "degrees of freedom of scores, above 2"),
)

# told besides the sampled variables, with their dimensions
TOLD = {"c0": "", "c1": "", "growth": "segment", "family_gap": "family", "z": "model",
        "log_kappa_z": "linked", "middle_z": "linked"}

PRIORS = tuple(row.prior for row in PARAMETERS if row.prior)
KINDS = {row.prior: row.kinds for row in PARAMETERS if row.prior}
DIMS = {row.name: row.dim for row in PARAMETERS if row.dim} | {
    name: dim for name, dim in TOLD.items() if dim}
