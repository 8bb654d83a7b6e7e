#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "contract/sources.h"
#include "model/heads.h"

namespace rlhf {

/// Samples and scores a unit of work with frozen weights: what a worker does, and what the learner does
/// in-process. Sets torch's thread count to the unit's while it computes, because the number of threads
/// changes rounding.
class ModelUnitRunner : public UnitRunner {
 public:
  /// `policy` is frozen in the unit's dtype; it is laid out for decoding here. Borrows `scorer`.
  ModelUnitRunner(LanguageModel policy, std::vector<TokenId> eos_token_ids, RewardScorer& scorer);
  std::vector<Trajectory> run(const RolloutUnit& unit) override;

 private:
  LanguageModel policy_;
  std::vector<TokenId> eos_token_ids_;
  RewardScorer& scorer_;
};

/// The learner's own runner: freezes the live policy anew whenever a unit names another version. Borrows the
/// policy and the scorer; use from the learner's thread.
class LivePolicyRunner : public UnitRunner {
 public:
  LivePolicyRunner(const LanguageModel& policy, torch::ScalarType dtype, std::vector<TokenId> eos_token_ids,
                   RewardScorer& scorer);
  std::vector<Trajectory> run(const RolloutUnit& unit) override;
  /// Gives back the memory of the frozen policy, which the next unit makes anew.
  void release() { frozen_.reset(); }

 private:
  const LanguageModel& policy_;
  torch::ScalarType dtype_;
  std::vector<TokenId> eos_token_ids_;
  RewardScorer& scorer_;
  std::optional<ModelUnitRunner> frozen_;
  int64_t frozen_version_ = -1;
};

/// All units in this process, one after the other. Borrows the runner, which keeps no memory between
/// collections.
class LocalRolloutSource : public RolloutSource {
 public:
  explicit LocalRolloutSource(LivePolicyRunner& runner) : runner_(runner) {}
  std::vector<Trajectory> collect(const std::vector<RolloutUnit>& units) override;

 private:
  LivePolicyRunner& runner_;
};

/// Cuts an iteration's prompts into units of `unit_size` prompts; `common` holds what all units share.
std::vector<RolloutUnit> make_units(const RolloutUnit& common, const std::vector<TokenizedPrompt>& prompts,
                                    int64_t unit_size);

}  // namespace rlhf
