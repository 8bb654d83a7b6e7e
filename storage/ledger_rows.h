#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "contract/demonstration.h"
#include "contract/prompt.h"
#include "contract/ranking.h"
#include "contract/sampling_options.h"
#include "storage/connection.h"

// Rows that several stores write, each found by what identifies it or else inserted. For .cpp files of
// storage/ only; call inside a WriteTransaction.

namespace rlhf {

/// Messages as the ledger keeps them: [{"role":...,"content":...},...]. Throws UserError when not UTF-8.
std::string messages_to_json(const Conversation& messages);
Conversation messages_from_json(const std::string& json);

/// A prompt with what the ledger derives from it.
struct PromptKey {
  explicit PromptKey(const Prompt& prompt);
  std::string messages_json;  ///< empty for plain text
  Sha256Digest canon;         ///< identity: of "text\n" and the text, or "messages\n" and the JSON
  Sha256Digest normal;
};

/// A demonstration with what the ledger derives from it.
struct DemonstrationKey {
  explicit DemonstrationKey(const Demonstration& demonstration);
  Prompt asked;      ///< what decides the split: its prompt, or a plain text itself
  PromptKey prompt;  ///< of `asked`
  std::string form, messages_json;
  int64_t first_supervised = 0;
  Sha256Digest canon{};  ///< identity
};

/// Identity of the settings of a `sampling` row.
Sha256Digest sampling_hash(const SamplingOptions& options, const std::string& engine);

/// Begins the tag of a prompt that says the data set's own split.
inline constexpr std::string_view kSplitTag = "split:";

struct PromptDetails {
  std::string source, source_id, tags_json = "[]";
  std::optional<int64_t> import_id;
};

struct RowId {
  int64_t id = 0;
  bool is_new = false;
};

struct ResponseRow {
  int64_t prompt_id = 0;
  const std::string* text = nullptr;
  BlobView token_ids;  ///< no data: NULL
  std::optional<int64_t> model_id, sampling_id, seed, sample_index;
  const char* finish_reason = nullptr;
  std::string source_id;
  std::optional<int64_t> import_id;
};

class LedgerRows {
 public:
  explicit LedgerRows(SQLite::Database& db);

  RowId prompt(const Prompt& prompt, const PromptKey& key, const PromptDetails& details);
  std::optional<int64_t> find_prompt(const Sha256Digest& canon);
  RowId response(const ResponseRow& row);
  RowId demonstration(const Demonstration& demonstration, const PromptDetails& details,
                      std::optional<int64_t> annotator_id);
  int64_t annotator(const std::string& handle, const std::string& kind,
                    const std::string& params_json = "{}");
  int64_t model_by_name(const std::string& name);
  int64_t sampling(const SamplingOptions& options, const std::string& engine);

 private:
  int64_t last_id() const { return db_.getLastInsertRowid(); }

  SQLite::Database& db_;
  SQLite::Statement find_prompt_, add_prompt_, find_response_, add_response_, find_demonstration_,
      add_demonstration_, add_annotator_, find_annotator_, add_model_, find_model_;
};

}  // namespace rlhf
