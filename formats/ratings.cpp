// Ratings of one response by one person: {"prompt", "completion", "ratings": {aspect: number, ...}}, beside
// the fields that many data sets share. Where several people rated a response, each is a record.
#include <cmath>

#include "formats/format_list.h"
#include "formats/ranking_fields.h"

namespace rlhf {

using nlohmann::json;

namespace {

constexpr const char* kRatingsField = "ratings";

bool is_ratings(const json& record) {
  return record.contains("completion") && has(record, kRatingsField) && record[kRatingsField].is_object();
}

void read_ratings(const json& record, ReadRecords& into) {
  RatedResponse rated;
  rated.prompt = prompt_of(required(record, "prompt"), field_name("prompt"));
  rated.response = filled(answer_of(required(record, "completion"), rated.prompt, field_name("completion")),
                          field_name("completion"));
  Provenance known = provenance_of(record);
  const json& ratings = required(record, kRatingsField);
  if (!ratings.is_object())
    throw BadRecord(field_name(kRatingsField) + " must be an object, not " + type_in_words(ratings));
  for (const auto& [aspect, value] : ratings.items()) {
    if (value.is_null()) continue;
    known.ratings.push_back({0, aspect, number_of(value, "rating '" + aspect + "'")});
  }
  if (known.ratings.empty()) throw BadRecord(field_name(kRatingsField) + " holds no rating");
  if (const std::string model = text_or_empty(record, "model"); !model.empty())
    known.response_models = {model};
  into.records.push_back({std::move(rated), std::move(known), {}});
}

/// Whole numbers as such: 3, not 3.0.
nlohmann::ordered_json exact_number(double value) {
  if (std::nearbyint(value) == value && std::abs(value) < 1e15) return static_cast<int64_t>(value);
  return value;
}

void write_ratings(const ImportRecord& record, JsonObjects& into) {
  const auto* rated = std::get_if<RatedResponse>(&record.content);
  if (!rated) throw BadRecord("a " + kind_name(record) + " holds no judged response");
  nlohmann::ordered_json line;
  line["prompt"] = prompt_json(rated->prompt);
  line["completion"] = answer_json(rated->prompt, rated->response);
  for (const ResponseRating& rating : record.provenance.ratings)
    line[kRatingsField][rating.aspect] = exact_number(rating.value);
  if (!record.provenance.response_models.empty()) line["model"] = record.provenance.response_models[0];
  write_provenance(record.provenance, line);
  into.push_back(std::move(line));
}

}  // namespace

const Format kRatings = {
    "ratings",
    R"(Ratings of one response by one person: {"prompt", "completion", "ratings": {aspect: number}})",
    FormatKind::kRatings,
    is_ratings,
    read_ratings,
    write_ratings};

}  // namespace rlhf
