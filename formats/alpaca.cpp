// The Alpaca family: demonstrations {"instruction", "input", "output"} (also AlpacaEval's model outputs, with
// "generator"), and AlpacaEval's annotations {"instruction", "output_1", "output_2", "preference"},
// preference running from 1 (the first is better) to 2 (the second is), 1.5 being a tie
// (https://github.com/tatsu-lab/alpaca_eval).
#include "formats/format_list.h"
#include "formats/ranking_fields.h"

namespace rlhf {

using nlohmann::json;

namespace {

bool is_alpaca(const json& record) {
  return record.contains("instruction") && record.contains("output");
}
bool is_alpaca_eval(const json& record) {
  return record.contains("instruction") && record.contains("output_1");
}

Conversation instruction_of(const json& record) {
  std::string text = required_text(record, "instruction");
  if (const std::string input = text_or_empty(record, "input"); !input.empty()) text += "\n\n" + input;
  return {{"user", filled(std::move(text), field_name("instruction"))}};
}

void read_alpaca(const json& record, ReadRecords& into) {
  Demonstration demonstration;
  demonstration.form = Demonstration::Form::kConversation;
  demonstration.prompt.messages = instruction_of(record);
  demonstration.prompt.messages.push_back(
      {"assistant", filled(required_text(record, "output"), field_name("output"))});
  demonstration.first_supervised_message = 1;
  Provenance known = provenance_of(record);
  if (known.source.empty()) known.source = text_or_empty(record, "dataset");
  if (const std::string model = text_or_empty(record, "generator"); !model.empty())
    known.response_models = {model};
  into.records.push_back({std::move(demonstration), std::move(known), {}});
}

void write_alpaca(const ImportRecord& record, JsonObjects& into) {
  const auto* found = std::get_if<Demonstration>(&record.content);
  const Conversation turns = found ? found->prompt.messages : Conversation{};
  if (turns.size() != 2 || turns[0].role != "user" || turns[1].role != "assistant") {
    throw BadRecord("a " + kind_name(record) + " of this kind is not one instruction and its answer");
  }
  nlohmann::ordered_json line;
  line["instruction"] = turns[0].content;
  line["input"] = "";
  line["output"] = turns[1].content;
  if (!record.provenance.response_models.empty()) line["generator"] = record.provenance.response_models[0];
  write_provenance(record.provenance, line);
  into.push_back(std::move(line));
}

void read_alpaca_eval(const json& record, ReadRecords& into) {
  const double preference = required_number(record, "preference");
  if (preference != 0 && (preference < 1 || preference > 2)) {
    throw BadRecord("field 'preference' is " + record["preference"].dump() + ", not between 1 and 2");
  }
  std::vector<int> ranks = {1, 1};
  if (preference != 0 && preference < 1.5) ranks = {1, 2};
  if (preference > 1.5) ranks = {2, 1};
  Provenance known = provenance_of(record);
  if (known.source.empty()) known.source = text_or_empty(record, "dataset");
  known.response_models = {text_or_empty(record, "generator_1"), text_or_empty(record, "generator_2")};
  known.ratings = {{0, "preference for the second", preference}};
  RankedResponses ranked{{{}, instruction_of(record)},
                         {required_text(record, "output_1"), required_text(record, "output_2")},
                         std::move(ranks)};
  into.records.push_back(
      make_ranking(std::move(ranked), std::move(known), {field_name("output_1"), field_name("output_2")}));
}

}  // namespace

const Format kAlpaca = {"alpaca",
                        R"(Alpaca demonstrations: {"instruction", "input", "output"})",
                        FormatKind::kDemonstrations,
                        is_alpaca,
                        read_alpaca,
                        write_alpaca};
const Format kAlpacaEval = {"alpaca-eval",         "AlpacaEval annotations of two outputs",
                            FormatKind::kRankings, is_alpaca_eval,
                            read_alpaca_eval,      nullptr};

}  // namespace rlhf
