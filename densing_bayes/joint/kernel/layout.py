"""What stands where: variables in the sampled point, priors in their table, rows of tables."""

from __future__ import annotations

# the sampled variables, in the order of the sampled point
VARIABLES = (
    "size_share", "log_size_slope", "log_token_slope", "log_loss_at_centre", "headroom",
    "log_steepness", "log_midpoint", "irreducible_share", "sigma_loss", "sigma_pair",
    "q_family", "q", "sd_family_z", "sd_model_z", "mean_z", "rate_z", "drift", "step_coordinate",
    "weight", "family_coordinate", "model_coordinate", "sd_source", "sd_benchmark_z", "nu",
    "linked_headroom", "linked_steepness", "linked_place",
)
(SIZE_SHARE, SIZE_SLOPE, TOKEN_SLOPE, CENTRE_LOSS, HEADROOM, STEEPNESS, MIDPOINT, IRREDUCIBLE,
 SIGMA_LOSS, SIGMA_PAIR, Q_FAMILY, Q, SD_FAMILY, SD_MODEL, MEAN, RATE, DRIFT, STEP, WEIGHT, FAMILY,
 MODEL, SD_SOURCE, SD_BENCHMARK, NU, LINKED_HEADROOM, LINKED_STEEPNESS, LINKED_PLACE,
 ) = range(len(VARIABLES))
# sampled by their log odds, by their logarithm, mirrored at zero, as they are
SHARES = (SIZE_SHARE, HEADROOM, IRREDUCIBLE, Q_FAMILY, Q, LINKED_HEADROOM)
SCALES = (SIGMA_LOSS, SIGMA_PAIR, SD_FAMILY, SD_MODEL, DRIFT, SD_SOURCE, NU)
MIRRORED = (SD_BENCHMARK,)  # on the whole line, by whose absolute value it counts
PLAIN = (SIZE_SLOPE, TOKEN_SLOPE, CENTRE_LOSS, STEEPNESS, MIDPOINT, MEAN, RATE, STEP, WEIGHT,
         FAMILY, MODEL, LINKED_STEEPNESS, LINKED_PLACE)

# the priors, in the order of their table, and the distributions of positive values
PRIORS = ("log_loss_at_centre", "size_share", "log_alpha", "log_beta", "irreducible_share",
          "sigma_loss", "headroom", "log_steepness", "log_midpoint", "sigma_pair", "level", "rate",
          "drift", "omega", "q", "sd_source", "sd_benchmark", "nu", "log_kappa",
          "linked_midpoint", "linked_headroom")
(P_CENTRE_LOSS, P_SIZE_SHARE, P_ALPHA, P_BETA, P_IRREDUCIBLE, P_SIGMA_LOSS, P_HEADROOM,
 P_STEEPNESS, P_MIDPOINT, P_SIGMA_PAIR, P_LEVEL, P_RATE, P_DRIFT, P_OMEGA, P_Q, P_SD_SOURCE,
 P_SD_BENCHMARK, P_NU, P_KAPPA, P_LINKED_MIDPOINT, P_LINKED_HEADROOM) = range(len(PRIORS))
POSITIVE = ("HalfNormal", "LogNormal", "Gamma", "Exponential")
HALF_NORMAL, LOG_NORMAL, GAMMA, EXPONENTIAL = range(len(POSITIVE))

# the tables, each a matrix with one row per column of the data, and the rows of each
TABLES = ("starts", "priors", "setting", "anchors", "pins", "ladder", "pairs", "models", "design",
          "turns", "contrasts", "anchored", "linked_cells", "linked_benchmarks",
          "held")
(T_STARTS, T_PRIORS, T_SETTING, T_ANCHORS, T_PINS, T_LADDER, T_PAIRS, T_MODELS, T_DESIGN,
 T_TURNS, T_CONTRASTS, T_ANCHORED, T_LINKED_CELLS, T_LINKED,
 T_HELD) = range(len(TABLES))
ROWS = {
    "priors": ("kind", "first", "second", "constant"),
    "setting": ("log_tokens", "low_score", "high_score", "mean_log_params"),
    "anchors": ("centre_log_params", "centre_log_tokens", "chance"),
    "pins": (*VARIABLES[:IRREDUCIBLE + 1], "hold"),
    "ladder": ("anchor", "log_params", "log_tokens", "log_loss"),
    "pairs": ("anchor", "loss", "score"),
    "models": ("time", "size", "family", "own_place", "own_precision"),
    "contrasts": ("benchmark", "square", "log_spread"),
    "anchored": ("model", "benchmark", "score", "per_item", "per_replicate"),
    "linked_cells": ("model", "benchmark", "score", "per_item", "per_replicate"),
    "linked_benchmarks": ("chance", "mean_share"),
    "held": ("value", "free"),
}
LADDER_PARTS = IRREDUCIBLE + 1  # variables that make up loss law and performance law
