// The joint model of densing_bayes/joint/graph.py with the priors of models/densing.toml.
//
// natural = 0: the package's own coordinates (u0, u1 = c0, c1; families and models about what their
// own scores and their group say; linked curves by place and steepness). natural = 1: ln N^, gaps of
// families, level, growth and the curves' own parameters are sampled as they are. The posterior is
// the same.
functions {
  // ln density of frontier - u + v, summed: u half-normal of scale gap, v normal
  real below_lpdf(vector y, vector frontier, vector gap, vector noise) {
    vector[num_elements(y)] omega = sqrt(square(gap) + square(noise));
    vector[num_elements(y)] e = (y - frontier) ./ omega;
    return num_elements(y) * log(2.0) + std_normal_lpdf(e) - sum(log(omega))
           + std_normal_lcdf(-gap ./ noise .* e);
  }
}
data {
  int<lower=0, upper=1> natural;
  int n_anchors; int n_benchmark; int n_linked_benchmarks; int n_families; int n_models;
  int n_segments; int n_ladder; int n_pairs; int n_contrasts; int n_anchored; int n_linked_cells;
  real log_reference_tokens; real low_score; real high_score; real mean_size; real softness;
  vector[n_anchors] anchors_centre_log_params;
  vector[n_anchors] anchors_centre_log_tokens;
  vector[n_anchors] anchors_chance;
  vector[n_anchors] anchors_floor;
  array[n_ladder] int ladder_anchor;
  vector[n_ladder] ladder_log_params;
  vector[n_ladder] ladder_log_tokens;
  vector[n_ladder] ladder_log_loss;
  array[n_pairs] int pairs_anchor;
  vector[n_pairs] pairs_loss;
  vector[n_pairs] pairs_score;
  vector[n_pairs] pairs_share;
  vector[n_models] models_time;
  vector[n_models] models_log_used;
  vector[n_models] models_log_held;
  vector[n_models] models_tilt_size;
  vector[n_models] models_eligible;
  array[n_models] int models_family;
  vector[n_models] models_own_precision;
  vector[n_families] families_time;
  matrix[n_models, n_segments] effect;
  vector[n_segments] turn_weight;
  matrix[n_segments, n_segments] turn;
  vector[n_segments] level_weight;
  vector[n_segments] rate_weight;
  matrix[n_benchmark - 1, n_benchmark] contrast_rows;
  array[n_contrasts] int contrasts_benchmark;
  vector[n_contrasts] contrasts_value;
  vector[n_contrasts] contrasts_spread;
  array[n_anchored] int anchored_model;
  array[n_anchored] int anchored_benchmark;
  vector[n_anchored] anchored_score;
  vector[n_anchored] anchored_items;
  vector[n_anchored] anchored_replicates;
  vector[n_anchored] anchored_least;
  vector[n_anchored] anchored_share;
  vector[n_anchored] anchored_place;
  array[n_linked_cells] int linked_cells_model;
  array[n_linked_cells] int linked_cells_benchmark;
  vector[n_linked_cells] linked_cells_score;
  vector[n_linked_cells] linked_cells_items;
  vector[n_linked_cells] linked_cells_replicates;
  vector[n_linked_cells] linked_cells_least;
  vector[n_linked_cells] linked_cells_share;
  vector[n_linked_cells] linked_cells_place;
  vector[n_linked_benchmarks] linked_benchmarks_chance;
  vector[n_linked_benchmarks] linked_benchmarks_floor;
  vector[n_linked_benchmarks] linked_benchmarks_mean_share;
  vector[2] prior_log_loss_at_centre; vector[2] prior_size_share; vector[2] prior_log_alpha;
  vector[2] prior_log_beta; vector[1] prior_sigma_loss; vector[2] prior_headroom;
  vector[2] prior_log_steepness; vector[2] prior_log_midpoint; vector[1] prior_sigma_pair;
  vector[2] prior_off_share; vector[2] prior_level; vector[2] prior_rate; vector[2] prior_drift;
  vector[1] prior_family_gap; vector[1] prior_model_gap; vector[2] prior_spread_growth;
  vector[2] prior_noise; vector[2] prior_log_cost_ratio; vector[1] prior_sd_source;
  vector[1] prior_sd_benchmark; vector[2] prior_nu; vector[2] prior_trend_spread;
  vector[2] prior_tilt_spread; vector[2] prior_log_kappa; vector[2] prior_linked_midpoint;
  vector[2] prior_linked_headroom;
}
transformed data {
  real mean_half = sqrt(2 / pi());  // mean of a half-normal of scale 1
  vector[n_models] counts = models_eligible;
  vector[n_segments] turn_sums;
  for (k in 1:n_segments) turn_sums[k] = sum(col(turn, k));
  array[n_linked_cells] int at;
  for (i in 1:n_linked_cells) at[i] = linked_cells_benchmark[i] - n_anchors;
}
parameters {
  vector<lower=0, upper=1>[n_anchors] size_share;
  vector[n_anchors] log_size_slope;
  vector[n_anchors] log_token_slope;
  vector[n_anchors] log_loss_at_centre;
  vector<lower=anchors_floor, upper=1>[n_anchors] headroom;
  vector[n_anchors] log_steepness;
  vector[n_anchors] log_midpoint;
  vector<lower=0>[n_anchors] sigma_loss;
  vector<lower=0>[n_anchors] sigma_pair;
  vector<lower=0, upper=1>[n_anchors] off_share;
  real<lower=0> gap_family_z;
  real<lower=0> gap_model_z;
  real spread_growth;
  real<lower=0> noise;
  real log_cost_ratio;
  real mean_z;
  real rate_z;
  real<lower=0> drift;
  vector[n_segments] step_coordinate;
  real<lower=0> trend_spread;
  real<lower=0> tilt_spread;
  vector[n_benchmark] trend_contrast;
  vector[n_benchmark] tilt_contrast;
  vector<lower=linked_benchmarks_floor, upper=1>[n_linked_benchmarks] linked_headroom;
  vector[n_linked_benchmarks] linked_steepness;
  vector[n_linked_benchmarks] linked_place;
  vector<lower=(natural ? 0 : negative_infinity())>[n_families] family_coordinate;
  vector[n_models] model_coordinate;
  vector<lower=0>[n_benchmark] sd_source;
  // mirrored at zero in the package's coordinates
  vector<lower=(natural ? 0 : negative_infinity())>[n_benchmark] sd_benchmark_z;
  real<lower=0> nu;
}
transformed parameters {
  // the ruler
  vector[n_anchors] alpha = exp(log_size_slope) ./ size_share;
  vector[n_anchors] beta = exp(log_token_slope) ./ (1 - size_share);
  vector[n_anchors] centre = exp(log_loss_at_centre);
  vector[n_anchors] log_a = log_loss_at_centre + log(size_share)
                            + alpha .* anchors_centre_log_params;
  vector[n_anchors] log_b = log_loss_at_centre + log1m(size_share)
                            + beta .* anchors_centre_log_tokens;
  vector[n_anchors] gamma = -exp(log_steepness) ./ centre;
  vector[n_anchors] midpoint = exp(log_midpoint) .* centre;
  vector[n_anchors] scale = headroom .* (1 - anchors_chance);
  real token_loss = exp(log_b[1] - beta[1] * log_reference_tokens);
  // no size reaches the reference score: log of a negative number, the draw is refused
  real c0 = (log_a[1] - log(midpoint[1] - log(scale[1] / (low_score - anchors_chance[1]) - 1)
             / gamma[1] - token_loss)) / alpha[1];
  real c1 = (log_a[1] - log(midpoint[1] - log(scale[1] / (high_score - anchors_chance[1]) - 1)
             / gamma[1] - token_loss)) / alpha[1] - c0;
  real u0 = natural ? mean_size : c0;  // ln N^ = u0 + u1 z
  real u1 = natural ? 1 : c1;
  // the frontier, and scales of the gaps below it
  real mean_gap = natural ? 0 : gap_family_z + mean_half * gap_model_z;
  vector[n_segments] rate_each = rate_z * u1 * turn_sums;
  vector[n_segments] growth = softness * log1p_exp(
    turn * (pow(drift, 1 - turn_weight) .* step_coordinate + (1 - turn_weight) .* rate_each)
    / softness);
  vector[n_models] size = models_log_used - log1p_exp(log_cost_ratio)
                          + log1p_exp(log_cost_ratio + models_log_held - models_log_used);
  vector[n_models] frontier = counts .* (mean_z + mean_gap
                                         + (size - mean_size + effect * growth) / u1)
                              + (1 - counts) .* (prior_level[1] + size - u0) / u1;
  vector[n_models] own_gap = counts .* exp(spread_growth * models_time) * gap_model_z;
  vector[n_models] own_noise = (counts * noise + (1 - counts) * prior_level[2]) / u1;
  vector[n_families] scale_family = gap_family_z * exp(spread_growth * families_time);
  // linked curves, and benchmarks' own trends
  vector[n_linked_benchmarks] log_1mp = rep_vector(0, n_linked_benchmarks);
  vector[n_linked_benchmarks] lead = rep_vector(0, n_linked_benchmarks);
  vector[n_linked_benchmarks] kappa;
  for (l in 1:n_linked_benchmarks) {
    real p = fmin(linked_benchmarks_mean_share[l] / linked_headroom[l], 0.95);
    if (!natural) log_1mp[l] = log1m(p);
    kappa[l] = exp(linked_steepness[l] - log_1mp[l]);
    if (!natural) lead[l] = logit(p) / kappa[l];
  }
  vector[n_linked_benchmarks] middle = linked_place - lead;
  vector[n_benchmark] trend = contrast_rows' * trend_contrast[2:] / u1;
  vector[n_benchmark] tilt = contrast_rows' * tilt_contrast[2:] / u1;
  vector[n_anchored] moved_anchored = trend[anchored_benchmark] .* models_time[anchored_model]
    + tilt[anchored_benchmark] .* models_tilt_size[anchored_model];
  vector[n_linked_cells] moved_linked
    = trend[linked_cells_benchmark] .* models_time[linked_cells_model]
      + tilt[linked_cells_benchmark] .* models_tilt_size[linked_cells_model];
  // families and models; natural: members are sampled by their values
  vector[n_families] gap = family_coordinate;
  vector[n_models] z = model_coordinate;
  vector[n_families] tau;
  vector[n_families] x;
  vector[n_models] step;
  if (!natural) {
    vector[n_models] place = rep_vector(0, n_models);
    vector[n_models] sd = sqrt(square(own_gap) * (1 - 2 / pi()) + square(own_noise));
    vector[n_models] root = inv_sqrt(1 + models_own_precision .* square(sd));
    vector[n_models] base = frontier - mean_half * own_gap;
    vector[n_models] one = counts .* models_own_precision .* square(root);
    vector[n_families] of_family = rep_vector(0, n_families);
    vector[n_families] pull = rep_vector(0, n_families);
    for (i in 1:n_anchored)
      place[anchored_model[i]] += anchored_share[i] * (anchored_place[i] - moved_anchored[i]);
    for (i in 1:n_linked_cells)
      place[linked_cells_model[i]] += linked_cells_share[i]
        * (middle[at[i]] + linked_cells_place[i] / kappa[at[i]] - moved_linked[i]);
    for (i in 1:n_models) {
      of_family[models_family[i]] += one[i];
      pull[models_family[i]] += one[i] * (base[i] - place[i]);
    }
    tau = inv_sqrt(of_family + inv_square(scale_family));
    x = tau .* pull + family_coordinate;
    gap = tau .* log1p_exp(x);
    step = sd .* root;
    vector[n_models] mean = base - counts .* gap[models_family];
    z = mean + square(step) .* models_own_precision .* (place - mean)
        + step .* model_coordinate;
  }
  vector[n_benchmark] sd_benchmark = abs(sd_benchmark_z) * u1;
}
model {
  if (is_nan(c0) || is_nan(c1)) reject("no size reaches the reference scores");
  // priors
  size_share ~ beta(prior_size_share[1], prior_size_share[2]);
  log_size_slope ~ normal(prior_log_alpha[1] + log(size_share), prior_log_alpha[2]);
  log_token_slope ~ normal(prior_log_beta[1] + log1m(size_share), prior_log_beta[2]);
  log_loss_at_centre ~ normal(prior_log_loss_at_centre[1], prior_log_loss_at_centre[2]);
  headroom ~ beta(prior_headroom[1], prior_headroom[2]);
  log_steepness ~ normal(prior_log_steepness[1], prior_log_steepness[2]);
  log_midpoint ~ normal(prior_log_midpoint[1], prior_log_midpoint[2]);
  sigma_loss ~ normal(0, prior_sigma_loss[1]);
  sigma_pair ~ normal(0, prior_sigma_pair[1]);
  off_share ~ beta(prior_off_share[1], prior_off_share[2]);
  gap_family_z ~ normal(0, prior_family_gap[1] / u1);
  gap_model_z ~ normal(0, prior_model_gap[1] / u1);
  spread_growth ~ normal(prior_spread_growth[1], prior_spread_growth[2]);
  noise ~ lognormal(prior_noise[1], prior_noise[2]);
  log_cost_ratio ~ normal(prior_log_cost_ratio[1], prior_log_cost_ratio[2]);
  mean_z ~ normal((prior_level[1] + mean_size - u0) / u1 - mean_gap, prior_level[2] / u1);
  rate_z ~ normal(prior_rate[1] / u1, prior_rate[2] / u1);
  drift ~ lognormal(prior_drift[1], prior_drift[2]);
  step_coordinate ~ normal(turn_weight .* rate_each ./ pow(drift, 1 - turn_weight),
                           pow(drift, turn_weight));
  trend_spread ~ lognormal(prior_trend_spread[1], prior_trend_spread[2]);
  tilt_spread ~ lognormal(prior_tilt_spread[1], prior_tilt_spread[2]);
  trend_contrast ~ normal(0, trend_spread);
  tilt_contrast ~ normal(0, tilt_spread);
  sd_source ~ normal(0, prior_sd_source[1]);
  sd_benchmark_z ~ normal(0, prior_sd_benchmark[1] / u1);
  nu ~ gamma(prior_nu[1], prior_nu[2]);
  linked_headroom ~ beta(prior_linked_headroom[1], prior_linked_headroom[2]);
  linked_steepness ~ normal(prior_log_kappa[1] + log(u1) + log_1mp, prior_log_kappa[2]);
  linked_place ~ normal((prior_linked_midpoint[1] - u0) / u1 + lead,
                        prior_linked_midpoint[2] / u1);
  // families and models below the frontier
  if (natural) {
    family_coordinate ~ exponential(inv(scale_family));
    z ~ below(frontier - counts .* gap[models_family], own_gap, own_noise);
  } else {
    target += sum(log(tau ./ scale_family) - log1p_exp(-x) - gap ./ scale_family);
    target += sum(log(step));
    target += below_lpdf(z | frontier - counts .* gap[models_family], own_gap, own_noise);
  }
  // ladder, pairs, repeated cells
  ladder_log_loss ~ normal(
    log(exp(log_a[ladder_anchor] - alpha[ladder_anchor] .* ladder_log_params)
        + exp(log_b[ladder_anchor] - beta[ladder_anchor] .* ladder_log_tokens)),
    sigma_loss[ladder_anchor]);
  for (i in 1:n_pairs) {
    int a = pairs_anchor[i];
    real chance = anchors_chance[a];
    target += pairs_share[i] * log_mix(
      off_share[a], normal_lpdf(pairs_score[i] | chance, sigma_pair[a]),
      normal_lpdf(pairs_score[i] | chance + scale[a] * inv_logit(
        gamma[a] * (pairs_loss[i] - midpoint[a])), sigma_pair[a]));
  }
  contrasts_value ~ student_t(3, 0, sd_source[contrasts_benchmark] .* contrasts_spread);
  // scores
  {
    array[n_anchored] int b = anchored_benchmark;
    vector[n_anchored] size_term = exp(log_a[b] - alpha[b] .* (u0 + u1 * (
      z[anchored_model] + moved_anchored)));
    vector[n_anchored] loss = size_term + exp(log_b[b] - beta[b] * log_reference_tokens);
    vector[n_anchored] share = inv_logit(gamma[b] .* (loss - midpoint[b]));
    vector[n_anchored] expected = scale[b] .* share + anchors_chance[b];
    vector[n_anchored] slope = -gamma[b] .* scale[b] .* share .* (1 - share) .* alpha[b]
                               .* size_term;
    vector[n_anchored] spread = expected .* (1 - expected);
    anchored_score ~ student_t(2 + nu, expected, sqrt(
      square(slope .* sd_benchmark[b]) + spread ./ anchored_items
      + 4 * spread .* square(sd_source[b]) ./ anchored_replicates + anchored_least));
  }
  if (n_linked_cells > 0) {
    array[n_linked_cells] int b = linked_cells_benchmark;
    vector[n_linked_cells] chance = linked_benchmarks_chance[at];
    vector[n_linked_cells] height = linked_headroom[at] .* (1 - chance);
    vector[n_linked_cells] share = inv_logit(
      kappa[at] .* (z[linked_cells_model] + moved_linked - middle[at]));
    vector[n_linked_cells] expected = chance + height .* share;
    vector[n_linked_cells] slope = height .* share .* (1 - share) .* kappa[at] / u1;
    vector[n_linked_cells] spread = expected .* (1 - expected);
    linked_cells_score ~ student_t(2 + nu, expected, sqrt(
      square(slope .* sd_benchmark[b]) + spread ./ linked_cells_items
      + 4 * spread .* square(sd_source[b]) ./ linked_cells_replicates + linked_cells_least));
  }
}
generated quantities {
  real rate = dot_product(rate_weight, growth);
  real level = (mean_z + mean_gap) * u1 + u0 - mean_size - dot_product(level_weight, growth);
  real gap_family = gap_family_z * u1;
  real gap_model = gap_model_z * u1;
}
