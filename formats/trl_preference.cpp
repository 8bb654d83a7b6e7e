// TRL's preference types, explicit {"prompt", "chosen", "rejected"} and implicit {"chosen", "rejected"}, each
// as text or as messages, with the optional column "margin"
// (https://huggingface.co/docs/trl/dataset_formats).
#include <algorithm>
#include <array>
#include <string_view>

#include "formats/format_list.h"
#include "formats/pair_fields.h"
#include "formats/utf8.h"

namespace rlhf {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

bool is_preference(const json& record) {
  return record.contains("chosen") || record.contains("rejected");
}
/// A pair whose prompt stands in a column of another name is not one without a prompt: --columns tells it.
bool is_implicit(const json& record) {
  constexpr std::array kPrompts = {"prompt", "question", "instruction", "input", "query", "system"};
  return is_preference(record) && std::none_of(kPrompts.begin(), kPrompts.end(),
                                               [&](const char* name) { return record.contains(name); });
}
bool is_explicit(const json& record) {
  return is_preference(record) && record.contains("prompt");
}

/// Bytes that both texts share at their start, ending between characters. As in TRL, a space at the end of
/// the shared part goes to the completions. Where that would leave one completion empty (one text begins with
/// the other), the shared part ends before its last word, so that both completions say something.
std::size_t shared_prompt_bytes(std::string_view a, std::string_view b) {
  const auto [end_a, end_b] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  auto shared = static_cast<std::size_t>(end_a - a.begin());
  const auto inside_character = [](std::string_view text, std::size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
  };
  while (shared > 0 && (inside_character(a, shared) || inside_character(b, shared))) --shared;
  if (shared > 0 && a[shared - 1] == ' ') --shared;
  if (is_blank(a.substr(shared)) || is_blank(b.substr(shared))) {
    const std::size_t last_word = a.substr(0, shared).find_last_not_of(" \t\n");
    const std::size_t space =
        last_word == std::string_view::npos ? last_word : a.find_last_of(" \t\n", last_word);
    shared = space == std::string_view::npos ? 0 : space;
  }
  return shared;
}

void read_implicit_text(const json& record, ReadRecords& into) {
  const std::string chosen = filled(required_text(record, "chosen"), field_name("chosen"));
  const std::string rejected = filled(required_text(record, "rejected"), field_name("rejected"));
  const std::size_t shared = chosen == rejected ? 0 : shared_prompt_bytes(chosen, rejected);
  into.records.push_back(pair_record(
      {{chosen.substr(0, shared), {}}, {chosen.substr(shared), rejected.substr(shared)}, {}}, record));
}

/// The prompt is the longest run of whole turns both conversations share; one answer is left of each.
void read_implicit_messages(const json& record, ReadRecords& into) {
  const Conversation chosen = messages_of(required(record, "chosen"), field_name("chosen"));
  const Conversation rejected = messages_of(required(record, "rejected"), field_name("rejected"));
  if (chosen == rejected) throw BadRecord("fields 'chosen' and 'rejected' are identical");
  const auto [end, other] = std::mismatch(chosen.begin(), chosen.end(), rejected.begin(), rejected.end());
  const Prompt prompt{{}, {chosen.begin(), end}};
  if (!prompt.is_chat())
    throw BadRecord("fields 'chosen' and 'rejected' share no first message: there is no prompt");
  into.records.push_back(pair_record({prompt,
                                      {answer_of(record["chosen"], prompt, field_name("chosen")),
                                       answer_of(record["rejected"], prompt, field_name("rejected"))},
                                      {}},
                                     record));
}

void read_implicit(const json& record, ReadRecords& into) {
  const json& rejected = required(record, "rejected");
  if (required(record, "chosen").is_array() || rejected.is_array()) {
    read_implicit_messages(record, into);
  } else {
    read_implicit_text(record, into);
  }
}

void read_explicit(const json& record, ReadRecords& into) {
  Prompt prompt = prompt_of(required(record, "prompt"), field_name("prompt"));
  const json& chosen = required(record, "chosen");
  const json& rejected = required(record, "rejected");
  // A plain prompt beside whole conversations is a copy of their first turn (UltraFeedback binarised and its
  // like).
  if (!prompt.is_chat() && chosen.is_array() && rejected.is_array())
    return read_implicit_messages(record, into);
  std::string better = answer_of(chosen, prompt, field_name("chosen"));
  std::string worse = answer_of(rejected, prompt, field_name("rejected"));
  into.records.push_back(pair_record({std::move(prompt), {std::move(better), std::move(worse)}, {}}, record));
}

void write_explicit(const ImportRecord& record, JsonObjects& into) {
  const Ranking& ranking = ranking_in(record);
  for (const auto& pair : pairs_to_write(record)) {
    ordered_json line;
    line["prompt"] = prompt_json(ranking.prompt);
    line["chosen"] = answer_json(ranking.prompt, ranking.responses[pair.first]);
    line["rejected"] = answer_json(ranking.prompt, ranking.responses[pair.second]);
    write_pair_provenance(record, pair, line);
    into.push_back(std::move(line));
  }
}

ordered_json whole(const Prompt& prompt, const std::string& answer) {
  if (!prompt.is_chat()) return prompt.text + answer;
  ordered_json messages = messages_json(prompt.messages);
  messages.push_back({{"role", "assistant"}, {"content", answer}});
  return messages;
}

void write_implicit(const ImportRecord& record, JsonObjects& into) {
  const Ranking& ranking = ranking_in(record);
  for (const auto& pair : pairs_to_write(record)) {
    ordered_json line;
    line["chosen"] = whole(ranking.prompt, ranking.responses[pair.first]);
    line["rejected"] = whole(ranking.prompt, ranking.responses[pair.second]);
    write_pair_provenance(record, pair, line);
    into.push_back(std::move(line));
  }
}

}  // namespace

const Format kTrlPreference = {
    "trl-preference",      R"(TRL preference: {"prompt", "chosen", "rejected"}, texts or messages)",
    FormatKind::kRankings, is_explicit,
    read_explicit,         write_explicit};
const Format kTrlPreferenceImplicit = {
    "trl-preference-implicit",
    R"(TRL preference, the prompt being what both share: {"chosen", "rejected"})",
    FormatKind::kRankings,
    is_implicit,
    read_implicit,
    write_implicit};

}  // namespace rlhf
