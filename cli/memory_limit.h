#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include <CLI/App.hpp>
#include <torch/types.h>

#include "train/collective.h"
#include "train/memory_plan.h"

namespace rlhf {

/// "1500000000", "6GB", "6 GiB", ... to bytes; UserError naming --memory_limit for anything else.
int64_t parse_memory_size(const std::string& text);

void add_memory_flags(CLI::App& command, std::string& memory_limit);

/// What one run asks of memory.
struct MemoryRequest {
  std::string limit;                                 ///< --memory_limit
  std::string samples = "samples";                   ///< what a micro-batch is made of
  int64_t batch_size = 0;                            ///< --per_device_train_batch_size
  std::optional<std::filesystem::path> resume_from;  ///< checkpoint whose run is gone on with
  std::function<MemoryPlan(int64_t micro_batch_size)> plan_of;
};

/// The plan of a run before it and the peak after it.
class MemoryFit {
 public:
  /// Prints the plan, with a line when micro-batches are made smaller so that it fits what is free, or what
  /// the limit says. All processes take the least of what each finds. UserError when not even one sample
  /// fits, or when the run goes on and its size no longer does: another would change its bits. On another
  /// device than a CPU nothing is planned.
  MemoryFit(const MemoryRequest& request, torch::Device device, Collective& collective);

  int64_t micro_batch_size() const { return micro_batch_size_; }
  /// Prints the peak beside the plan, on the first process.
  void report_peak() const;

 private:
  int64_t micro_batch_size_ = 0;
  int64_t planned_ = 0;  // 0: nothing to report
};

}  // namespace rlhf
