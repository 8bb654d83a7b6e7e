#include "data/ledger_names.h"

#include "contract/error.h"
#include "storage/annotation_store.h"
#include "storage/given_answers.h"

namespace rlhf {

int64_t campaign_named(Database& database, const std::string& name) {
  if (name.empty()) return 0;
  AnnotationStore store(database);
  if (const auto campaign = store.find_campaign(name)) return campaign->id;
  std::string known;
  for (const Campaign& campaign : store.campaigns()) known += (known.empty() ? "" : ", ") + campaign.name;
  throw UserError("the ledger has no campaign \"" + name + "\"" +
                  (known.empty() ? ", and no other" : "; it has " + known));
}

int64_t annotator_named(Database& database, const std::string& name) {
  if (name.empty()) return 0;
  for (const auto& [id, handle] : annotator_handles(database))
    if (handle == name) return id;
  throw UserError("the ledger has no annotator \"" + name + "\"; `rlhf data stats` lists them");
}

}  // namespace rlhf
