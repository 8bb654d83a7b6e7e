#include "ppo/options.h"

#include <cmath>

#include "contract/error.h"
#include "rollout/sampling.h"

namespace rlhf {
namespace {

constexpr int32_t kMostThreads = 1024;  // of one unit; more than any machine this runs on has cores

void require(bool holds, const std::string& message) {
  if (!holds) {
    throw UserError(message);
  }
}

void require_share(double value, const std::string& flag) {
  require(value >= 0 && value <= 1, flag + " is " + std::to_string(value) + "; it must be between 0 and 1");
}

void require_positive(double value, const std::string& flag) {
  require(value > 0 && std::isfinite(value), flag + " is " + std::to_string(value) + "; it must be above 0");
}

}  // namespace

void PpoOptions::check() const {
  require_positive(static_cast<double>(rollout_batch_size), "--rollout_batch_size");
  require_positive(samples_per_prompt, "--samples_per_prompt");
  require_positive(response_length, "--response_length");
  require_positive(temperature, "--temperature");
  require(temperature >= kLeastTemperature, "--temperature is too near 0 for float32 logits");
  require_positive(static_cast<double>(rollout_unit_size), "--rollout_unit_size");
  require(generation_threads >= 1 && generation_threads <= kMostThreads,
          "--generation_threads is " + std::to_string(generation_threads) + "; it must be from 1 to " +
              std::to_string(kMostThreads));
  require(max_staleness >= 0, "--max_staleness must be 0 or more");
  require_share(convention.gamma, "--gamma");
  require_share(convention.lambda, "--lam");
  require_positive(convention.cliprange, "--cliprange");
  require_positive(convention.cliprange_value, "--cliprange_value");
  require(convention.vf_coef >= 0 && std::isfinite(convention.vf_coef), "--vf_coef must be 0 or more");
  require_positive(static_cast<double>(num_ppo_epochs), "--num_ppo_epochs");
  require_positive(static_cast<double>(num_mini_batches), "--num_mini_batches");
  require(num_mini_batches <= responses(), "--num_mini_batches is " + std::to_string(num_mini_batches) +
                                               ", but an iteration has only " + std::to_string(responses()) +
                                               " responses");
  require(!critic_learning_rate || (*critic_learning_rate >= 0 && std::isfinite(*critic_learning_rate)),
          "--critic_learning_rate must be a finite number that is not negative");
  require(std::isfinite(convention.ent_coef), "--ent_coef must be a finite number");
  if (max_approx_kl) {
    require_positive(*max_approx_kl, "--max_approx_kl");
  }
  require_positive(static_cast<double>(training.per_device_train_batch_size),
                   "--per_device_train_batch_size");
  require(training.dropout == 0 && training.embedding_dropout == 0 && training.token_dropout == 0,
          "dropout makes the ratio of PPO lie; it must be 0 here");
  require(training.gradient_accumulation_steps == 1,
          "--gradient_accumulation_steps does nothing in PPO: --num_mini_batches says how many optimizer "
          "steps an epoch "
          "has, --per_device_train_batch_size how many responses are held at once");
  rewards.check();
  kl.check();
  if (kl.target) {
    require(kl.kl_coef > 0,
            "--kl_coef is 0, from which --kl_target cannot steer it: give it a start above 0");
    require(static_cast<double>(responses()) < 5 * kl.horizon,
            "--kl_horizon is " + std::to_string(kl.horizon) + ", but an iteration has " +
                std::to_string(responses()) +
                " responses: below a fifth of them the coefficient would fall to 0 in one step");
  }
}

}  // namespace rlhf
