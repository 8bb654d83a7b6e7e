// OpenAI's summarize-from-feedback: comparisons {"info", "summaries": [{"text", "policy"}, ...], "choice",
// "worker"} and axis ratings {"info", "summary": {"text", "policy", "axes"}, "worker"}. The prompt is the
// text the paper's models saw (https://github.com/openai/summarize-from-feedback, arXiv 2009.01325).
#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "formats/format_list.h"
#include "formats/ranking_fields.h"

namespace rlhf {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

constexpr std::string_view kArticle = "Article:\n\n";
constexpr std::string_view kSubreddit = "SUBREDDIT: r/";
constexpr std::string_view kTitle = "\n\nTITLE: ";
constexpr std::string_view kPost = "\n\nPOST: ";
constexpr std::string_view kSummary = "\n\nTL;DR:";

bool has_info(const json& record) {
  return has(record, "info") && record["info"].is_object();
}
bool is_comparison(const json& record) {
  return has_info(record) && has_list(record, "summaries");
}
bool is_axis_rating(const json& record) {
  return has_info(record) && has(record, "summary") && record["summary"].is_object();
}

std::string joined(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text += part;
  return text;
}

Prompt prompt_in(const json& record) {
  const json& info = required(record, "info");
  if (!info.is_object()) throw BadRecord("field 'info' must be an object, not " + type_in_words(info));
  if (has(info, "article")) return {joined({kArticle, required_text(info, "article"), kSummary}), {}};
  return {joined({kSubreddit, text_or_empty(info, "subreddit"), kTitle, text_or_empty(info, "title"), kPost,
                  required_text(info, "post"), kSummary}),
          {}};
}

/// The fields that prompt_in puts together. Throws BadRecord for any other prompt.
ordered_json info_of(const Prompt& prompt, const std::string& id) {
  ordered_json info;
  if (!id.empty()) info["id"] = id;
  std::string_view text = prompt.text;
  if (text.ends_with(kSummary)) {
    text.remove_suffix(kSummary.size());
    const std::size_t title = text.find(kTitle);
    const std::size_t post = title == text.npos ? title : text.find(kPost, title + kTitle.size());
    if (text.starts_with(kArticle)) {
      info["article"] = text.substr(kArticle.size());
      return info;
    }
    if (text.starts_with(kSubreddit) && post != text.npos) {
      info["post"] = text.substr(post + kPost.size());
      info["title"] = text.substr(title + kTitle.size(), post - title - kTitle.size());
      info["subreddit"] = text.substr(kSubreddit.size(), title - kSubreddit.size());
      return info;
    }
  }
  throw BadRecord("the prompt is no post or article to be summarised, as this format writes them");
}

Provenance task_provenance(const json& record) {
  Provenance known;
  known.source = "summarize-from-feedback";
  known.source_id = text_or_empty(required(record, "info"), "id");
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
  RankedResponses ranked{prompt_in(record), {}, {}};
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
  RatedResponse rated{prompt_in(record), filled(required_text(summary, "text"), "the summary")};
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

void write_task(const Provenance& known, ordered_json& line) {
  if (!known.annotator.empty()) line["worker"] = known.annotator;
  if (!known.split.empty()) line["split"] = known.split;
  if (known.confidence) line["extra"] = {{"confidence", *known.confidence}};
}

ordered_json summary_json(const std::string& text, const Provenance& known, std::size_t i) {
  ordered_json summary = {{"text", text}};
  if (const std::string policy = model_of(known, i); !policy.empty()) summary["policy"] = policy;
  return summary;
}

void write_comparison(const ImportRecord& record, JsonObjects& into) {
  const Ranking& ranking = ranking_in(record);
  const auto best = std::find(ranking.ranks.begin(), ranking.ranks.end(), 1);
  if (*std::max_element(ranking.ranks.begin(), ranking.ranks.end()) != 2 ||
      std::count(ranking.ranks.begin(), ranking.ranks.end(), 1) != 1) {
    throw BadRecord("the ranking is no choice of one summary");
  }
  ordered_json line = {{"info", info_of(ranking.prompt, record.provenance.source_id)},
                       {"summaries", ordered_json::array()},
                       {"choice", best - ranking.ranks.begin()}};
  for (std::size_t i = 0; i < ranking.responses.size(); ++i)
    line["summaries"].push_back(summary_json(ranking.responses[i], record.provenance, i));
  write_task(record.provenance, line);
  into.push_back(std::move(line));
}

void write_axes(const ImportRecord& record, JsonObjects& into) {
  const auto* rated = std::get_if<RatedResponse>(&record.content);
  if (!rated) throw BadRecord("a " + kind_name(record) + " holds no ratings by axis");
  ordered_json axes = ordered_json::object();
  for (const ResponseRating& rating : record.provenance.ratings) axes[rating.aspect] = rating.value;
  ordered_json summary = summary_json(rated->response, record.provenance, 0);
  summary["axes"] = std::move(axes);
  ordered_json line = {{"info", info_of(rated->prompt, record.provenance.source_id)},
                       {"summary", std::move(summary)}};
  write_task(record.provenance, line);
  into.push_back(std::move(line));
}

}  // namespace

const Format kSummarizeFeedback = {"summarize-from-feedback", "OpenAI's comparisons of summaries",
                                   FormatKind::kRankings,     is_comparison,
                                   read_comparison,           write_comparison};
const Format kSummarizeFeedbackAxis = {"summarize-from-feedback-axis",
                                       "OpenAI's ratings of summaries by axis",
                                       FormatKind::kRatings,
                                       is_axis_rating,
                                       read_axes,
                                       write_axes};

}  // namespace rlhf
