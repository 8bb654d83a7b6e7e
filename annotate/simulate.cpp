#include "annotate/simulate.h"

#include <algorithm>
#include <vector>

#include <nlohmann/json.hpp>

#include "contract/error.h"

namespace rlhf {

namespace {

constexpr int kTasksPerTransaction = 256;

struct Rater {
  int64_t annotator;
  LexiconRater view;
  bool done = false;
};

std::vector<Rater> make_raters(AnnotationStore& store, const Lexicon& lexicon,
                               const SimulationOptions& options) {
  std::vector<Rater> raters;
  for (std::size_t i = 0; i < options.raters; ++i) {
    const nlohmann::json params = {{"lexicon_sha256", options.lexicon_sha256}, {"rater", i}};
    // Another lexicon makes other people.
    const std::string handle =
        "lexicon-" + options.lexicon_sha256.substr(0, 8) + "-rater-" + std::to_string(i);
    raters.push_back({store.annotator(handle, "simulated", params.dump()), LexiconRater(lexicon, i)});
  }
  return raters;
}

void answer(AnnotationStore& store, const Rater& rater, const AnnotationTask& task,
            SimulationResult& result) {
  std::vector<std::string> texts;
  for (const auto& item : task.items) texts.push_back(item.text);
  const std::vector<int> ranks = rater.view.rank(texts);
  store.submit(rater.annotator, task.annotation_id,
               {{ranks.begin(), ranks.end()}, task.note, task.confidence});
  ++result.submitted;
  if (*std::max_element(ranks.begin(), ranks.end()) == 1) ++result.all_tied;
}

}  // namespace

SimulationResult simulate_raters(AnnotationStore& store, const Lexicon& lexicon,
                                 const SimulationOptions& options) {
  if (options.raters < 1 || options.raters > Lexicon::kRaters) {
    throw UserError("a lexicon has " + std::to_string(Lexicon::kRaters) + " raters; ask for 1 to " +
                    std::to_string(Lexicon::kRaters));
  }
  if (options.campaign.overlap > static_cast<int>(options.raters)) {
    throw UserError("campaign '" + options.campaign.name + "' wants " +
                    std::to_string(options.campaign.overlap) + " answers a task, from " +
                    std::to_string(options.raters) + " raters");
  }
  std::vector<Rater> raters = make_raters(store, lexicon, options);
  SimulationResult result;
  std::size_t turn = 0;
  std::size_t idle = 0;
  while (idle < raters.size()) {
    store.in_one_transaction([&] {
      for (int i = 0; i < kTasksPerTransaction && idle < raters.size(); ++i) {
        Rater& rater = raters[turn++ % raters.size()];
        if (rater.done) continue;
        if (const auto task = store.next_task(options.campaign.id, rater.annotator)) {
          answer(store, rater, *task, result);
        } else {
          rater.done = true;
          ++idle;
        }
      }
    });
  }
  return result;
}

}  // namespace rlhf
