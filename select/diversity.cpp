#include "select/diversity.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <sstream>

#include "contract/sha256.h"

namespace rlhf {
namespace {

constexpr double kLargestDistance = 2;

void add_gram(const std::string& gram, TextFeatures& features) {
  const Sha256Digest digest = sha256_digest(gram);
  static_assert(kTextFeatures == 256, "one byte is a place");
  features[digest[0]] += digest[1] % 2 == 0 ? 1.0f : -1.0f;
}

void add_grams(const std::string& text, TextFeatures& features) {
  std::istringstream words(text);
  std::string before;
  for (std::string word; words >> word; before = word) {
    std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) {
      return c < 0x80 ? static_cast<char>(std::tolower(c)) : static_cast<char>(c);
    });
    add_gram(word, features);
    if (!before.empty()) add_gram(before + " " + word, features);
  }
}

double distance(const TextFeatures& a, const TextFeatures& b) {
  float squares = 0;
  for (std::size_t i = 0; i < kTextFeatures; ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(static_cast<double>(squares));
}

TextFeatures mean_of(const std::vector<TextFeatures>& all) {
  TextFeatures mean{};
  for (const TextFeatures& one : all)
    for (std::size_t i = 0; i < kTextFeatures; ++i) mean[i] += one[i] / static_cast<float>(all.size());
  return mean;
}

std::size_t nearest(const std::vector<TextFeatures>& candidates, const TextFeatures& to) {
  const auto closer = [&](const TextFeatures& a, const TextFeatures& b) {
    return distance(a, to) < distance(b, to);
  };
  return static_cast<std::size_t>(std::min_element(candidates.begin(), candidates.end(), closer) -
                                  candidates.begin());
}

}  // namespace

TextFeatures text_features(const Prompt& prompt, const std::vector<std::string>& responses) {
  TextFeatures features{};
  add_grams(prompt.text, features);
  for (const Message& message : prompt.messages) add_grams(message.content, features);
  for (const std::string& response : responses) add_grams(response, features);
  const double length = distance(features, {});
  if (length > 0)
    for (float& feature : features) feature = static_cast<float>(feature / length);
  return features;
}

std::vector<Pick> farthest_first(const std::vector<TextFeatures>& candidates,
                                 const std::vector<TextFeatures>& centres, std::size_t count) {
  count = std::min(count, candidates.size());
  std::vector<double> gap(candidates.size(),
                          std::numeric_limits<double>::infinity());  // to the nearest centre
  const auto add_centre = [&](const TextFeatures& centre) {
    for (std::size_t i = 0; i < candidates.size(); ++i)
      gap[i] = std::min(gap[i], distance(candidates[i], centre));
  };
  std::vector<Pick> picks;
  const auto pick = [&](std::size_t index, double priority) {
    picks.push_back({index, priority});
    add_centre(candidates[index]);
    gap[index] = -1;  // chosen: below every distance
  };
  for (const TextFeatures& centre : centres) add_centre(centre);
  if (centres.empty() && count > 0) pick(nearest(candidates, mean_of(candidates)), kLargestDistance);
  while (picks.size() < count) {
    const auto farthest = std::max_element(gap.begin(), gap.end());
    pick(static_cast<std::size_t>(farthest - gap.begin()), *farthest);
  }
  return picks;
}

}  // namespace rlhf
