#pragma once
#include <cstdint>
#include <optional>
#include <vector>

namespace rlhf::test {

/// PPO's arithmetic once more, slowly: float64, plain loops over padded [B][T] rows with masks, straight from
/// the equations. It shares no code and no layout with ppo/.
using Row = std::vector<double>;
using Rows = std::vector<Row>;

/// B responses in T slots; what lies past a response is 0. Values may have one valid slot after the last
/// token.
struct Episode {
  std::vector<int> lengths;
  std::vector<bool> finished;
  Rows logprobs, reference, values;
  Row scores;
  int slots() const { return static_cast<int>(logprobs.front().size()); }
};

struct ScalarSettings {
  double beta = 0.1, gamma = 1.0, lambda = 0.95;
  bool k3 = false;
  double eps = 0.2, eps_value = 0.2, vf_coef = 0.1, ent_coef = 0.0;
  bool score_in_next_slot = false, unbiased = false, variance_floor = false;
  std::optional<double> missing_eos_score, missing_eos_penalty, clamp;
  int min_length = 0;

  // Mistakes to be made on purpose: a test that passes with one of these proves nothing.
  double kl_sign = 1;
  int score_shift = 0;  ///< slots by which the score misses the end of the response
  int mask_shift = 0;   ///< slots by which the mask of valid tokens is off
};

struct ScalarTargets {
  Rows rewards, advantages, whitened, returns;
  Row effective_scores;
};

ScalarTargets scalar_targets(const Episode& episode, const ScalarSettings& settings);

/// What the update sees: new log-probabilities, entropies and values, [B][T] each.
struct Update {
  Rows logprobs, entropy, values;
};

struct ScalarLoss {
  double policy = 0, value = 0, entropy = 0;
  double clip_fraction = 0, value_clip_fraction = 0, approx_kl = 0, ratio = 0, ratio_variance = 0;
  double total(const ScalarSettings& s) const { return policy + s.vf_coef * value - s.ent_coef * entropy; }
};

ScalarLoss scalar_loss(const Episode& episode, const ScalarTargets& targets, const Update& update,
                       const ScalarSettings& settings);

}  // namespace rlhf::test
