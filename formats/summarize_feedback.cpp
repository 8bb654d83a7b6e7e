// OpenAI's summarize-from-feedback: comparisons {"info", "summaries": [{"text", "policy"}, ...], "choice",
// "worker"} and axis ratings {"info", "summary": {"text", "policy", "axes"}, "worker"}. The prompt is the
// text the paper's models saw (https://github.com/openai/summarize-from-feedback, arXiv 2009.01325).
#include "formats/format_list.h"
#include "formats/ranking_fields.h"

namespace rlhf {

using nlohmann::json;

namespace {

bool is_summarize_feedback(const json& record) {
  return has(record, "info") && record["info"].is_object() &&
         (has_list(record, "summaries") || (has(record, "summary") && record["summary"].is_object()));
}

Prompt post_prompt(const json& info) {
  if (has(info, "article")) return {"Article:\n\n" + required_text(info, "article") + "\n\nTL;DR:", {}};
  return {"SUBREDDIT: r/" + text_or_empty(info, "subreddit") + "\n\nTITLE: " + text_or_empty(info, "title") +
              "\n\nPOST: " + required_text(info, "post") + "\n\nTL;DR:",
          {}};
}

Provenance task_provenance(const json& record) {
  Provenance known;
  known.source = "summarize-from-feedback";
  known.source_id = text_or_empty(record["info"], "id");
  known.split = text_or_empty(record, "split");
  known.annotator = text_or_empty(record, "worker");
  if (has(record, "extra")) known.confidence = number_if_present(record["extra"], "confidence");
  return known;
}

void read_comparison(const json& record, ReadRecords& into) {
  const json& summaries = required_list(record, "summaries");
  const int choice = integer_of(required(record, "choice"), field_name("choice"));
  if (choice < 0 || static_cast<std::size_t>(choice) >= summaries.size()) {
    throw BadRecord("field 'choice' is " + std::to_string(choice) + ", there are " +
                    std::to_string(summaries.size()) + " summaries (the first is 0)");
  }
  RankedResponses ranked{post_prompt(record["info"]), {}, {}};
  Provenance known = task_provenance(record);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < summaries.size(); ++i) {
    names.push_back("summary " + std::to_string(i));
    ranked.responses.push_back(text_of(required(summaries[i], "text"), "the text of " + names.back()));
    ranked.ranks.push_back(i == static_cast<std::size_t>(choice) ? 1 : 2);
    known.response_models.push_back(text_or_empty(summaries[i], "policy"));
  }
  into.records.push_back(make_ranking(std::move(ranked), std::move(known), names));
}

void read_axes(const json& record, ReadRecords& into) {
  const json& summary = required(record, "summary");
  RatedResponse rated{post_prompt(record["info"]), filled(required_text(summary, "text"), "the summary")};
  Provenance known = task_provenance(record);
  known.response_models = {text_or_empty(summary, "policy")};
  const json& axes = required(summary, "axes");
  if (!axes.is_object()) throw BadRecord("field 'axes' must be an object, not " + type_in_words(axes));
  for (const auto& [aspect, value] : axes.items()) {
    if (value.is_number()) known.ratings.push_back({0, aspect, value.get<double>()});
  }
  if (known.ratings.empty()) throw BadRecord("field 'axes' holds no rating");
  into.records.push_back({std::move(rated), std::move(known), {}});
}

void read_summarize_feedback(const json& record, ReadRecords& into) {
  const json& info = required(record, "info");
  if (!info.is_object()) throw BadRecord("field 'info' must be an object, not " + type_in_words(info));
  if (has(record, "summaries")) {
    read_comparison(record, into);
  } else {
    read_axes(record, into);
  }
}

}  // namespace

const Format kSummarizeFeedback = {"summarize-from-feedback", "OpenAI's comparisons and ratings of summaries",
                                   FormatKind::kRankings,     is_summarize_feedback,
                                   read_summarize_feedback,   nullptr};

}  // namespace rlhf
