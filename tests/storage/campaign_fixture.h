#pragma once
#include <algorithm>
#include <optional>
#include <vector>

#include "storage/annotation_store.h"
#include "storage/response_store.h"
#include "tests/storage/ledger_fixture.h"
#include "tests/support/catch.h"

namespace rlhf::test {

/// A campaign over `prompts` prompts with `k` sampled responses each.
struct Work {
  Ledger ledger;
  AnnotationStore store{ledger.database, 60000};
  Campaign campaign;
  int64_t anna = 0, bert = 0;

  explicit Work(int prompts = 3, int overlap = 1, int k = 3) {
    for (int i = 0; i < prompts; ++i) {
      std::vector<SampledResponse> responses;
      for (int j = 0; j < k; ++j)
        responses.push_back({"answer " + std::to_string(j), {j}, FinishReason::kStop, j});
      store_responses(ledger.database, {"hash", {}, "rlhf 0", 1},
                      {{{"prompt " + std::to_string(i), {}}, responses}});
    }
    Campaign wanted;
    wanted.name = "round 1";
    wanted.k = k;
    wanted.overlap = overlap;
    campaign = store.open_campaign(wanted);
    CHECK(store.add_tasks(campaign.id, store.tasks_from_samples(campaign, "all", "hash")) == prompts);
    anna = store.annotator("anna", "human");
    bert = store.annotator("bert", "human");
  }

  std::optional<AnnotationTask> next(int64_t who) { return store.next_task(campaign.id, who); }

  /// Submits the next task of `who` with ranks_by_response[i] for the i-th response by id; returns its
  /// annotation.
  int64_t answer(int64_t who, const std::vector<int>& ranks_by_response) {
    const AnnotationTask task = next(who).value();
    std::vector<int64_t> ids;
    for (const auto& item : task.items) ids.push_back(item.response_id);
    std::sort(ids.begin(), ids.end());
    Answer given;
    for (const auto& item : task.items) {
      const auto place = std::find(ids.begin(), ids.end(), item.response_id) - ids.begin();
      given.ranks.emplace_back(ranks_by_response.at(static_cast<std::size_t>(place)));
    }
    store.submit(who, task.annotation_id, given);
    return task.annotation_id;
  }

  std::size_t rankings() {
    LedgerSelection all;
    all.split = "all";
    all.campaign = campaign.name;
    return LedgerPreferences(ledger.database, all).rankings().size();
  }
};

}  // namespace rlhf::test
