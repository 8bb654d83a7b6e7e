// Anthropic HH: {"chosen", "rejected"}, whole dialogues as text. Turns start at exactly "\n\nHuman: " and
// "\n\nAssistant: "; the prompt is what both dialogues share, cut back to the last "\n\nAssistant: "
// (https://github.com/anthropics/hh-rlhf, arXiv 2204.05862).
#include <algorithm>
#include <array>
#include <string_view>

#include "formats/format_list.h"
#include "formats/pair_fields.h"

namespace rlhf {

using nlohmann::json;

namespace {

constexpr std::string_view kHuman = "\n\nHuman: ";
constexpr std::string_view kAssistant = "\n\nAssistant: ";

bool is_dialogue(const json& record, const char* field) {
  return has_text(record, field) && record[field].get_ref<const std::string&>().starts_with(kHuman);
}

bool is_hh(const json& record) {
  return !has(record, "prompt") && is_dialogue(record, "chosen") && is_dialogue(record, "rejected");
}

Conversation turns_of(std::string_view text) {
  Conversation turns;
  std::size_t at = 0;
  while (at < text.size()) {
    const bool human = text.substr(at).starts_with(kHuman);
    const std::size_t start = at + (human ? kHuman : kAssistant).size();
    const std::size_t end = std::min({text.find(kHuman, start), text.find(kAssistant, start), text.size()});
    turns.push_back({human ? "user" : "assistant", std::string(text.substr(start, end - start))});
    at = end;
  }
  return turns;
}

void read_hh(const json& record, ReadRecords& into) {
  const std::string chosen = required_text(record, "chosen");
  const std::string rejected = required_text(record, "rejected");
  for (const auto& [text, name] : {std::pair{&chosen, "chosen"}, std::pair{&rejected, "rejected"}}) {
    if (!text->starts_with(kHuman))
      throw BadRecord(field_name(name) + " does not start with \"\\n\\nHuman: \"");
  }
  if (chosen == rejected) throw BadRecord("fields 'chosen' and 'rejected' are identical");
  const auto [end, other] = std::mismatch(chosen.begin(), chosen.end(), rejected.begin(), rejected.end());
  const std::string_view shared(chosen.data(), static_cast<std::size_t>(end - chosen.begin()));
  const std::size_t answer = shared.rfind(kAssistant);
  if (answer == std::string_view::npos) {
    throw BadRecord(
        "fields 'chosen' and 'rejected' differ before the first \"\\n\\nAssistant: \": there is no prompt");
  }
  const std::size_t border = answer + kAssistant.size();
  const Prompt prompt{{}, turns_of(shared.substr(0, answer))};
  into.records.push_back(pair_record({prompt, {chosen.substr(border), rejected.substr(border)}, {}}, record));
}

std::string dialogue(const Ranking& ranking, std::size_t response) {
  if (!ranking.prompt.is_chat() || ranking.prompt.messages[0].role != "user") {
    throw BadRecord("the prompt is not a dialogue that the user begins");
  }
  std::string text;
  for (const Message& turn : ranking.prompt.messages) {
    if (turn.role != "user" && turn.role != "assistant")
      throw BadRecord("a turn of '" + turn.role + "' has no place in HH");
    text += (turn.role == "user" ? kHuman : kAssistant);
    text += turn.content;
  }
  return text.append(kAssistant).append(ranking.responses[response]);
}

/// False when a turn or an answer holds the words that begin turns: HH would read another dialogue.
bool reads_back(const nlohmann::ordered_json& line, const Prompt& prompt, const std::string& better) {
  ReadRecords read;
  read_hh(line, read);
  const Ranking& ranking = ranking_in(read.records.at(0));
  return ranking.prompt == prompt && ranking.responses[0] == better;
}

void write_hh(const ImportRecord& record, JsonObjects& into) {
  const Ranking& ranking = ranking_in(record);
  for (const auto& pair : pairs_to_write(record)) {
    nlohmann::ordered_json line;
    line["chosen"] = dialogue(ranking, pair.first);
    line["rejected"] = dialogue(ranking, pair.second);
    if (!reads_back(line, ranking.prompt, ranking.responses[pair.first]))
      throw BadRecord("a text holds \"\\n\\nHuman: \" or \"\\n\\nAssistant: \", which begins a turn in HH");
    write_pair_provenance(record, pair, line);
    into.push_back(std::move(line));
  }
}

}  // namespace

const Format kAnthropicHh = {
    "hh",    R"(Anthropic HH dialogues: {"chosen", "rejected"})", FormatKind::kRankings, is_hh, read_hh,
    write_hh};

}  // namespace rlhf
