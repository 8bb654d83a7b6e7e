#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "contract/prompt.h"
#include "contract/sources.h"
#include "storage/database.h"
#include "storage/model_store.h"

namespace rlhf {

/// What the ledger keeps of a run.
struct RunRecord {
  std::string uid;  ///< RunFolder::run_id(): a resumed run is the same run
  std::string stage;
  std::string output_dir;
  std::string configuration;  ///< JSON object
  std::map<std::string, std::string> versions;
  std::string data_hash;
  std::vector<ModelParent> models;  ///< what it starts from, by role
};

/// Finds the run by its uid or adds it; returns its row.
int64_t open_run(Database& database, const RunRecord& run);

/// UserError when there is no such row.
RunRecord read_run(Database& database, int64_t run);

/// Its row; nothing when there is none.
std::optional<int64_t> find_run(Database& database, const std::string& uid);

/// Records the model the run made, and that it is over.
void finish_run(Database& database, int64_t run, const ModelRecord& output);

/// The run that made a model, by its hash.
std::optional<int64_t> run_that_made(Database& database, const std::string& model_hash);

/// Metrics and samples of one run. What log() was given is committed when it returns; samples wait for the
/// next log() or flush().
class LedgerMetrics : public MetricSink {
 public:
  LedgerMetrics(Database& database, int64_t run);
  ~LedgerMetrics() override;
  void log(int64_t step, const Metrics& metrics) override;
  void log_sample(int64_t step, const std::string& prompt, const std::string& response,
                  double score) override;
  void truncate_after(int64_t step) override;
  void flush() override;

 private:
  class Writer;
  std::unique_ptr<Writer> writer_;
};

/// Every trajectory of one PPO run; `per_token` false leaves out ids and per-token numbers. One transaction a
/// call.
class LedgerTrajectories : public TrajectorySink {
 public:
  LedgerTrajectories(Database& database, int64_t run, bool per_token = true);
  ~LedgerTrajectories() override;
  /// The prompts by Trajectory::prompt_index. Without them a trajectory's row of `prompts` is found for plain
  /// text only, as a conversation reaches the sink rendered.
  void set_prompts(const std::vector<Prompt>& prompts);
  void append(int64_t step, const std::vector<TrajectoryRecord>& records) override;
  void truncate_after(int64_t step) override;

 private:
  class Writer;
  std::unique_ptr<Writer> writer_;
};

/// A trajectory read back. Per-token vectors are empty when they were not kept.
struct StoredTrajectory {
  int64_t id = 0;
  int64_t run = 0;
  int64_t step = 0;
  std::optional<int64_t> prompt_id;  ///< where the ledger has the very prompt
  TrajectoryRecord record;
};

/// nullopt when there is no such row.
std::optional<StoredTrajectory> read_trajectory(Database& database, int64_t id);

/// Calls `visit` with the trajectories of steps first..last, in the order they were appended.
void for_each_trajectory(Database& database, int64_t run, int64_t first_step, int64_t last_step,
                         const std::function<void(const StoredTrajectory&)>& visit);

}  // namespace rlhf
