#include "annotate/live_figures.h"

#include <cmath>

#include "annotate/campaign_agreement.h"
#include "label_quality/answer_times.h"

namespace rlhf {

namespace {

constexpr int kRestPerCount = 20;

}  // namespace

LiveFigures::LiveFigures(const std::filesystem::path& ledger, int64_t campaign)
    : database_(ledger, IfAbsent::kRefuse), store_(database_), campaign_(campaign) {}

template <class Count>
const nlohmann::ordered_json& LiveFigures::fresh(Counted& counted, Count&& count) {
  const auto begin = std::chrono::steady_clock::now();
  if (begin < counted.fresh_until) return counted.figures;
  counted.figures = count();
  const auto end = std::chrono::steady_clock::now();
  counted.fresh_until = end + kRestPerCount * (end - begin);
  return counted.figures;
}

nlohmann::ordered_json LiveFigures::of(int64_t annotator) {
  const std::lock_guard lock(mutex_);
  nlohmann::ordered_json figures = fresh(all_, [&]() -> nlohmann::ordered_json {
    const CampaignProgress progress = store_.progress(campaign_);
    const VoteTable votes = campaign_agreement(database_, campaign_);
    return {{"tasks", progress.tasks},
            {"done", progress.done},
            {"pairs", votes.told_apart()},
            {"agreed", votes.told_alike()}};
  });
  figures["you"] = fresh(own_[annotator], [&]() -> nlohmann::ordered_json {
    const AnnotatorProgress progress = store_.annotator_progress(campaign_, annotator);
    const VoteTable votes = agreement_with_others(database_, campaign_, annotator);
    return {
        {"submitted", progress.submitted},       {"skipped", progress.skipped},
        {"not_rankable", progress.not_rankable}, {"median_ms", std::llround(median(progress.last_times_ms))},
        {"pairs", votes.told_apart()},           {"agreed", votes.told_alike()}};
  });
  return figures;
}

void LiveFigures::changed_by(int64_t annotator) {
  const std::lock_guard lock(mutex_);
  own_.erase(annotator);
}

void LiveFigures::ended() {
  const std::lock_guard lock(mutex_);
  all_.fresh_until = {};
}

}  // namespace rlhf
