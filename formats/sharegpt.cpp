// ShareGPT: {"conversations": [{"from": "human", "value"}, {"from": "gpt", "value"}]}, with "system" beside
// them in some data sets.
#include <map>

#include "formats/format_list.h"
#include "formats/ranking_fields.h"

namespace rlhf {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

constexpr const char* kConversations = "conversations";

bool is_sharegpt(const json& record) {
  return has_list(record, kConversations);
}

std::string chat_role(const std::string& from) {
  static const std::map<std::string, std::string> kRoles = {
      {"human", "user"},          {"user", "user"},     {"gpt", "assistant"}, {"chatgpt", "assistant"},
      {"assistant", "assistant"}, {"system", "system"}, {"tool", "tool"},
  };
  const auto found = kRoles.find(from);
  if (found == kRoles.end()) throw BadRecord("a turn is from '" + from + "', which is no role of a chat");
  return found->second;
}

void read_sharegpt(const json& record, ReadRecords& into) {
  const json& turns = required_list(record, kConversations);
  if (turns.empty()) throw BadRecord("field 'conversations' is an empty list");
  Demonstration demonstration;
  demonstration.form = Demonstration::Form::kConversation;
  Conversation& messages = demonstration.prompt.messages;
  for (const json& turn : turns) {
    if (has(turn, "role")) {
      messages = messages_of(turns, field_name(kConversations));
      break;
    }
    messages.push_back({chat_role(required_text(turn, "from")), required_text(turn, "value")});
  }
  if (std::string system = text_or_empty(record, "system"); !system.empty() && messages[0].role != "system")
    messages.insert(messages.begin(), {"system", std::move(system)});
  into.records.push_back({std::move(demonstration), provenance_of(record), {}});
}

void write_sharegpt(const ImportRecord& record, JsonObjects& into) {
  const auto* found = std::get_if<Demonstration>(&record.content);
  if (!found || found->form != Demonstration::Form::kConversation) {
    throw BadRecord("a " + kind_name(record) + " of this kind is not a conversation");
  }
  ordered_json turns = ordered_json::array();
  for (const Message& message : found->prompt.messages) {
    chat_role(message.role);  // throws for one that ShareGPT does not know
    const std::string from = message.role == "user"        ? "human"
                             : message.role == "assistant" ? "gpt"
                                                           : message.role;
    turns.push_back({{"from", from}, {"value", message.content}});
  }
  ordered_json line;
  line[kConversations] = std::move(turns);
  write_provenance(record.provenance, line);
  into.push_back(std::move(line));
}

}  // namespace

const Format kShareGpt = {"sharegpt",
                          R"(ShareGPT: {"conversations": [{"from", "value"}]})",
                          FormatKind::kDemonstrations,
                          is_sharegpt,
                          read_sharegpt,
                          write_sharegpt};

}  // namespace rlhf
