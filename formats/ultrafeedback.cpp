// UltraFeedback as published: {"source", "instruction", "completions": [{"model", "response",
// "overall_score", "annotations": {aspect: {"Rating"}}}]} (https://github.com/OpenBMB/UltraFeedback). The
// ranking follows overall_score; the aspects' ratings are kept beside it, because some of the published
// overall scores are known to be wrong. The binarised form is a TRL preference.
#include "formats/format_list.h"
#include "formats/ranking_fields.h"

namespace rlhf {

using nlohmann::json;

namespace {

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
    add_rating(completion["fine-grained_score"], response, "fine-grained", known);
  if (!has(completion, "annotations") || !completion["annotations"].is_object()) return;
  for (const auto& [aspect, annotation] : completion["annotations"].items()) {
    if (has(annotation, "Rating")) add_rating(annotation["Rating"], response, aspect, known);
  }
}

void read_ultrafeedback(const json& record, ReadRecords& into) {
  RankedResponses ranked{{{}, {{"user", required_text(record, "instruction")}}}, {}, {}};
  Provenance known = provenance_of(record);
  known.annotator = "gpt-4";
  std::vector<std::string> names;
  std::vector<double> scores;
  for (const json& completion : required_list(record, "completions")) {
    const std::size_t place = ranked.responses.size();
    names.push_back("completion " + std::to_string(place));
    ranked.responses.push_back(text_of(required(completion, "response"), "the response of " + names.back()));
    scores.push_back(
        number_of(required(completion, "overall_score"), "the overall_score of " + names.back()));
    known.response_models.push_back(text_or_empty(completion, "model"));
    known.ratings.push_back({place, "overall", scores.back()});
    add_ratings(completion, place, known);
  }
  ranked.ranks = ranks_from_scores(scores);
  into.records.push_back(make_ranking(std::move(ranked), std::move(known), names));
}

}  // namespace

const Format kUltraFeedback = {"ultrafeedback",       "UltraFeedback with all completions and their ratings",
                               FormatKind::kRankings, is_ultrafeedback,
                               read_ultrafeedback,    nullptr};

}  // namespace rlhf
