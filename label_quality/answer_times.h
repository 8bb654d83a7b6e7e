#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace rlhf {

/// Times that are plausible beside the others. The rule is Iglewicz and Hoaglin's modified z-score (1993) on
/// logarithms of times: outside are those 3.5 deviations or more from the median, one deviation being 1.4826
/// times the median absolute deviation. It is at least 0.2: what lies within a factor of two is never
/// outside.
struct PlausibleTimes {
  double median_ms = 0;
  double low_ms = 0;
  double high_ms = 0;
};

/// Nothing for fewer than ten times: they say too little.
std::optional<PlausibleTimes> plausible_times(std::vector<double> times_ms);

/// One of the middle two for an even number; 0 when there is none.
double median(std::vector<double> values);

struct AnswerTime {
  int64_t annotation_id = 0;
  int64_t annotator_id = 0;
  double ms = 0;
};

/// An answer whose time is not plausible, beside everybody's or beside the annotator's own.
struct TimeOutlier {
  AnswerTime answer;
  bool fast = false;        ///< else slow
  bool beside_own = false;  ///< else beside everybody's
  double median_ms = 0;     ///< of those it is beside
  /// Whole factor between the time and the median, 1 or more.
  double factor() const;
};

/// Each answer that is outside once, beside everybody's times first; the furthest from its median first.
std::vector<TimeOutlier> time_outliers(const std::vector<AnswerTime>& answers);

}  // namespace rlhf
