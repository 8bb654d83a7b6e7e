#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace rlhf {

/// How a plot introduces a metric. docs/metrics.md defines each; here is what fits beside a curve.
struct MetricCard {
  std::string name;       ///< as logged, without eval_
  std::string section;    ///< heading it stands under
  std::string title;      ///< for people
  std::string unit;       ///< empty for a bare number
  std::string note;       ///< one sentence: what it is and what to look for
  bool headline = false;  ///< shown when nobody chooses
};

/// Every metric of docs/metrics.md that is worth a curve, in the order pages show them.
const std::vector<MetricCard>& metric_catalog();

/// The card of `name`; for a metric nobody knows, a bare one in the section "Other".
MetricCard metric_card(std::string_view name);

}  // namespace rlhf
