// What label_quality() found, as JSON.
#include <nlohmann/json.hpp>

#include "data/quality.h"

namespace rlhf {

using nlohmann::ordered_json;

namespace {

ordered_json number_or_null(const std::optional<double>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

/// {"share", "low", "high", "of"}, null of nothing.
ordered_json share_json(const ClusteredShare& counted) {
  if (counted.of() == 0) return nullptr;
  const Share share = counted.share();
  return {{"share", share.value},
          {"low", share.low},
          {"high", share.high},
          {"of", static_cast<int64_t>(counted.of())}};
}

ordered_json agreement_json(const PairQuality& agreement) {
  return {{"alike", share_json(agreement.alike)}, {"told_alike", share_json(agreement.told_alike)}};
}

ordered_json kappas_json(const VoteTable& votes) {
  return {{"kappa", number_or_null(votes.kappa(KappaWeights::kNone))},
          {"kappa_linear", number_or_null(votes.kappa(KappaWeights::kLinear))}};
}

ordered_json work_json(const AnnotatorQuality& who) {
  ordered_json json = {{"rankings", who.rankings}, {"first_wins", share_json(who.first_wins)}};
  json["checks"] = share_json(who.checks);
  if (who.checks.of() > 0) json["checks"]["all_right"] = who.checks_all_right;
  json["times"] = nullptr;
  if (!who.times_ms.empty())
    json["times"] = {{"answers", who.times_ms.size()},
                     {"median_s", median(who.times_ms) / 1000},
                     {"fast", who.fast},
                     {"slow", who.slow}};
  return json;
}

ordered_json annotators_json(const LabelQuality& quality) {
  ordered_json list = ordered_json::array();
  for (const auto& [id, who] : quality.annotators) {
    ordered_json json = {{"annotator", quality.handle(id)}};
    json.update(work_json(who));
    json["agreement"] = nullptr;
    if (who.agreement.votes.compared() > 0) {
      json["agreement"] = agreement_json(who.agreement);
      json["agreement"].update(kappas_json(who.agreement.votes));
    }
    list.push_back(std::move(json));
  }
  return list;
}

ordered_json annotator_pairs_json(const LabelQuality& quality) {
  ordered_json list = ordered_json::array();
  for (const auto& [who, votes] : quality.annotator_pairs) {
    ordered_json json = {{"annotators", {quality.handle(who.first), quality.handle(who.second)}},
                         {"compared", votes.compared()},
                         {"alike", votes.alike()},
                         {"told_apart", votes.told_apart()},
                         {"told_alike", votes.told_alike()}};
    json.update(kappas_json(votes));
    list.push_back(std::move(json));
  }
  return list;
}

ordered_json prompt_json(const Prompt& prompt) {
  if (!prompt.is_chat()) return prompt.text;
  ordered_json messages = ordered_json::array();
  for (const Message& message : prompt.messages)
    messages.push_back({{"role", message.role}, {"content", message.content}});
  return messages;
}

ordered_json disagreement_json(const Disagreement& found, const LabelQuality& quality) {
  ordered_json responses = ordered_json::array();
  for (std::size_t i = 0; i < found.answers.front().items.size(); ++i) {
    ordered_json ranks = ordered_json::object();
    for (const RankedAnswer& answer : found.answers)
      ranks[quality.handle(answer.annotator_id)] = answer.items[i].rank;
    const int64_t id = found.answers.front().items[i].response_id;
    responses.push_back({{"response_id", id}, {"text", quality.responses.at(id)}, {"ranks", ranks}});
  }
  return {{"disagreement", found.disagreement},
          {"prompt_id", found.answers.front().prompt_id},
          {"prompt", prompt_json(quality.prompts.at(found.answers.front().prompt_id))},
          {"responses", responses}};
}

ordered_json outlier_json(const TimeOutlier& outlier, const LabelQuality& quality) {
  return {{"annotation_id", outlier.answer.annotation_id},
          {"annotator", quality.handle(outlier.answer.annotator_id)},
          {"seconds", outlier.answer.ms / 1000},
          {"median_s", outlier.median_ms / 1000},
          {"beside", outlier.beside_own ? "own" : "all"}};
}

ordered_json ratings_json(const RatedAspect& about, const RatingAgreement& found,
                          const LabelQuality& quality) {
  ordered_json raters = ordered_json::array(), disputed = ordered_json::array();
  for (const auto& [id, rater] : found.raters)
    raters.push_back({{"annotator", quality.handle(id)},
                      {"ratings", rater.ratings},
                      {"bias", rater.bias},
                      {"distance", rater.distance}});
  for (const RatingAgreement::Disputed& one : found.disputed)
    disputed.push_back({{"response_id", one.response_id},
                        {"prompt", prompt_json(quality.prompts.at(one.prompt_id))},
                        {"text", quality.responses.at(one.response_id)},
                        {"deviation", one.deviation},
                        {"values", one.values}});
  return {{"source", about.source},
          {"aspect", about.aspect},
          {"ratings", found.ratings},
          {"responses", found.responses},
          {"responses_rated_twice", found.responses_rated_twice},
          {"alike", number_or_null(found.percent)},
          {"alpha_nominal", number_or_null(found.alpha_nominal)},
          {"alpha_ordinal", number_or_null(found.alpha_ordinal)},
          {"alpha_interval", number_or_null(found.alpha_interval)},
          {"raters", raters},
          {"disputed", disputed}};
}

}  // namespace

std::string quality_json(const LabelQuality& quality, const QualityOptions& options) {
  ordered_json json = ordered_json::object();
  if (!options.campaign.empty()) json["campaign"] = options.campaign;
  if (!options.source.empty()) json["source"] = options.source;
  json.update(work_json(quality.everybody));
  json["rankings_of_nobody"] = quality.rankings_of_nobody;
  json["gold_tasks"] = quality.gold_tasks;
  json["agreement"] = nullptr;
  if (const std::string why = quality.why_no_agreement(); !why.empty()) {
    json["no_agreement"] = why;
  } else {
    json["agreement"] = agreement_json(quality.agreement);
    json["agreement"]["alpha_nominal"] = number_or_null(quality.alpha_nominal);
    json["agreement"]["alpha_ordinal"] = number_or_null(quality.alpha_ordinal);
  }
  json["annotators"] = annotators_json(quality);
  json["annotator_pairs"] = annotator_pairs_json(quality);
  json["crowded_pairs"] = quality.crowded_pairs;
  json["disagreements"] = ordered_json::array();
  for (const Disagreement& found : quality.disagreements)
    json["disagreements"].push_back(disagreement_json(found, quality));
  json["time_outliers"] = ordered_json::array();
  for (const TimeOutlier& outlier : quality.time_outliers)
    json["time_outliers"].push_back(outlier_json(outlier, quality));
  json["ratings"] = ordered_json::array();
  for (const auto& [about, found] : quality.ratings)
    json["ratings"].push_back(ratings_json(about, found, quality));
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace rlhf
