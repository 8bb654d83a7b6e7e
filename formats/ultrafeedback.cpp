// UltraFeedback as published: {"source", "instruction", "completions": [{"model", "response",
// "overall_score", "annotations": {aspect: {"Rating"}}}]} (https://github.com/OpenBMB/UltraFeedback). The
// ranking follows overall_score; the aspects' ratings are kept beside it, because some of the published
// overall scores are known to be wrong. The binarised form is a TRL preference.
#include <cmath>
#include <map>

#include "formats/format_list.h"
#include "formats/ranking_fields.h"

namespace rlhf {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

constexpr const char* kOverall = "overall";
constexpr const char* kFineGrained = "fine-grained";

bool is_ultrafeedback(const json& record) {
  return has(record, "instruction") && has_list(record, "completions");
}

/// Ratings are texts there, "N/A" among them.
void add_rating(const json& value, std::size_t response, const std::string& aspect, Provenance& known) {
  try {
    known.ratings.push_back({response, aspect, number_of(value, aspect)});
  } catch (const BadRecord&) {
    // Not a number: the aspect was not rated.
  }
}

void add_ratings(const json& completion, std::size_t response, Provenance& known) {
  if (has(completion, "fine-grained_score"))
    add_rating(completion["fine-grained_score"], response, kFineGrained, known);
  if (!has(completion, "annotations") || !completion["annotations"].is_object()) return;
  for (const auto& [aspect, annotation] : completion["annotations"].items()) {
    if (has(annotation, "Rating")) add_rating(annotation["Rating"], response, aspect, known);
  }
}

void read_ultrafeedback(const json& record, ReadRecords& into) {
  RankedResponses ranked{{{}, {{"user", required_text(record, "instruction")}}}, {}, {}};
  Provenance known = provenance_of(record);
  if (known.annotator.empty()) known.annotator = "gpt-4";
  std::vector<std::string> names;
  std::vector<double> scores;
  for (const json& completion : required_list(record, "completions")) {
    const std::size_t place = ranked.responses.size();
    names.push_back("completion " + std::to_string(place));
    ranked.responses.push_back(text_of(required(completion, "response"), "the response of " + names.back()));
    scores.push_back(
        number_of(required(completion, "overall_score"), "the overall_score of " + names.back()));
    known.response_models.push_back(text_or_empty(completion, "model"));
    known.ratings.push_back({place, kOverall, scores.back()});
    add_ratings(completion, place, known);
  }
  ranked.ranks = ranks_from_scores(scores);
  into.records.push_back(make_ranking(std::move(ranked), std::move(known), names));
}

/// A number as UltraFeedback has it: whole ones without a point.
json number_json(double value) {
  constexpr double kLargest = 1e15;
  if (std::abs(value) > kLargest || value != std::floor(value)) return value;
  return static_cast<int64_t>(value);
}

/// Appends the overall score to `scores`. Throws BadRecord when there is none.
ordered_json completion_json(const ImportRecord& record, std::size_t i, std::vector<double>& scores) {
  std::map<std::string, double> ratings;
  for (const ResponseRating& rating : record.provenance.ratings) {
    if (rating.response == i) ratings.emplace(rating.aspect, rating.value);
  }
  const auto overall = ratings.extract(kOverall), fine_grained = ratings.extract(kFineGrained);
  if (!overall) throw BadRecord("a response has no overall score");
  scores.push_back(overall.mapped());
  ordered_json completion;
  if (const std::string model = model_of(record.provenance, i); !model.empty()) completion["model"] = model;
  completion["response"] = ranking_in(record).responses[i];
  completion["annotations"] = ordered_json::object();
  for (const auto& [aspect, value] : ratings)
    completion["annotations"][aspect] = {{"Rating", number_json(value).dump()}};
  completion["overall_score"] = number_json(overall.mapped());
  if (fine_grained) completion["fine-grained_score"] = number_json(fine_grained.mapped());
  return completion;
}

void write_ultrafeedback(const ImportRecord& record, JsonObjects& into) {
  const Ranking& ranking = ranking_in(record);
  ordered_json line = {{"instruction", instruction_in(ranking.prompt)},
                       {"models", ordered_json::array()},
                       {"completions", ordered_json::array()}};
  std::vector<double> scores;
  for (std::size_t i = 0; i < ranking.responses.size(); ++i) {
    line["models"].push_back(model_of(record.provenance, i));
    line["completions"].push_back(completion_json(record, i, scores));
  }
  if (ranks_from_scores(scores) != ranking.ranks)
    throw BadRecord("the overall scores say another order than the ranks");
  write_provenance(record.provenance, line);
  into.push_back(std::move(line));
}

}  // namespace

const Format kUltraFeedback = {"ultrafeedback",       "UltraFeedback with all completions and their ratings",
                               FormatKind::kRankings, is_ultrafeedback,
                               read_ultrafeedback,    write_ultrafeedback};

}  // namespace rlhf
