#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "contract/demonstration.h"
#include "contract/prompt.h"
#include "contract/ranking.h"
#include "contract/rollout_unit.h"
#include "contract/trajectory.h"

namespace rlhf {

/// Prompts, demonstrations and rankings are read whole before training: the order is then a function of the
/// seed.
class PromptSource {
 public:
  virtual ~PromptSource() = default;
  virtual std::vector<Prompt> prompts() = 0;
};

class DemonstrationSource {
 public:
  virtual ~DemonstrationSource() = default;
  virtual std::vector<Demonstration> demonstrations() = 0;
};

class PreferenceSource {
 public:
  virtual ~PreferenceSource() = default;
  virtual std::vector<Ranking> rankings() = 0;
};

/// A prompt and a response as ids, the response ending where it was sampled to end.
struct ScoreInput {
  std::vector<TokenId> prompt_ids;
  std::vector<TokenId> response_ids;
};

struct Score {
  double raw = 0;     ///< the scalar head at the last token
  double mean = 0;    ///< (raw - mean) / std of the normaliser; the mean over an ensemble
  double spread = 0;  ///< standard deviation over an ensemble; 0 for one model
};

/// Scores responses. Order of the output is that of the input; a score depends on its own input alone.
class RewardScorer {
 public:
  virtual ~RewardScorer() = default;
  virtual std::vector<Score> score(const std::vector<ScoreInput>& inputs) = 0;
};

/// Computes one unit of work: in-process, or on a worker.
class UnitRunner {
 public:
  virtual ~UnitRunner() = default;
  /// prompts x samples_per_prompt trajectories, prompt-major.
  virtual std::vector<Trajectory> run(const RolloutUnit& unit) = 0;
};

/// Gives an iteration's trajectories, wherever they are computed. Called by one thread, the learner.
class RolloutSource {
 public:
  virtual ~RolloutSource() = default;
  /// Blocks until every unit is done; returns trajectories in the order of (prompt_slot, sample_index).
  virtual std::vector<Trajectory> collect(const std::vector<RolloutUnit>& units) = 0;
};

class TrajectorySink {
 public:
  virtual ~TrajectorySink() = default;
  virtual void append(int64_t step, const std::vector<TrajectoryRecord>& records) = 0;
  /// Forgets everything after `step`: called on resume.
  virtual void truncate_after(int64_t step) = 0;
};

/// Names and values in the order they are to be shown; names as docs/metrics.md spells them.
using Metrics = std::vector<std::pair<std::string, double>>;

class MetricSink {
 public:
  virtual ~MetricSink() = default;
  virtual void log(int64_t step, const Metrics& metrics) = 0;
  /// A sample to be looked at: prompt and response of the policy at `step`.
  virtual void log_sample(int64_t step, const std::string& prompt, const std::string& response,
                          double score) = 0;
  virtual void truncate_after(int64_t step) = 0;
  /// Makes what was logged durable; called before a checkpoint is committed.
  virtual void flush() = 0;
};

}  // namespace rlhf
