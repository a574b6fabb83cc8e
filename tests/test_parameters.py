"""One row per parameter: every list of them follows."""

from __future__ import annotations

from densing_bayes.joint import kernel
from densing_bayes.joint.kernel import layout
from densing_bayes.parameters import DIMS, KINDS, PARAMETERS, PRIORS, TOLD
from densing_bayes.specs import FAMILIES, load_model


def test_lists_equal_the_table():
    assert tuple(row.name for row in PARAMETERS) == layout.VARIABLES
    assert FAMILIES["densing"].parameters == PRIORS
    assert FAMILIES["densing"].kinds == KINDS
    assert set(load_model("densing").priors) == set(PRIORS)
    assert set(DIMS) == {row.name for row in PARAMETERS if row.dim} | {
        name for name, dim in TOLD.items() if dim}


def test_every_variable_is_sampled_in_one_way():
    ways = (layout.SHARES, layout.SCALES, layout.MIRRORED, layout.PLAIN, layout.ABOVE)
    assert sorted(k for way in ways for k in way) == list(range(len(PARAMETERS)))


def test_names_of_positions_are_those_of_the_table():
    """The kernel's constants stand where their parameters do."""
    for constant, name in {
            "GAP_FAMILY": "gap_family_z", "GAP_MODEL": "gap_model_z", "SPREAD": "spread_growth",
            "NOISE": "noise", "COST_RATIO": "log_cost_ratio", "MEAN": "mean_z", "RATE": "rate_z",
            "DRIFT": "drift", "STEP": "step_coordinate", "TREND": "trend_contrast",
            "TILT": "tilt_contrast", "FAMILY": "family_coordinate", "MODEL": "model_coordinate",
            "SD_SOURCE": "sd_source", "SD_BENCHMARK": "sd_benchmark_z", "NU": "nu",
            "OFF_SHARE": "off_share", "LINKED_PLACE": "linked_place"}.items():
        assert layout.VARIABLES[getattr(layout, constant)] == name
    for constant, prior in {
            "P_LEVEL": "level", "P_RATE": "rate", "P_DRIFT": "drift", "P_NOISE": "noise",
            "P_FAMILY_GAP": "family_gap", "P_MODEL_GAP": "model_gap", "P_KAPPA": "log_kappa",
            "P_NU": "nu", "P_TREND_SPREAD": "trend_spread", "P_OFF_SHARE": "off_share"}.items():
        assert kernel.PRIORS[getattr(layout, constant)] == prior
