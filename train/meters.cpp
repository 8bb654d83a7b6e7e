#include "train/meters.h"

#include <algorithm>

namespace rlhf {
namespace {

double& slot(Metrics& metrics, const std::string& name) {
  const auto found =
      std::find_if(metrics.begin(), metrics.end(), [&](const auto& m) { return m.first == name; });
  return found != metrics.end() ? found->second : metrics.emplace_back(name, 0.0).second;
}

nlohmann::ordered_json as_json(const Metrics& metrics) {
  auto json = nlohmann::ordered_json::array();
  for (const auto& [name, value] : metrics) json.push_back({name, value});
  return json;
}

Metrics as_metrics(const nlohmann::ordered_json& json) {
  Metrics metrics;
  for (const auto& entry : json)
    // A value that was not finite is null in JSON.
    metrics.emplace_back(entry.at(0).get<std::string>(),
                         entry.at(1).is_null() ? NAN : entry.at(1).get<double>());
  return metrics;
}

}  // namespace

void Meters::add(const StepReport& report) {
  ++steps_;
  for (const auto& [name, value] : report.averaged) slot(sums_, name) += value;
  for (const auto& [name, value] : report.latest) slot(latest_, name) = value;
}

Metrics Meters::flush() {
  Metrics row;
  for (const auto& [name, sum] : sums_) row.emplace_back(name, sum / static_cast<double>(steps_));
  row.insert(row.end(), latest_.begin(), latest_.end());
  *this = {};
  return row;
}

nlohmann::ordered_json Meters::to_json() const {
  return {{"steps", steps_}, {"sums", as_json(sums_)}, {"latest", as_json(latest_)}};
}

Meters Meters::from_json(const nlohmann::ordered_json& json) {
  Meters meters;
  if (json.empty()) return meters;
  meters.steps_ = json.at("steps").get<int64_t>();
  meters.sums_ = as_metrics(json.at("sums"));
  meters.latest_ = as_metrics(json.at("latest"));
  return meters;
}

}  // namespace rlhf
