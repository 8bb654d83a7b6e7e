#include "storage/response_store.h"

#include "storage/connection.h"
#include "storage/ledger_rows.h"
#include "storage/model_rows.h"

namespace rlhf {

StoredResponses store_responses(Database& database, const SamplingRecord& sampling, const Prompt& prompt,
                                const std::vector<SampledResponse>& responses) {
  const PromptKey key(prompt);
  Database::Connection& connection = database.connection();
  return guarded(connection, [&] {
    LedgerRows rows(connection.db);
    WriteTransaction transaction(connection);
    StoredResponses stored;
    stored.prompt_id = rows.prompt(prompt, key, {}).id;
    ResponseRow row;
    row.prompt_id = stored.prompt_id;
    row.model_id = model_row(connection.db, sampling.model_hash);
    row.sampling_id = rows.sampling(sampling.options, sampling.engine);
    row.seed = static_cast<int64_t>(sampling.seed);
    for (const SampledResponse& response : responses) {
      row.text = &response.text;
      row.token_ids = blob(response.token_ids);
      row.sample_index = response.sample_index;
      row.finish_reason = response.finish_reason == FinishReason::kStop ? "stop" : "length";
      const RowId id = rows.response(row);
      stored.response_ids.push_back(id.id);
      stored.added += id.is_new;
    }
    transaction.commit();
    return stored;
  });
}

}  // namespace rlhf
