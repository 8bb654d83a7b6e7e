#pragma once
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "contract/sources.h"

namespace rlhf {

/// What one optimizer step reports. `averaged` values are logged as their mean over the steps since the last
/// logged row, `latest` as they are.
struct StepReport {
  Metrics averaged;
  Metrics latest;
};

/// Collects step reports between two logged rows. Its sums are part of a checkpoint, so a resumed run logs
/// the same rows.
class Meters {
 public:
  void add(const StepReport& report);
  /// Means and latest values, in the order they were first reported; empties the meters.
  Metrics flush();
  bool empty() const { return steps_ == 0; }

  nlohmann::ordered_json to_json() const;
  static Meters from_json(const nlohmann::ordered_json& json);

 private:
  int64_t steps_ = 0;
  Metrics sums_;
  Metrics latest_;
};

}  // namespace rlhf
