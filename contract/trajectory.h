#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "contract/token.h"

namespace rlhf {

enum class FinishReason : int8_t { kStop = 0, kLength = 1 };  ///< kStop: an end-of-sequence token was sampled

/// One response of the policy to one prompt, scored. Complete once made: no field is filled in later.
struct Trajectory {
  int64_t iteration = 0;     ///< PPO iteration that asked for it
  int32_t prompt_slot = 0;   ///< place of the prompt in the iteration, 0 .. prompts - 1
  int32_t sample_index = 0;  ///< which of the prompt's samples
  int64_t prompt_index = 0;  ///< TokenizedPrompt::index
  std::vector<TokenId> prompt_ids;
  std::vector<TokenId> response_ids;  ///< R >= 1 sampled ids, the end-of-sequence token included if drawn
  std::vector<float> logprobs;        ///< R: log-probability of each sampled id at the sampling temperature
  FinishReason finish_reason = FinishReason::kStop;
  double raw_score = 0;        ///< the reward model's scalar at the last response token
  double score = 0;            ///< (raw_score - mean) / std of the reward model's normaliser
  double score_spread = 0;     ///< standard deviation over the members of an ensemble; 0 for one model
  int64_t policy_version = 0;  ///< version of the weights that sampled
  std::string policy_hash;     ///< model hash of those weights; empty for a policy sampled in-process
  bool operator==(const Trajectory&) const = default;
};

/// What the ledger keeps of a trajectory after the learner has looked at it. Per-token vectors have R
/// entries.
struct TrajectoryRecord {
  Trajectory trajectory;
  std::string prompt_text;
  std::string response_text;
  std::vector<float> policy_logprobs;     ///< l_t as the learner used it
  std::vector<float> reference_logprobs;  ///< f_t
  std::vector<float> rewards;             ///< shaped: -beta (l_t - f_t), plus the score on the last token
  std::vector<float> values;              ///< V_t read before the token
  std::vector<float> advantages;          ///< before whitening
  double kl = 0;                          ///< sum over t of l_t - f_t
  double beta = 0;                        ///< KL coefficient in force
};

}  // namespace rlhf
