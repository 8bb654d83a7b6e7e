#include "storage/ledger_rows.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "storage/clock.h"
#include "storage/normal_text.h"

namespace rlhf {

using nlohmann::ordered_json;

namespace {

constexpr char kFindResponse[] =
    "SELECT id FROM responses WHERE prompt_id = ?1 AND text_sha256 = ?2 AND COALESCE(model_id, 0) = "
    "COALESCE(?3, 0) "
    "AND COALESCE(sampling_id, 0) = COALESCE(?4, 0) AND COALESCE(seed, -1) = COALESCE(?5, -1) "
    "AND COALESCE(sample_index, -1) = COALESCE(?6, -1)";

constexpr char kAddResponse[] =
    "INSERT INTO responses(prompt_id, text_sha256, model_id, sampling_id, seed, sample_index, text, "
    "token_ids, "
    "finish_reason, source_id, import_id, created_ms) VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO "
    "NOTHING";

constexpr char kAddPrompt[] =
    "INSERT INTO prompts(canon_sha256, norm_sha256, text, messages_json, split, source, source_id, "
    "tags_json, "
    "import_id) VALUES (?,?,?,?,?,?,?,?,?)";

constexpr char kAddDemonstration[] =
    "INSERT INTO demonstrations(canon_sha256, form, prompt_id, completion, messages_json, first_supervised, "
    "split, "
    "source, source_id, annotator_id, import_id) VALUES (?,?,?,?,?,?,?,?,?,?,?)";

/// What decides the split of a demonstration: its prompt, or a plain text itself.
Prompt what_is_asked(const Demonstration& demonstration) {
  if (demonstration.form == Demonstration::Form::kText) return {demonstration.completion, {}};
  if (demonstration.form == Demonstration::Form::kPromptCompletion) return demonstration.prompt;
  const Conversation& turns = demonstration.prompt.messages;
  const auto given =
      static_cast<std::ptrdiff_t>(std::min(demonstration.first_supervised_message, turns.size()));
  const auto answer = std::find_if(turns.begin() + given, turns.end(),
                                   [](const Message& turn) { return turn.role == "assistant"; });
  return {{}, Conversation(turns.begin(), answer)};
}

const char* form_name(Demonstration::Form form) {
  switch (form) {
    case Demonstration::Form::kText:
      return "text";
    case Demonstration::Form::kPromptCompletion:
      return "prompt_completion";
    default:
      return "conversation";
  }
}

}  // namespace

std::string messages_to_json(const Conversation& messages) {
  ordered_json json = ordered_json::array();
  for (const Message& message : messages)
    json.push_back({{"role", message.role}, {"content", message.content}});
  try {
    return json.dump();
  } catch (const nlohmann::json::exception&) {
    throw UserError("text is not UTF-8");
  }
}

Conversation messages_from_json(const std::string& text) {
  Conversation messages;
  try {
    for (const ordered_json& message : ordered_json::parse(text))
      messages.push_back({message.at("role").get<std::string>(), message.at("content").get<std::string>()});
  } catch (const nlohmann::json::exception& error) {
    throw UserError(std::string("the ledger holds messages that are none: ") + error.what());
  }
  return messages;
}

PromptKey::PromptKey(const Prompt& prompt)
    : messages_json(prompt.is_chat() ? messages_to_json(prompt.messages) : std::string()),
      canon(sha256_digest(prompt.is_chat() ? "messages\n" + messages_json : "text\n" + prompt.text)),
      normal(normal_hash(prompt)) {}

DemonstrationKey::DemonstrationKey(const Demonstration& demonstration)
    : asked(what_is_asked(demonstration)), prompt(asked), form(form_name(demonstration.form)) {
  const bool is_chat = demonstration.form == Demonstration::Form::kConversation;
  if (is_chat) {
    messages_json = messages_to_json(demonstration.prompt.messages);
    first_supervised = static_cast<int64_t>(demonstration.first_supervised_message);
  }
  Sha256 hash;
  hash.update(form + "\n" + std::to_string(first_supervised) + "\n");
  hash.update({reinterpret_cast<const char*>(prompt.canon.data()), prompt.canon.size()});
  hash.update(is_chat ? messages_json : demonstration.completion);
  canon = sha256_digest(hash.hex_digest());
}

Sha256Digest sampling_hash(const SamplingOptions& options, const std::string& engine) {
  const ordered_json settings = {
      options.temperature,        options.top_k,          options.top_p, options.min_p,
      options.repetition_penalty, options.max_new_tokens, engine};
  return sha256_digest(settings.dump());
}

LedgerRows::LedgerRows(SQLite::Database& db)
    : db_(db),
      find_prompt_(db, "SELECT id FROM prompts WHERE canon_sha256 = ?"),
      add_prompt_(db, kAddPrompt),
      find_response_(db, kFindResponse),
      add_response_(db, kAddResponse),
      find_demonstration_(db, "SELECT id FROM demonstrations WHERE canon_sha256 = ?"),
      add_demonstration_(db, kAddDemonstration),
      add_annotator_(db,
                     "INSERT INTO annotators(handle, kind, params_json, created_ms) VALUES (?,?,?,?) "
                     "ON CONFLICT(handle) DO NOTHING"),
      find_annotator_(db, "SELECT id FROM annotators WHERE handle = ?"),
      add_model_(db, "INSERT INTO models(name, created_ms) VALUES (?,?)"),
      find_model_(db, "SELECT id FROM models WHERE name = ? AND model_hash IS NULL") {}

std::optional<int64_t> LedgerRows::find_prompt(const Sha256Digest& canon) {
  return first_integer(find_prompt_, canon);
}

RowId LedgerRows::prompt(const Prompt& prompt, const PromptKey& key, const PromptDetails& details) {
  if (const auto id = find_prompt(key.canon)) return {*id, false};
  const std::optional<std::string> text = prompt.is_chat() ? std::nullopt : std::optional(prompt.text);
  execute(add_prompt_, key.canon, key.normal, text, TextOrNull{key.messages_json}, split_of(key.normal),
          TextOrNull{details.source}, TextOrNull{details.source_id}, details.tags_json, details.import_id);
  return {last_id(), true};
}

RowId LedgerRows::response(const ResponseRow& row) {
  const Sha256Digest digest = sha256_digest(*row.text);
  const std::optional<BlobView> token_ids = row.token_ids.data ? std::optional(row.token_ids) : std::nullopt;
  const std::optional<const char*> finish =
      row.finish_reason ? std::optional(row.finish_reason) : std::nullopt;
  const int added =
      execute(add_response_, row.prompt_id, digest, row.model_id, row.sampling_id, row.seed, row.sample_index,
              *row.text, token_ids, finish, TextOrNull{row.source_id}, row.import_id, now_ms());
  if (added > 0) return {last_id(), true};
  return {first_integer(find_response_, row.prompt_id, digest, row.model_id, row.sampling_id, row.seed,
                        row.sample_index)
              .value(),
          false};
}

RowId LedgerRows::demonstration(const Demonstration& demonstration, const PromptDetails& details,
                                std::optional<int64_t> annotator_id) {
  const DemonstrationKey key(demonstration);
  if (const auto id = first_integer(find_demonstration_, key.canon)) return {*id, false};
  const bool is_text = demonstration.form == Demonstration::Form::kText;
  const bool is_chat = demonstration.form == Demonstration::Form::kConversation;
  const std::optional<std::string> completion =
      is_chat ? std::nullopt : std::optional(demonstration.completion);
  std::optional<int64_t> prompt_id;
  if (!is_text && (key.asked.is_chat() || !key.asked.text.empty()))
    prompt_id = prompt(key.asked, key.prompt, details).id;
  execute(add_demonstration_, key.canon, key.form, prompt_id, completion, TextOrNull{key.messages_json},
          key.first_supervised, split_of(key.prompt.normal), TextOrNull{details.source},
          TextOrNull{details.source_id}, annotator_id, details.import_id);
  return {last_id(), true};
}

int64_t LedgerRows::annotator(const std::string& handle, const std::string& kind,
                              const std::string& params_json) {
  execute(add_annotator_, handle, kind, params_json, now_ms());
  return first_integer(find_annotator_, handle).value();
}

int64_t LedgerRows::model_by_name(const std::string& name) {
  if (const auto id = first_integer(find_model_, name)) return *id;
  execute(add_model_, name, now_ms());
  return last_id();
}

int64_t LedgerRows::sampling(const SamplingOptions& options, const std::string& engine) {
  const Sha256Digest digest = sampling_hash(options, engine);
  SQLite::Statement add(db_,
                        "INSERT INTO sampling(sha256, temperature, top_k, top_p, min_p, repetition_penalty, "
                        "max_new_tokens, engine) VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING");
  execute(add, digest, options.temperature, options.top_k, options.top_p, options.min_p,
          options.repetition_penalty, options.max_new_tokens, engine);
  SQLite::Statement find(db_, "SELECT id FROM sampling WHERE sha256 = ?");
  return first_integer(find, digest).value();
}

}  // namespace rlhf
