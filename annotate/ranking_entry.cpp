#include "annotate/ranking_entry.h"

#include <algorithm>
#include <utility>

#include "contract/error.h"

namespace rlhf {

namespace {

constexpr std::size_t kMaxResponses = 9;

}  // namespace

RankingEntry::RankingEntry(std::size_t responses) : responses_(responses) {
  if (responses < 2 || responses > kMaxResponses) {
    throw UserError("a task of " + std::to_string(responses) +
                    " responses cannot be ranked by digits: 2 to 9 can");
  }
}

RankingEntry::RankingEntry(std::size_t responses, const std::vector<std::optional<int>>& ranks)
    : RankingEntry(responses) {
  for (int rank = 1; placed_.size() < responses; ++rank) {
    const std::size_t before = placed_.size();
    for (std::size_t i = 0; i < std::min(responses, ranks.size()); ++i) {
      if (ranks[i] == rank) placed_.push_back({i, placed_.size() > before});
    }
    if (placed_.size() == before) return;
  }
}

Step RankingEntry::press(char key) {
  message_.clear();
  const bool skip_asked = std::exchange(skip_pending_, false);
  if (key >= '1' && key <= '9') return place(static_cast<std::size_t>(key - '1'));
  switch (key) {
    case '=':
      if (placed_.empty()) message_ = "= ties the next response with one placed before; none is";
      tie_pending_ = !placed_.empty();
      return Step::kMore;
    case '\n':
      return finish();
    case 'u':
      return take_back();
    case 's':
      if (skip_asked) return Step::kSkip;
      skip_pending_ = true;
      message_ = "s again skips this task for you; any other key goes on";
      return Step::kMore;
    case 'x':
      return Step::kNotRankable;
    case '?':
      return Step::kGuidelines;
    case 'q':
      return Step::kQuit;
    case ' ':
    case '\t':
    case '\r':
      return Step::kMore;
    default:
      message_ = "this key means nothing here; ? tells which do";
      return Step::kMore;
  }
}

Step RankingEntry::place(std::size_t response) {
  const std::string name = std::to_string(response + 1);
  if (response >= responses_) {
    message_ = "there is no response " + name;
    return Step::kMore;
  }
  if (std::any_of(placed_.begin(), placed_.end(),
                  [&](const Placed& placed) { return placed.response == response; })) {
    message_ = "response " + name + " has its place already; u takes the last one back";
    return Step::kMore;
  }
  placed_.push_back({response, tie_pending_});
  tie_pending_ = false;
  return placed_.size() == responses_ ? Step::kSubmit : Step::kMore;
}

Step RankingEntry::finish() {
  if (placed_.empty()) return Step::kMore;
  const auto current = ranks();
  if (placed_.size() + 1 == responses_) {
    return place(
        static_cast<std::size_t>(std::find(current.begin(), current.end(), std::nullopt) - current.begin()));
  }
  message_ = std::to_string(responses_ - placed_.size()) + " responses have no place yet";
  return Step::kMore;
}

Step RankingEntry::take_back() {
  if (tie_pending_) {
    tie_pending_ = false;
  } else if (placed_.empty()) {
    return Step::kTakeBack;
  } else {
    tie_pending_ = placed_.back().tied;
    placed_.pop_back();
  }
  return Step::kMore;
}

std::vector<std::optional<int>> RankingEntry::ranks() const {
  std::vector<std::optional<int>> found(responses_);
  int rank = 0;
  for (const Placed& placed : placed_) {
    if (!placed.tied) ++rank;
    found[placed.response] = rank;
  }
  return found;
}

std::string RankingEntry::order() const {
  std::string text;
  for (const Placed& placed : placed_) {
    if (!text.empty()) text += placed.tied ? " = " : " > ";
    text += std::to_string(placed.response + 1);
  }
  if (tie_pending_) text += " =";
  return text;
}

}  // namespace rlhf
