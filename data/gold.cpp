#include "data/gold.h"

#include "contract/error.h"
#include "data/ledger_names.h"
#include "formats/dataset_files.h"

namespace rlhf {

namespace {

GoldCounts from_files(Database& database, int64_t campaign, const std::vector<std::string>& files) {
  DatasetFileOptions source;
  source.files = files;
  return gold_from_rankings(database, campaign, PreferenceFiles(source).rankings());
}

}  // namespace

GoldCounts make_gold(const GoldOptions& options) {
  if (options.annotator.empty() == options.files.empty())
    throw UserError(
        "say who knows: --annotator NAME for their answers in the campaign, or files of rankings");
  Database database(options.db, IfAbsent::kRefuse);
  const int64_t campaign = campaign_named(database, options.campaign);
  GoldCounts counts;
  if (options.annotator.empty())
    counts = from_files(database, campaign, options.files);
  else
    counts.tasks = gold_from_annotator(database, campaign, annotator_named(database, options.annotator));
  if (counts.tasks > 0) return counts;
  throw UserError(
      options.annotator.empty()
          ? "no ranking is about the very prompt and responses of a task of \"" + options.campaign + "\""
          : "\"" + options.annotator + "\" has submitted no answer in \"" + options.campaign + "\"");
}

}  // namespace rlhf
