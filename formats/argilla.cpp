// Records of Argilla 2 as its SDK writes them (https://docs.argilla.io): {"id", "fields": {...}, "metadata",
// "responses": {question: [{"value", "user_id", "status"}]}}, or flat, as on the Hugging Face hub: the fields
// themselves, "question.responses": [value, ...], "question.responses.users", "question.responses.status".
// A ranking question's value is [{"value": option, "rank": n}], 1 = best, or the options alone, best first.
// The prompt is the field "prompt" (or "instruction"); an option names the field that holds its response, as
// "response-1" or "Response 1". Each submitted response to a ranking question is a ranking.
#include <algorithm>
#include <cctype>
#include <string_view>
#include <utility>

#include "contract/sha256.h"
#include "formats/format_list.h"
#include "formats/ranking_fields.h"

namespace rlhf {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

constexpr std::string_view kResponses = ".responses";

/// A user that is not known: the SDK wants one.
constexpr const char* kNobody = "00000000-0000-0000-0000-000000000000";

/// The first question of a flat record; empty when there is none.
std::string flat_question(const json& record) {
  for (const auto& [name, value] : record.items()) {
    if (name.ends_with(kResponses) && value.is_array())
      return name.substr(0, name.size() - kResponses.size());
  }
  return {};
}

bool is_argilla(const json& record) {
  const bool nested = has(record, "fields") && record["fields"].is_object() && record.contains("responses");
  return nested || !flat_question(record).empty();
}

json entry_or_null(const json& record, const std::string& list, std::size_t i) {
  const bool there = has_list(record, list.c_str()) && i < record[list].size();
  return there ? record[list][i] : json();
}

/// The nested form of a flat record. Its metadata stand among the fields.
json nested(const json& record) {
  json answers = json::object();
  for (const auto& [name, values] : record.items()) {
    if (!name.ends_with(kResponses) || !values.is_array()) continue;
    json& list = answers[name.substr(0, name.size() - kResponses.size())] = json::array();
    for (std::size_t i = 0; i < values.size(); ++i) {
      list.push_back({{"value", values[i]},
                      {"user_id", entry_or_null(record, name + ".users", i)},
                      {"status", entry_or_null(record, name + ".status", i)}});
    }
  }
  return {{"id", has(record, "id") ? record["id"] : json()},
          {"fields", record},
          {"metadata", record},
          {"responses", std::move(answers)}};
}

std::string letters_and_digits(const std::string& name) {
  std::string kept;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)))
      kept += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return kept;
}

/// The field an option names; end() when there is none.
json::const_iterator find_field(const json& fields, const std::string& option) {
  if (const auto found = fields.find(option); found != fields.end()) return found;
  const std::string wanted = letters_and_digits(option);
  for (auto field = fields.begin(); field != fields.end(); ++field) {
    if (letters_and_digits(field.key()) == wanted) return field;
  }
  return fields.end();
}

/// [{"value", "rank"}], or a list of options, each of which names a field: several labels look alike.
bool is_ranking_value(const json& fields, const json& value) {
  if (!value.is_array() || value.empty()) return false;
  if (value[0].is_object()) return value[0].contains("value");
  return std::all_of(value.begin(), value.end(), [&](const json& option) {
    return option.is_string() && find_field(fields, option.get_ref<const std::string&>()) != fields.end();
  });
}

struct RankedField {
  std::string name, text;
  int rank = 0;
};

/// In the order in which they were shown, which is that of their names: response-2 before response-10.
std::vector<RankedField> ranked_fields(const json& fields, const json& value) {
  std::vector<RankedField> ranked;
  for (const json& entry : value) {
    const std::string option = entry.is_string() ? entry.get<std::string>() : required_text(entry, "value");
    const auto field = find_field(fields, option);
    if (field == fields.end())
      throw BadRecord("the ranking names '" + option + "', and no field is called so");
    const int place = static_cast<int>(ranked.size()) + 1;
    const int rank = has(entry, "rank") ? integer_of(entry["rank"], "the rank of '" + option + "'") : place;
    ranked.push_back({field.key(), text_of(*field, field_name(field.key())), rank});
  }
  std::sort(ranked.begin(), ranked.end(), [](const RankedField& a, const RankedField& b) {
    return std::pair(a.name.size(), a.name) < std::pair(b.name.size(), b.name);
  });
  return ranked;
}

ImportRecord read_value(const json& fields, const json& value, Provenance known) {
  const char* prompt_field = has(fields, "prompt") ? "prompt" : "instruction";
  RankedResponses ranked{prompt_of(required(fields, prompt_field), field_name(prompt_field)), {}, {}};
  std::vector<std::string> names;
  for (RankedField& field : ranked_fields(fields, value)) {
    names.push_back("response '" + field.name + "'");
    ranked.responses.push_back(std::move(field.text));
    ranked.ranks.push_back(field.rank);
    known.response_ids.push_back(std::move(field.name));
  }
  return make_ranking(std::move(ranked), std::move(known), names);
}

bool is_uuid(const std::string& text) {
  constexpr std::string_view kShape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  return text.size() == kShape.size() &&
         std::equal(text.begin(), text.end(), kShape.begin(), [](char c, char shape) {
           return shape == '-' ? c == '-' : std::isxdigit(static_cast<unsigned char>(c)) != 0;
         });
}

/// The SDK takes a UUID for a user and nothing else: one is made of any other name, which metadata keep.
std::string user_id_of(const std::string& annotator) {
  if (annotator.empty()) return kNobody;
  if (is_uuid(annotator)) return annotator;
  const std::string hex = sha256_hex("annotator\n" + annotator);
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-8" + hex.substr(13, 3) + "-8" + hex.substr(17, 3) +
         "-" + hex.substr(20, 12);
}

void read_answer(const json& fields, const json& answer, const Provenance& shared, ReadRecords& into) {
  if (!has(answer, "value") || !is_ranking_value(fields, answer["value"])) return;
  Provenance known = shared;
  const std::string user = text_or_empty(answer, "user_id");
  if (!user.empty() && user != user_id_of(known.annotator)) known.annotator = user;
  try {
    const std::string status = text_or_empty(answer, "status");
    if (!status.empty() && status != "submitted")
      throw BadRecord("its status is '" + status + "', not submitted");
    into.records.push_back(read_value(fields, answer["value"], std::move(known)));
  } catch (const BadRecord& problem) {
    into.rejected.push_back("the response of user '" + user + "': " + problem.what());
  }
}

void read_nested(const json& record, ReadRecords& into) {
  const json& fields = required(record, "fields");
  const json& responses = required(record, "responses");
  if (!fields.is_object()) throw BadRecord("field 'fields' must be an object, not " + type_in_words(fields));
  if (!responses.is_object())
    throw BadRecord("field 'responses' must be an object, not " + type_in_words(responses));
  Provenance shared;
  if (has(record, "metadata") && record["metadata"].is_object()) shared = provenance_of(record["metadata"]);
  shared.source_id = text_or_empty(record, "id");
  const std::size_t before = into.records.size() + into.rejected.size();
  for (const auto& [question, answers] : responses.items()) {
    if (!answers.is_array()) continue;
    for (const json& answer : answers) read_answer(fields, answer, shared, into);
  }
  if (into.records.size() + into.rejected.size() == before)
    throw BadRecord("no question of the record holds a ranking");
}

void read_argilla(const json& record, ReadRecords& into) {
  const bool is_flat = !has(record, "fields") && !flat_question(record).empty();
  read_nested(is_flat ? nested(record) : record, into);
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
  Provenance rest = record.provenance;  // for the metadata
  const std::string id = std::exchange(rest.source_id, {});
  ordered_json answer = {
      {"value", std::move(value)}, {"user_id", user_id_of(rest.annotator)}, {"status", "submitted"}};
  if (is_uuid(rest.annotator)) rest.annotator.clear();
  ordered_json metadata = ordered_json::object();
  write_provenance(rest, metadata);
  ordered_json line;
  if (!id.empty()) line["id"] = id;
  line["fields"] = std::move(fields);
  line["metadata"] = std::move(metadata);
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
