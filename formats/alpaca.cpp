// The Alpaca family: demonstrations {"instruction", "input", "output"}, also AlpacaEval's model outputs, with
// "generator" (https://github.com/tatsu-lab/stanford_alpaca). "system" and "history", [[question, answer],
// ...], are what LLaMA-Factory adds.
#include "formats/format_list.h"
#include "formats/ranking_fields.h"

namespace rlhf {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

bool is_alpaca(const json& record) {
  return record.contains("instruction") && record.contains("output");
}

/// The turns that come before the instruction.
Conversation history_of(const json& record) {
  Conversation turns;
  if (std::string system = text_or_empty(record, "system"); !system.empty())
    turns.push_back({"system", std::move(system)});
  if (!has(record, "history")) return turns;
  for (const json& exchange : required_list(record, "history")) {
    if (!exchange.is_array() || exchange.size() != 2)
      throw BadRecord("field 'history' must hold [question, answer] each");
    turns.push_back({"user", text_of(exchange[0], "a question of field 'history'")});
    turns.push_back({"assistant", text_of(exchange[1], "an answer of field 'history'")});
  }
  return turns;
}

void read_alpaca(const json& record, ReadRecords& into) {
  Demonstration demonstration;
  demonstration.form = Demonstration::Form::kConversation;
  Conversation& turns = demonstration.prompt.messages;
  turns = history_of(record);
  turns.push_back({"user", alpaca_instruction(record)});
  demonstration.first_supervised_message = turns.size();
  turns.push_back({"assistant", filled(required_text(record, "output"), field_name("output"))});
  Provenance known = provenance_of(record);
  if (known.source.empty()) known.source = text_or_empty(record, "dataset");
  if (const std::string model = text_or_empty(record, "generator"); !model.empty())
    known.response_models = {model};
  into.records.push_back({std::move(demonstration), std::move(known), {}});
}

void write_alpaca(const ImportRecord& record, JsonObjects& into) {
  const auto* found = std::get_if<Demonstration>(&record.content);
  Conversation turns = found ? found->prompt.messages : Conversation{};
  std::string system;
  if (!turns.empty() && turns[0].role == "system") {
    system = std::move(turns[0].content);
    turns.erase(turns.begin());
  }
  ordered_json history = ordered_json::array();
  bool alternates = !turns.empty() && turns.size() % 2 == 0;
  for (std::size_t i = 0; alternates && i < turns.size(); i += 2) {
    alternates = turns[i].role == "user" && turns[i + 1].role == "assistant";
    if (i + 2 < turns.size()) history.push_back({turns[i].content, turns[i + 1].content});
  }
  if (!alternates)
    throw BadRecord("a " + kind_name(record) + " of this kind is no instruction and its answer");
  ordered_json line;
  line["instruction"] = turns[turns.size() - 2].content;
  line["input"] = "";
  line["output"] = turns.back().content;
  if (!system.empty()) line["system"] = system;
  if (!history.empty()) line["history"] = std::move(history);
  if (!record.provenance.response_models.empty()) line["generator"] = record.provenance.response_models[0];
  write_provenance(record.provenance, line);
  into.push_back(std::move(line));
}

}  // namespace

const Format kAlpaca = {"alpaca",
                        R"(Alpaca demonstrations: {"instruction", "input", "output"})",
                        FormatKind::kDemonstrations,
                        is_alpaca,
                        read_alpaca,
                        write_alpaca};

}  // namespace rlhf
