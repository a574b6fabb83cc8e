"""What stands where: variables in the sampled point, priors in their table, rows of tables."""

from __future__ import annotations

from densing_bayes.parameters import PARAMETERS, POSITIVE, PRIORS

# the sampled variables, in the order of the sampled point
VARIABLES = tuple(row.name for row in PARAMETERS)
(SIZE_SHARE, SIZE_SLOPE, TOKEN_SLOPE, CENTRE_LOSS, HEADROOM, STEEPNESS, MIDPOINT, IRREDUCIBLE,
 SIGMA_LOSS, SIGMA_PAIR, OFF_SHARE, GAP_FAMILY, GAP_MODEL, SPREAD, NOISE, COST_RATIO, MEAN, RATE,
 DRIFT, STEP, TREND_SPREAD, TILT_SPREAD, TREND, TILT, LINKED_HEADROOM, LINKED_STEEPNESS,
 LINKED_PLACE, FAMILY, MODEL, SD_SOURCE, SD_BENCHMARK, NU) = range(len(VARIABLES))


def _sampled(how: str) -> tuple[int, ...]:
    return tuple(k for k, row in enumerate(PARAMETERS) if row.sampled == how)


SHARES, SCALES, MIRRORED, PLAIN, ABOVE = (
    _sampled(how) for how in ("share", "positive", "mirrored", "real", "above"))

# the priors, in the order of their table
(P_SIZE_SHARE, P_ALPHA, P_BETA, P_CENTRE_LOSS, P_HEADROOM, P_STEEPNESS, P_MIDPOINT, P_IRREDUCIBLE,
 P_SIGMA_LOSS, P_SIGMA_PAIR, P_OFF_SHARE, P_FAMILY_GAP, P_MODEL_GAP, P_SPREAD, P_NOISE,
 P_COST_RATIO, P_LEVEL, P_RATE, P_DRIFT, P_TREND_SPREAD, P_TILT_SPREAD, P_LINKED_HEADROOM,
 P_KAPPA, P_LINKED_MIDPOINT, P_SD_SOURCE, P_SD_BENCHMARK, P_NU) = range(len(PRIORS))
HALF_NORMAL, LOG_NORMAL, GAMMA, EXPONENTIAL = range(len(POSITIVE))

# the tables, each a matrix with one row per column of the data, and the rows of each
TABLES = ("starts", "priors", "setting", "anchors", "ladder", "pairs", "models", "families",
          "design", "turns", "contrasts", "anchored", "linked_cells", "linked_benchmarks", "held")
(T_STARTS, T_PRIORS, T_SETTING, T_ANCHORS, T_LADDER, T_PAIRS, T_MODELS, T_FAMILIES, T_DESIGN,
 T_TURNS, T_CONTRASTS, T_ANCHORED, T_LINKED_CELLS, T_LINKED, T_HELD) = range(len(TABLES))
CELLS = ("model", "benchmark", "score", "per_item", "per_replicate", "least", "share", "place")
ROWS = {
    "priors": ("kind", "first", "second", "constant"),
    "setting": ("log_tokens", "low_score", "high_score", "mean_size", "monotone", "spreads"),
    "anchors": ("centre_log_params", "centre_log_tokens", "chance", "floor"),
    "ladder": ("anchor", "log_params", "log_tokens", "log_loss"),
    "pairs": ("anchor", "loss", "score", "share"),
    "models": ("time", "size", "held_over_used", "tilt_size", "family", "eligible",
               "own_precision"),
    "families": ("time",),
    "contrasts": ("benchmark", "square", "log_spread"),
    "anchored": CELLS,
    "linked_cells": CELLS,
    "linked_benchmarks": ("chance", "mean_share", "floor"),
    "held": ("value", "free"),
}
(S_TOKENS, S_LOW, S_HIGH, S_MEAN_SIZE, S_MONOTONE, S_SPREADS) = range(len(ROWS["setting"]))
(M_TIME, M_SIZE, M_RATIO, M_TILT, M_FAMILY, M_ELIGIBLE, M_PRECISION,
 ) = range(len(ROWS["models"]))
LADDER_PARTS = IRREDUCIBLE + 1  # variables that make up loss law and performance law
SOFTNESS = 0.25  # 1/year, below which growth bends towards zero: see `joint.growth.softplus`
