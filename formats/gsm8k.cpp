// GSM8K: {"question", "answer"}, and its model solutions {"question", "ground_truth", "<model>": {"solution",
// "is_correct"}}: correct solutions tie in front of the wrong ones
// (https://github.com/openai/grade-school-math).
#include "formats/format_list.h"
#include "formats/ranking_fields.h"

namespace rlhf {

using nlohmann::json;

namespace {

bool is_solution(const json& value) {
  return has(value, "solution") && has(value, "is_correct");
}

bool is_gsm8k(const json& record) {
  return has_text(record, "question") && record.contains("answer");
}

bool is_gsm8k_solutions(const json& record) {
  if (!has_text(record, "question")) return false;
  for (const json& value : record) {
    if (is_solution(value)) return true;
  }
  return false;
}

void read_gsm8k(const json& record, ReadRecords& into) {
  Demonstration demonstration;
  demonstration.form = Demonstration::Form::kConversation;
  demonstration.prompt.messages = {
      {"user", filled(required_text(record, "question"), field_name("question"))},
      {"assistant", filled(required_text(record, "answer"), field_name("answer"))}};
  demonstration.first_supervised_message = 1;
  into.records.push_back({std::move(demonstration), provenance_of(record), {}});
}

void read_gsm8k_solutions(const json& record, ReadRecords& into) {
  RankedResponses ranked{
      {{}, {{"user", filled(required_text(record, "question"), field_name("question"))}}}, {}, {}};
  Provenance known = provenance_of(record);
  std::vector<std::string> names;
  for (const auto& [model, value] : record.items()) {
    if (!is_solution(value)) continue;
    names.push_back("the solution of '" + model + "'");
    if (!value["is_correct"].is_boolean())
      throw BadRecord("is_correct of '" + model + "' must be true or false");
    const bool correct = value["is_correct"].get<bool>();
    known.ratings.push_back({ranked.responses.size(), "correct", correct ? 1.0 : 0.0});
    ranked.responses.push_back(text_of(value["solution"], names.back()));
    ranked.ranks.push_back(correct ? 1 : 2);
    known.response_models.push_back(model);
  }
  into.records.push_back(make_ranking(std::move(ranked), std::move(known), names));
}

}  // namespace

const Format kGsm8k = {
    "gsm8k", R"(GSM8K problems: {"question", "answer"})", FormatKind::kDemonstrations, is_gsm8k, read_gsm8k,
    nullptr};
const Format kGsm8kSolutions = {"gsm8k-solutions",     "GSM8K problems with graded model solutions",
                                FormatKind::kRankings, is_gsm8k_solutions,
                                read_gsm8k_solutions,  nullptr};

}  // namespace rlhf
