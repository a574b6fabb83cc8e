// The joint model of families/densing.py with the priors of models/densing.toml.
//
// natural = 0: the package's own coordinates (u0, u1 = c0, c1; families and models about what their
// own scores and their group say; scales sampled through their sd; linked curves by place and steepness). natural = 1: ln N^, level, omega and
// the curves' own parameters are sampled as they are. The posterior is the same.
functions {
  // ln density of f - u + v, summed: a left-skewed normal of scale omega, one-sided share q
  real below_lpdf(vector y, vector f, vector omega, real q) {
    vector[num_elements(y)] e = (y - f) ./ omega;
    return num_elements(y) * log(2.0) + std_normal_lpdf(e) - sum(log(omega))
           + std_normal_lcdf(-sqrt(q / (1 - q)) * e);
  }
}
data {
  int<lower=0, upper=1> natural;
  int n_anchors; int n_benchmark; int n_linked_benchmarks; int n_families; int n_models;
  int n_knots; int n_ladder; int n_pairs; int n_contrasts; int n_anchored; int n_linked_cells;
  real log_reference_tokens; real low_score; real high_score; real centre_time;
  real mean_log_params;
  vector[n_anchors] anchors_centre_log_params;
  vector[n_anchors] anchors_centre_log_tokens;
  vector[n_anchors] anchors_chance;
  array[n_ladder] int ladder_anchor;
  vector[n_ladder] ladder_log_params;
  vector[n_ladder] ladder_log_tokens;
  vector[n_ladder] ladder_log_loss;
  array[n_pairs] int pairs_anchor;
  vector[n_pairs] pairs_loss;
  vector[n_pairs] pairs_score;
  vector[n_models] models_time;
  vector[n_models] models_log_params;
  array[n_models] int models_family;
  vector[n_models] own_place;
  vector[n_models] own_precision;
  vector[n_knots] knots_at;
  vector[n_knots] knots_level;
  vector[n_knots] knots_slope;
  vector[n_knots] knots_scale;
  vector[n_knots] turn_weight;
  matrix[n_knots, n_knots] turn;
  array[n_contrasts] int contrasts_benchmark;
  vector[n_contrasts] contrasts_value;
  vector[n_contrasts] contrasts_spread;
  array[n_anchored] int anchored_model;
  array[n_anchored] int anchored_benchmark;
  vector[n_anchored] anchored_score;
  vector[n_anchored] anchored_items;
  vector[n_anchored] anchored_replicates;
  array[n_linked_cells] int linked_cells_model;
  array[n_linked_cells] int linked_cells_benchmark;
  vector[n_linked_cells] linked_cells_score;
  vector[n_linked_cells] linked_cells_items;
  vector[n_linked_cells] linked_cells_replicates;
  vector[n_linked_benchmarks] linked_benchmarks_chance;
  vector[n_linked_benchmarks] linked_benchmarks_mean_share;
  vector[2] prior_log_loss_at_centre; vector[2] prior_size_share; vector[2] prior_log_alpha;
  vector[2] prior_log_beta; vector[1] prior_sigma_loss; vector[2] prior_headroom;
  vector[2] prior_log_steepness; vector[2] prior_log_midpoint; vector[1] prior_sigma_pair;
  vector[2] prior_level; vector[2] prior_rate; vector[2] prior_drift; vector[1] prior_omega;
  vector[2] prior_q; vector[1] prior_sd_source; vector[1] prior_sd_benchmark;
  vector[2] prior_nu; vector[2] prior_log_kappa; vector[2] prior_linked_midpoint;
  vector[2] prior_linked_headroom;
}
transformed data {
  matrix[n_models, n_knots] effect;
  for (k in 1:n_knots)
    for (i in 1:n_models)
      effect[i, k] = knots_scale[k] * (fmax(models_time[i] - knots_at[k], 0)
                                       - knots_level[k] - knots_slope[k] * models_time[i]);
  vector[n_models] size = models_log_params - mean_log_params;
}
parameters {
  vector<lower=0, upper=1>[n_anchors] size_share;
  vector[n_anchors] log_size_slope;
  vector[n_anchors] log_token_slope;
  vector[n_anchors] log_loss_at_centre;
  vector<lower=0, upper=1>[n_anchors] headroom;
  vector[n_anchors] log_steepness;
  vector[n_anchors] log_midpoint;
  vector<lower=0>[n_anchors] sigma_loss;
  vector<lower=0>[n_anchors] sigma_pair;
  real<lower=0, upper=1> q_family;
  real<lower=0, upper=1> q;
  real<lower=0> sd_family_z;
  real<lower=0> sd_model_z;
  vector[n_families] family_coordinate;
  real mean_z;
  real rate_z;
  real<lower=0> drift;
  vector[n_knots] step_coordinate;
  vector[n_models] model_coordinate;
  vector<lower=0>[n_benchmark] sd_source;
  // mirrored at zero in the package's coordinates
  vector<lower=(natural ? 0 : negative_infinity())>[n_benchmark] sd_benchmark_z;
  real<lower=0> nu;
  vector<lower=0, upper=1>[n_linked_benchmarks] linked_headroom;
  vector[n_linked_benchmarks] linked_steepness;
  vector[n_linked_benchmarks] linked_place;
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
  real u0 = natural ? mean_log_params : c0;
  real u1 = natural ? 1 : c1;
  // spread and frontier
  real ratio_family = natural ? 1 : sqrt(1 - 2 * q_family / pi());
  real ratio = natural ? 1 : sqrt(1 - 2 * q / pi());
  real omega_family_z = sd_family_z / ratio_family;
  real omega_z = sd_model_z / ratio;
  real family_gap = natural ? 0 : omega_family_z * sqrt(2 * q_family / pi());
  real gap = natural ? 0 : omega_z * sqrt(2 * q / pi());
  real shift = (natural ? 0 : (mean_log_params - u0) / u1) - family_gap - gap;
  vector[n_knots] rate_step = turn * (pow(drift, 1 - turn_weight) .* step_coordinate);
  // natural: members are sampled by their values, about a mean that is the frontier
  vector[n_models] base = size / u1 + mean_z + rate_z * models_time + effect * rate_step / u1;
  vector[n_families] root_family;
  vector[n_families] at_family = rep_vector(0, n_families);  // sds above the mean
  vector[n_families] family = family_coordinate;
  vector[n_models] root = inv_sqrt(1 + own_precision * square(sd_model_z));
  vector[n_models] at;
  vector[n_models] z = model_coordinate;
  {
    vector[n_models] one = own_precision .* square(root);
    vector[n_families] of_family = rep_vector(0, n_families);
    for (i in 1:n_models) {
      of_family[models_family[i]] += one[i];
      at_family[models_family[i]] += one[i] * (own_place[i] - base[i]);
    }
    root_family = inv_sqrt(1 + of_family * square(sd_family_z));
    at_family = sd_family_z * square(root_family) .* at_family;
    if (!natural) family = sd_family_z * (at_family + root_family .* family_coordinate);
  }
  vector[n_models] mean = base + family[models_family];
  at = sd_model_z * square(root) .* own_precision .* (own_place - mean);
  if (!natural) z = mean + sd_model_z * (at + root .* model_coordinate);
  vector[n_benchmark] sd_benchmark = abs(sd_benchmark_z) * u1;
  // linked curves
  vector[n_linked_benchmarks] log_1mp;
  vector[n_linked_benchmarks] lead;
  vector[n_linked_benchmarks] log_slope;
  for (l in 1:n_linked_benchmarks) {
    real p = fmin(linked_benchmarks_mean_share[l] / linked_headroom[l], 0.95);
    log_1mp[l] = natural ? 0 : log1m(p);
    log_slope[l] = linked_steepness[l] - log_1mp[l];
    lead[l] = natural ? 0 : logit(p) / exp(log_slope[l]);
  }
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
  q_family ~ beta(prior_q[1], prior_q[2]);
  q ~ beta(prior_q[1], prior_q[2]);
  sd_family_z ~ normal(0, prior_omega[1] * ratio_family / u1);
  sd_model_z ~ normal(0, prior_omega[1] * ratio / u1);
  mean_z ~ normal(prior_level[1] / u1 + shift, prior_level[2] / u1);
  rate_z ~ normal(prior_rate[1] / u1, prior_rate[2] / u1);
  drift ~ lognormal(prior_drift[1], prior_drift[2]);
  step_coordinate ~ normal(0, pow(drift, turn_weight));
  sd_source ~ normal(0, prior_sd_source[1]);
  sd_benchmark_z ~ normal(0, prior_sd_benchmark[1] / u1);
  nu ~ gamma(prior_nu[1], prior_nu[2]);
  linked_headroom ~ beta(prior_linked_headroom[1], prior_linked_headroom[2]);
  linked_steepness ~ normal(prior_log_kappa[1] + log(u1) + log_1mp, prior_log_kappa[2]);
  linked_place ~ normal((prior_linked_midpoint[1] - u0) / u1 + lead,
                        prior_linked_midpoint[2] / u1);
  // families and models below the frontier
  if (natural) {
    target += below_lpdf(family_coordinate | rep_vector(0, n_families),
                         rep_vector(sd_family_z, n_families), q_family);
    target += below_lpdf(model_coordinate | mean, rep_vector(sd_model_z, n_models), q);
  } else {
    target += below_lpdf(family_coordinate | (family_gap / sd_family_z - at_family) ./ root_family,
                         inv(ratio_family * root_family), q_family);
    target += below_lpdf(model_coordinate | (gap / sd_model_z - at) ./ root, inv(ratio * root), q);
  }
  // ladder, pairs, repeated cells
  ladder_log_loss ~ normal(
    log(exp(log_a[ladder_anchor] - alpha[ladder_anchor] .* ladder_log_params)
        + exp(log_b[ladder_anchor] - beta[ladder_anchor] .* ladder_log_tokens)),
    sigma_loss[ladder_anchor]);
  pairs_score ~ normal(
    scale[pairs_anchor] .* inv_logit(gamma[pairs_anchor] .* (pairs_loss - midpoint[pairs_anchor]))
    + anchors_chance[pairs_anchor], sigma_pair[pairs_anchor]);
  contrasts_value ~ student_t(3, 0, sd_source[contrasts_benchmark] .* contrasts_spread);
  // scores
  {
    array[n_anchored] int b = anchored_benchmark;
    vector[n_anchored] size_term = exp(log_a[b] - alpha[b] .* (u0 + u1 * z[anchored_model]));
    vector[n_anchored] loss = size_term + exp(log_b[b] - beta[b] * log_reference_tokens);
    vector[n_anchored] share = inv_logit(gamma[b] .* (loss - midpoint[b]));
    vector[n_anchored] expected = scale[b] .* share + anchors_chance[b];
    vector[n_anchored] slope = -gamma[b] .* scale[b] .* share .* (1 - share) .* alpha[b]
                               .* size_term;
    vector[n_anchored] spread = expected .* (1 - expected);
    anchored_score ~ student_t(2 + nu, expected, sqrt(
      square(slope .* sd_benchmark[b]) + spread ./ anchored_items
      + 4 * spread .* square(sd_source[b]) ./ anchored_replicates));
  }
  if (n_linked_cells > 0) {
    array[n_linked_cells] int b = linked_cells_benchmark;
    array[n_linked_cells] int l;
    for (i in 1:n_linked_cells) l[i] = b[i] - n_anchors;
    vector[n_linked_cells] chance = linked_benchmarks_chance[l];
    vector[n_linked_cells] height = linked_headroom[l] .* (1 - chance);
    vector[n_linked_cells] kappa = exp(log_slope[l]);
    vector[n_linked_cells] share = inv_logit(
      kappa .* (z[linked_cells_model] - (linked_place[l] - lead[l])));
    vector[n_linked_cells] expected = chance + height .* share;
    vector[n_linked_cells] slope = height .* share .* (1 - share) .* kappa / u1;
    vector[n_linked_cells] spread = expected .* (1 - expected);
    linked_cells_score ~ student_t(2 + nu, expected, sqrt(
      square(slope .* sd_benchmark[b]) + spread ./ linked_cells_items
      + 4 * spread .* square(sd_source[b]) ./ linked_cells_replicates));
  }
}
generated quantities {
  real rate = rate_z * u1;
  real level = (mean_z - shift) * u1 - rate * centre_time;
  real omega = omega_z * u1;
  real omega_family = omega_family_z * u1;
}
