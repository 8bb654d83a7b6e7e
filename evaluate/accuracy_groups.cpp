#include "evaluate/accuracy_groups.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace rlhf {
namespace {

constexpr std::size_t kMostValues = 5;
constexpr std::size_t kGapGroups = 4;

std::string in_print(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g", value);
  return text;
}

AccuracyGrouping by_name(const std::string& by, const std::vector<ScoredPair>& pairs,
                         std::string Provenance::*name) {
  std::map<std::string, std::vector<ScoredPair>> parts;
  for (const ScoredPair& pair : pairs) parts[pair.ranking->provenance.*name].push_back(pair);
  AccuracyGrouping grouping{by, {}, ""};
  if (parts.size() == 1) {
    const std::string& only = parts.begin()->first;
    grouping.left_out = only.empty() ? "no record names its " + by : "all pairs are of " + by + " " + only;
    return grouping;
  }
  for (const auto& [key, part] : parts)
    grouping.groups.push_back({key.empty() ? "not named" : key, reward_accuracy(part)});
  std::stable_sort(grouping.groups.begin(), grouping.groups.end(),
                   [](const auto& a, const auto& b) { return a.accuracy.pairs > b.accuracy.pairs; });
  return grouping;
}

using Gaps = std::vector<std::pair<double, ScoredPair>>;

/// The first gap of every group but the first.
std::set<double> borders(const Gaps& sorted) {
  std::set<double> values, chosen;
  for (const auto& [gap, pair] : sorted) values.insert(gap);
  if (values.size() <= kMostValues)
    chosen = std::move(values);
  else
    for (std::size_t i = 1; i < kGapGroups; ++i) chosen.insert(sorted[i * sorted.size() / kGapGroups].first);
  chosen.erase(sorted.front().first);
  return chosen;
}

AccuracyGroup gap_group(Gaps::const_iterator begin, Gaps::const_iterator end) {
  std::vector<ScoredPair> part;
  for (auto at = begin; at != end; ++at) part.push_back(at->second);
  const std::string low = in_print(begin->first), high = in_print((end - 1)->first);
  return {low == high ? low : low + " to " + high, reward_accuracy(part)};
}

AccuracyGrouping by_gap(const std::string& by, Gaps gaps, const std::string& when_none) {
  AccuracyGrouping grouping{by, {}, when_none};
  if (gaps.empty()) return grouping;
  std::stable_sort(gaps.begin(), gaps.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  const std::set<double> firsts = borders(gaps);
  grouping.left_out = firsts.empty() ? "every pair's is " + in_print(gaps.front().first) : "";
  if (firsts.empty()) return grouping;
  auto begin = gaps.cbegin();
  for (const double first : firsts) {
    const auto end = std::find_if(begin, gaps.cend(), [&](const auto& gap) { return gap.first >= first; });
    grouping.groups.push_back(gap_group(begin, end));
    begin = end;
  }
  grouping.groups.push_back(gap_group(begin, gaps.cend()));
  return grouping;
}

}  // namespace

std::vector<AccuracyGrouping> accuracy_groupings(const std::vector<ScoredPair>& pairs) {
  Gaps rank_gaps, rating_gaps;
  for (const ScoredPair& pair : pairs) {
    rank_gaps.emplace_back(pair.rank_gap(), pair);
    if (const auto gap = pair.rating_gap()) rating_gaps.emplace_back(*gap, pair);
  }
  return {by_name("split", pairs, &Provenance::split), by_name("source", pairs, &Provenance::source),
          by_name("annotator", pairs, &Provenance::annotator),
          by_gap("rank_gap", std::move(rank_gaps), "there is no pair"),
          by_gap("rating_gap", std::move(rating_gaps), "no pair has a rating of both responses")};
}

}  // namespace rlhf
