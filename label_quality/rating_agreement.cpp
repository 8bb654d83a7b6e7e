#include "label_quality/rating_agreement.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <tuple>

#include "label_quality/krippendorff_alpha.h"
#include "label_quality/percent_agreement.h"

namespace rlhf {

namespace {

/// By response and person, one rating each.
void keep_latest(std::vector<GivenRating>& ratings) {
  // The later of two of one person comes first, and unique() keeps the first.
  std::sort(ratings.begin(), ratings.end(), [&](const GivenRating& x, const GivenRating& y) {
    return std::tuple(x.response_id, x.annotator_id, -x.annotation_id) <
           std::tuple(y.response_id, y.annotator_id, -y.annotation_id);
  });
  const auto again = std::unique(ratings.begin(), ratings.end(), [](const auto& x, const auto& y) {
    return x.annotator_id != 0 && x.response_id == y.response_id && x.annotator_id == y.annotator_id;
  });
  ratings.erase(again, ratings.end());
}

/// The ratings of one response, by two people or more.
class ResponseRatings {
 public:
  explicit ResponseRatings(std::span<const GivenRating> ratings) : ratings_(ratings) {
    for (const GivenRating& rating : ratings) values_.push_back(rating.value);
    sum_ = std::accumulate(values_.begin(), values_.end(), 0.0);
  }

  const std::vector<double>& values() const { return values_; }

  void add_to(std::map<int64_t, RatingAgreement::Rater>& raters) const {
    for (const GivenRating& rating : ratings_) {
      if (rating.annotator_id == 0) continue;
      const double difference =
          rating.value - (sum_ - rating.value) / static_cast<double>(ratings_.size() - 1);
      RatingAgreement::Rater& rater = raters[rating.annotator_id];
      ++rater.ratings;
      rater.bias += difference;
      rater.distance += std::abs(difference);
    }
  }

  RatingAgreement::Disputed disputed() const {
    const auto count = static_cast<double>(values_.size());
    double squares = 0;
    for (const double value : values_) squares += (value - sum_ / count) * (value - sum_ / count);
    return {ratings_.front().prompt_id, ratings_.front().response_id, values_,
            std::sqrt(squares / (count - 1))};
  }

 private:
  std::span<const GivenRating> ratings_;
  std::vector<double> values_;
  double sum_ = 0;
};

void keep_worst(std::vector<RatingAgreement::Disputed>& disputed, std::size_t most) {
  std::stable_sort(disputed.begin(), disputed.end(),
                   [](const auto& x, const auto& y) { return x.deviation > y.deviation; });
  while (disputed.size() > most || (!disputed.empty() && disputed.back().deviation == 0)) disputed.pop_back();
}

}  // namespace

RatingAgreement rating_agreement(std::vector<GivenRating> ratings, std::size_t most) {
  keep_latest(ratings);
  RatingAgreement found;
  found.ratings = static_cast<int64_t>(ratings.size());
  Units units;
  for (auto begin = ratings.begin(); begin != ratings.end();) {
    const auto end = std::find_if(begin, ratings.end(), [&](const GivenRating& rating) {
      return rating.response_id != begin->response_id;
    });
    ++found.responses;
    if (end - begin >= 2) {
      const ResponseRatings of_response({begin, end});
      units.add(of_response.values());
      of_response.add_to(found.raters);
      found.disputed.push_back(of_response.disputed());
    }
    begin = end;
  }
  found.responses_rated_twice = static_cast<int64_t>(units.count());
  found.percent = percent_agreement(units);
  found.alpha_nominal = krippendorff_alpha(units, Level::kNominal);
  found.alpha_ordinal = krippendorff_alpha(units, Level::kOrdinal);
  found.alpha_interval = krippendorff_alpha(units, Level::kInterval);
  for (auto& [annotator, rater] : found.raters) {
    rater.bias /= static_cast<double>(rater.ratings);
    rater.distance /= static_cast<double>(rater.ratings);
  }
  keep_worst(found.disputed, most);
  return found;
}

}  // namespace rlhf
