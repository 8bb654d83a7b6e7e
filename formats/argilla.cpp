// Records of Argilla 2: {"id", "fields": {...}, "responses": {question: [{"value", "user_id", "status"}]}}. A
// ranking question's value is [{"value": option, "rank": n}], 1 = best, best first where ranks are absent.
// The prompt is the field "prompt" (or "instruction"); an option names the field that holds its response, as
// "response-1" or "Response 1". (https://docs.argilla.io). Each submitted response to a ranking question is a
// ranking.
#include <algorithm>
#include <cctype>

#include "formats/format_list.h"
#include "formats/ranking_fields.h"

namespace rlhf {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

bool is_argilla(const json& record) {
  return has(record, "fields") && record["fields"].is_object() && record.contains("responses");
}

std::string letters_and_digits(const std::string& name) {
  std::string kept;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)))
      kept += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return kept;
}

/// The text of the field an option names.
std::string response_of(const json& fields, const std::string& option) {
  for (const auto& [name, value] : fields.items()) {
    if (letters_and_digits(name) == letters_and_digits(option)) return text_of(value, field_name(name));
  }
  throw BadRecord("the ranking names '" + option + "', and no field is called so");
}

bool is_ranking_value(const json& value) {
  return value.is_array() && !value.empty() && value[0].is_object() && value[0].contains("value");
}

ImportRecord read_value(const json& fields, const json& value, Provenance known) {
  const char* prompt_field = has(fields, "prompt") ? "prompt" : "instruction";
  RankedResponses ranked{prompt_of(required(fields, prompt_field), field_name(prompt_field)), {}, {}};
  std::vector<std::string> names;
  int place = 1;
  for (const json& entry : value) {
    const std::string option = required_text(entry, "value");
    names.push_back("response '" + option + "'");
    ranked.responses.push_back(response_of(fields, option));
    ranked.ranks.push_back(has(entry, "rank") ? integer_of(entry["rank"], "the rank of " + names.back())
                                              : place);
    known.response_ids.push_back(option);
    ++place;
  }
  return make_ranking(std::move(ranked), std::move(known), names);
}

void read_answer(const json& fields, const json& answer, const Provenance& shared, ReadRecords& into) {
  if (!has(answer, "value") || !is_ranking_value(answer["value"])) return;
  Provenance known = shared;
  known.annotator = text_or_empty(answer, "user_id");
  try {
    const std::string status = text_or_empty(answer, "status");
    if (!status.empty() && status != "submitted")
      throw BadRecord("its status is '" + status + "', not submitted");
    into.records.push_back(read_value(fields, answer["value"], std::move(known)));
  } catch (const BadRecord& problem) {
    into.rejected.push_back("the response of user '" + text_or_empty(answer, "user_id") +
                            "': " + problem.what());
  }
}

void read_argilla(const json& record, ReadRecords& into) {
  const json& fields = required(record, "fields");
  const json& responses = required(record, "responses");
  if (!fields.is_object()) throw BadRecord("field 'fields' must be an object, not " + type_in_words(fields));
  if (!responses.is_object())
    throw BadRecord("field 'responses' must be an object, not " + type_in_words(responses));
  Provenance shared;
  shared.source_id = text_or_empty(record, "id");
  const std::size_t before = into.records.size() + into.rejected.size();
  for (const auto& [question, answers] : responses.items()) {
    if (!answers.is_array()) continue;
    for (const json& answer : answers) read_answer(fields, answer, shared, into);
  }
  if (into.records.size() + into.rejected.size() == before)
    throw BadRecord("no question of the record holds a ranking");
}

void write_argilla(const ImportRecord& record, JsonObjects& into) {
  const Ranking& ranking = ranking_in(record);
  ordered_json fields = {{"prompt", prompt_json(ranking.prompt)}};
  ordered_json value = ordered_json::array();
  for (std::size_t i = 0; i < ranking.responses.size(); ++i) {
    const std::string name = "response-" + std::to_string(i + 1);
    fields[name] = ranking.responses[i];
    value.push_back({{"value", name}, {"rank", ranking.ranks[i]}});
  }
  std::stable_sort(value.begin(), value.end(),
                   [](const auto& a, const auto& b) { return a["rank"] < b["rank"]; });
  ordered_json answer = {{"value", std::move(value)}};
  if (!record.provenance.annotator.empty()) answer["user_id"] = record.provenance.annotator;
  ordered_json line;
  if (!record.provenance.source_id.empty()) line["id"] = record.provenance.source_id;
  line["fields"] = std::move(fields);
  line["metadata"] = ordered_json::object();
  line["suggestions"] = ordered_json::object();
  line["responses"] = {{"ranking", ordered_json::array({std::move(answer)})}};
  into.push_back(std::move(line));
}

}  // namespace

const Format kArgilla = {"argilla",
                         "Argilla 2 records with a ranking question",
                         FormatKind::kRankings,
                         is_argilla,
                         read_argilla,
                         write_argilla};

}  // namespace rlhf
