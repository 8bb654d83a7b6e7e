#pragma once
#include <string>

#include <CLI/App.hpp>

#include "cli/compute_flags.h"
#include "cli/dataset_flags.h"
#include "cli/training_session.h"
#include "ppo/options.h"

namespace rlhf {

/// Flags of `rlhf ppo`, bound to PpoOptions by names that TRL users know.
struct PpoFlags {
  std::string model, reference_model, reward_model, critic_model, gold_reward_model;
  DatasetFlags data;
  RunFlags run;
  ComputeFlags compute;
  PpoOptions options;
  std::string memory_limit;

  std::string convention = "rlhf";
  std::string kl_estimator = "k1";
  std::string listen;           ///< HOST:PORT: rollouts come from workers that dial in
  bool local_rollouts = false;  ///< this process computes units as well
  int64_t lease_seconds = 60;
  int64_t eval_prompts = 256;
  bool no_trajectories = false;

  /// What the flags say, checked. UserError naming the flag.
  PpoOptions checked_options() const;

 private:
  friend void add_ppo_flags(CLI::App& command, PpoFlags& flags);
  // Flags that the convention gives a value unless they are set.
  std::optional<double> gamma_, lambda_, cliprange_, cliprange_value_, vf_coef_, ent_coef_;
  std::optional<double> top_k_, top_p_, min_p_, repetition_penalty_;  // refused
};

void add_ppo_flags(CLI::App& command, PpoFlags& flags);

}  // namespace rlhf
