#include "storage/response_store.h"

#include <algorithm>
#include <map>

#include "storage/connection.h"
#include "storage/ledger_rows.h"
#include "storage/model_rows.h"

namespace rlhf {

namespace {

constexpr char kCountDraws[] =
    "INSERT INTO draws(prompt_id, model_id, sampling_id, seed, samples) VALUES (?,?,?,?,?) "
    "ON CONFLICT DO UPDATE SET samples = MAX(samples, excluded.samples)";

constexpr char kTexts[] =
    "SELECT text_sha256, id FROM responses WHERE prompt_id = ? AND model_id = ? AND sampling_id = ? AND seed "
    "= ?";

/// What the draws of one request have in common.
struct Request {
  int64_t model_id, sampling_id, seed;
};

class ResponseWriter {
 public:
  ResponseWriter(SQLite::Database& db, const SamplingRecord& sampling)
      : rows_(db),
        request_{model_row(db, sampling.model_hash), rows_.sampling(sampling.options, sampling.engine),
                 static_cast<int64_t>(sampling.seed)},
        texts_(db, kTexts),
        count_draws_(db, kCountDraws) {}

  StoredResponses write(const AnsweredPrompt& answered) {
    StoredResponses stored;
    stored.prompt_id = rows_.prompt(answered.prompt, PromptKey(answered.prompt), {}).id;
    std::map<Sha256Digest, int64_t> known = known_texts(stored.prompt_id);
    int64_t samples = 0;
    for (const SampledResponse& response : answered.responses) {
      const auto [place, is_new] = known.try_emplace(sha256_digest(response.text), 0);
      if (is_new) {
        place->second = add(stored.prompt_id, response);
        ++stored.added;
      }
      stored.response_ids.push_back(place->second);
      samples = std::max<int64_t>(samples, response.sample_index + 1);
    }
    if (samples > 0)
      execute(count_draws_, stored.prompt_id, request_.model_id, request_.sampling_id, request_.seed,
              samples);
    return stored;
  }

 private:
  /// Rows of this request by the hash of their text.
  std::map<Sha256Digest, int64_t> known_texts(int64_t prompt_id) {
    std::map<Sha256Digest, int64_t> known;
    bind_all(texts_, prompt_id, request_.model_id, request_.sampling_id, request_.seed);
    while (texts_.executeStep()) {
      Sha256Digest digest{};
      const SQLite::Column column = texts_.getColumn(0);
      std::copy_n(static_cast<const unsigned char*>(column.getBlob()),
                  std::min(digest.size(), static_cast<std::size_t>(column.getBytes())), digest.begin());
      known.emplace(digest, texts_.getColumn(1).getInt64());
    }
    return known;
  }

  int64_t add(int64_t prompt_id, const SampledResponse& response) {
    ResponseRow row;
    row.prompt_id = prompt_id;
    row.text = &response.text;
    row.token_ids = blob(response.token_ids);
    row.model_id = request_.model_id;
    row.sampling_id = request_.sampling_id;
    row.seed = request_.seed;
    row.sample_index = response.sample_index;
    row.finish_reason = response.finish_reason == FinishReason::kStop ? "stop" : "length";
    return rows_.response(row).id;
  }

  LedgerRows rows_;
  const Request request_;
  SQLite::Statement texts_, count_draws_;
};

}  // namespace

std::vector<DrawnSamples> drawn_samples(Database& database, const SamplingRecord& sampling,
                                        const std::vector<Prompt>& prompts) {
  return guarded(database.connection(), [&] {
    SQLite::Database& db = database.connection().db;
    const Sha256Digest settings = sampling_hash(sampling.options, sampling.engine);
    const auto seed = static_cast<int64_t>(sampling.seed);
    SQLite::Statement find(
        db,
        "SELECT d.samples, (SELECT COUNT(*) FROM responses s WHERE s.prompt_id = d.prompt_id "
        "AND s.model_id = d.model_id AND s.sampling_id = d.sampling_id AND s.seed = d.seed) "
        "FROM draws d WHERE d.prompt_id = (SELECT id FROM prompts WHERE canon_sha256 = ?) "
        "AND d.model_id = (SELECT id FROM models WHERE model_hash = ?) "
        "AND d.sampling_id = (SELECT id FROM sampling WHERE sha256 = ?) AND d.seed = ?");
    std::vector<DrawnSamples> drawn(prompts.size());
    const Snapshot snapshot(db);
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      const PromptKey key(prompts[i]);
      if (bind_all(find, key.canon, sampling.model_hash, settings, seed).executeStep())
        drawn[i] = {find.getColumn(0).getInt(), find.getColumn(1).getInt64()};
      find.reset();
    }
    return drawn;
  });
}

std::vector<StoredResponses> store_responses(Database& database, const SamplingRecord& sampling,
                                             const std::vector<AnsweredPrompt>& answered) {
  Database::Connection& connection = database.connection();
  return guarded(connection, [&] {
    WriteTransaction transaction(connection);
    std::vector<StoredResponses> stored;
    {
      ResponseWriter writer(connection.db, sampling);
      for (const AnsweredPrompt& one : answered) stored.push_back(writer.write(one));
    }
    transaction.commit();
    return stored;
  });
}

}  // namespace rlhf
