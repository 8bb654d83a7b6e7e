#include "select/strategies.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "contract/error.h"
#include "contract/sha256.h"

namespace rlhf {
namespace {

double deviation(const std::vector<double>& values) {
  const auto count = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / count);
}

/// Mean of `of(i, j)` over the pairs i < j of `count` responses.
template <typename OfPair>
double mean_over_pairs(std::size_t count, const OfPair& of) {
  double sum = 0;
  std::size_t pairs = 0;
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t j = i + 1; j < count; ++j, ++pairs) sum += of(i, j);
  return pairs == 0 ? 0 : sum / static_cast<double>(pairs);
}

}  // namespace

std::vector<std::string> strategy_names() {
  return {"disagreement", "margin", "diversity", "random"};
}

Strategy strategy_named(const std::string& name) {
  const std::vector<std::string> names = strategy_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end())
    throw UserError("--strategy " + name + ": use disagreement, margin, diversity or random");
  return static_cast<Strategy>(found - names.begin());
}

double disagreement(const std::vector<std::vector<double>>& scores) {
  return mean_over_pairs(scores.at(0).size(), [&](std::size_t i, std::size_t j) {
    std::vector<double> differences;
    for (const std::vector<double>& member : scores) differences.push_back(member[i] - member[j]);
    return deviation(differences);
  });
}

double uncertainty(const std::vector<double>& raw_scores) {
  return mean_over_pairs(raw_scores.size(), [&](std::size_t i, std::size_t j) {
    const double p = 1 / (1 + std::exp(raw_scores[j] - raw_scores[i]));
    return 4 * p * (1 - p);
  });
}

double drawn_priority(uint64_t seed, const Prompt& prompt, const std::vector<std::string>& responses) {
  // Lengths keep the texts apart.
  std::string key = std::to_string(seed);
  const auto add = [&](const std::string& text) { key += " " + std::to_string(text.size()) + " " + text; };
  add(prompt.text);
  for (const Message& message : prompt.messages) {
    add(message.role);
    add(message.content);
  }
  for (const std::string& response : responses) add(response);
  const Sha256Digest digest = sha256_digest(key);
  uint64_t bits = 0;
  for (std::size_t i = 0; i < 8; ++i) bits = bits << 8 | digest[i];
  return std::ldexp(static_cast<double>(bits >> 11), -53);
}

std::vector<Pick> highest(const std::vector<double>& priorities, std::size_t count) {
  std::vector<Pick> picks;
  for (std::size_t i = 0; i < priorities.size(); ++i) picks.push_back({i, priorities[i]});
  std::stable_sort(picks.begin(), picks.end(),
                   [](const Pick& a, const Pick& b) { return a.priority > b.priority; });
  picks.resize(std::min(count, picks.size()));
  return picks;
}

}  // namespace rlhf
