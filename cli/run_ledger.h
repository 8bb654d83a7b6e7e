#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "storage/run_data.h"
#include "storage/run_store.h"

namespace rlhf {

/// A run's place in a ledger: its row, its metrics and, for PPO, its trajectories.
class RunLedger {
 public:
  /// Opens or makes the run in the ledger; drops what is recorded past `step`.
  RunLedger(Database ledger, const RunRecord& run, int64_t step);

  /// A sink of its own for whoever fans metrics out; it must not outlive the ledger.
  std::unique_ptr<MetricSink> make_metric_sink();
  LedgerTrajectories& trajectories() { return *trajectories_; }
  /// Records a model that the run starts from.
  void record(const ModelRecord& model);
  /// Records what the run reads.
  void record(const RunData& data);
  /// Records the model that came out.
  void finish(const ModelRecord& output);

 private:
  Database database_;
  int64_t run_;
  std::unique_ptr<LedgerTrajectories> trajectories_;
};

}  // namespace rlhf
