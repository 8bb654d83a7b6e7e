#include "label_quality/answer_times.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace rlhf {

namespace {

constexpr std::size_t kFewestTimes = 10;
constexpr double kOutside = 3.5;
constexpr double kDeviationsOfMedian = 1.4826;  // of a normal distribution: standard deviation / MAD
constexpr double kLeastDeviation = 0.2;
constexpr double kLeastMs = 1;  // a time of 0 has no logarithm

using Fences = std::map<int64_t, std::optional<PlausibleTimes>>;

Fences own_times(const std::vector<AnswerTime>& answers) {
  std::map<int64_t, std::vector<double>> times;
  for (const AnswerTime& answer : answers) times[answer.annotator_id].push_back(answer.ms);
  Fences fences;
  for (auto& [annotator, own] : times) fences[annotator] = plausible_times(std::move(own));
  return fences;
}

std::optional<TimeOutlier> outlier(const AnswerTime& answer, const std::optional<PlausibleTimes>& plausible,
                                   bool beside_own) {
  if (!plausible || (answer.ms >= plausible->low_ms && answer.ms <= plausible->high_ms)) return std::nullopt;
  return TimeOutlier{answer, answer.ms < plausible->low_ms, beside_own, plausible->median_ms};
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

std::optional<PlausibleTimes> plausible_times(std::vector<double> times_ms) {
  if (times_ms.size() < kFewestTimes) return std::nullopt;
  for (double& time : times_ms) time = std::log(std::max(time, kLeastMs));
  const double middle = median(times_ms);
  for (double& time : times_ms) time = std::abs(time - middle);
  const double deviation = std::max(kDeviationsOfMedian * median(std::move(times_ms)), kLeastDeviation);
  return PlausibleTimes{std::exp(middle), std::exp(middle - kOutside * deviation),
                        std::exp(middle + kOutside * deviation)};
}

double TimeOutlier::factor() const {
  const double time = std::max(answer.ms, kLeastMs);
  return std::max(time / median_ms, median_ms / time);
}

std::vector<TimeOutlier> time_outliers(const std::vector<AnswerTime>& answers) {
  std::vector<double> all;
  for (const AnswerTime& answer : answers) all.push_back(answer.ms);
  const std::optional<PlausibleTimes> everybody = plausible_times(std::move(all));
  const Fences own = own_times(answers);
  std::vector<TimeOutlier> outliers;
  for (const AnswerTime& answer : answers) {
    auto found = outlier(answer, everybody, false);
    if (!found) found = outlier(answer, own.at(answer.annotator_id), true);
    if (found) outliers.push_back(*found);
  }
  std::stable_sort(outliers.begin(), outliers.end(),
                   [](const TimeOutlier& x, const TimeOutlier& y) { return x.factor() > y.factor(); });
  return outliers;
}

}  // namespace rlhf
