#pragma once
#include <functional>
#include <string>
#include <vector>

#include "data/explain.h"
#include "storage/ledger_records.h"
#include "storage/run_store.h"

namespace rlhf {

/// One PPO rollout with everything that bore on it.
struct TrajectoryTrace {
  StoredTrajectory rollout;
  RunRecord run;
  std::vector<ExplainedModel>
      reward_models;                 ///< what scored it, several for an ensemble; empty when it is not known
  std::vector<ImportRecord> labels;  ///< rankings and ratings of this very prompt that count now
};

/// Throws UserError when the ledger has no such trajectory.
TrajectoryTrace trace_trajectory(Database& database, int64_t trajectory);

/// What a token id says; empty when it is not known.
using TokenText = std::function<std::string(TokenId)>;

/// One JSON object, for programs.
std::string trace_json(const TrajectoryTrace& trace, const TokenText& token_text);

/// The same for people: one line a token.
std::string trace_text(const TrajectoryTrace& trace, const TokenText& token_text);

}  // namespace rlhf
