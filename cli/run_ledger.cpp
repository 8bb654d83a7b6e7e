#include "cli/run_ledger.h"

namespace rlhf {

RunLedger::RunLedger(Database ledger, const RunRecord& run, int64_t step)
    : database_(std::move(ledger)),
      run_(open_run(database_, run)),
      trajectories_(std::make_unique<LedgerTrajectories>(database_, run_)) {
  trajectories_->truncate_after(step);
}

std::unique_ptr<MetricSink> RunLedger::make_metric_sink() {
  return std::make_unique<LedgerMetrics>(database_, run_);
}

void RunLedger::record(const ModelRecord& model) {
  register_model(database_, model);
}

void RunLedger::record(const RunData& data) {
  record_run_data(database_, run_, data);
}

void RunLedger::finish(const ModelRecord& output) {
  finish_run(database_, run_, output);
}

}  // namespace rlhf
