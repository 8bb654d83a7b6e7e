#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>

#include <nlohmann/json.hpp>

#include "storage/annotation_store.h"
#include "storage/database.h"

namespace rlhf {

/// Progress, pace and agreement of a campaign for the page, read through a connection of its own so that
/// answers do not wait for it. Counting a large campaign takes a while: figures are counted anew only once
/// twenty times as long has passed as counting took, so it takes a twentieth of one core at most. Any thread.
class LiveFigures {
 public:
  LiveFigures(const std::filesystem::path& ledger, int64_t campaign);

  /// {"tasks", "done", "pairs", "agreed", "you": {"submitted", "skipped", "not_rankable", "median_ms",
  /// "pairs", "agreed"}}: what the members of CampaignProgress and AnnotatorProgress say; the median time of
  /// the last answers; of every two people's votes on a pair of responses, ties left out, how many are the
  /// same. Throws what Database throws.
  nlohmann::ordered_json of(int64_t annotator);

  /// The annotator answered or undid something: their own figures are counted anew, however fresh.
  void changed_by(int64_t annotator);

  /// Nothing is left for somebody, who sees how it ended: the campaign's are counted anew.
  void ended();

 private:
  struct Counted {
    nlohmann::ordered_json figures;
    std::chrono::steady_clock::time_point fresh_until{};
  };
  template <class Count>
  const nlohmann::ordered_json& fresh(Counted& counted, Count&& count);

  std::mutex mutex_;
  Database database_;
  AnnotationStore store_;
  int64_t campaign_;
  Counted all_;
  std::map<int64_t, Counted> own_;
};

}  // namespace rlhf
