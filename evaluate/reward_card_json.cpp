#include "evaluate/reward_card_json.h"

namespace rlhf {
namespace {

using nlohmann::ordered_json;

void put(ordered_json& into, const std::string& name, const std::optional<Estimate>& estimate) {
  if (!estimate) return;
  into[name] = estimate->value;
  into[name + "_low"] = estimate->low;
  into[name + "_high"] = estimate->high;
}

void put(ordered_json& into, const RewardAccuracy& accuracy) {
  put(into, "accuracy", accuracy.accuracy);
  into["pairs"] = accuracy.pairs;
  into["prompts"] = accuracy.prompts;
}

ordered_json groups_json(const AccuracyGrouping& grouping) {
  auto groups = ordered_json::array();
  for (const AccuracyGroup& group : grouping.groups) {
    ordered_json object = {{"name", group.name}};
    put(object, group.accuracy);
    groups.push_back(std::move(object));
  }
  return groups;
}

ordered_json ceiling_json(const HumanCeiling& ceiling) {
  ordered_json object = {
      {"pairs", ceiling.pairs}, {"annotators", ceiling.annotators}, {"judgements", ceiling.judgements}};
  put(object, "model_person", ceiling.model_person);
  put(object, "person_person", ceiling.person_person);
  put(object, "majority_person", ceiling.majority_person);
  put(object, "model_majority", ceiling.model_majority);
  put(object, "person_majority", ceiling.person_majority);
  return object;
}

ordered_json calibration_json(const Calibration& calibration) {
  auto bins = ordered_json::array();
  for (const ReliabilityBin& bin : calibration.bins)
    bins.push_back({{"low", bin.low},
                    {"high", bin.high},
                    {"pairs", bin.pairs},
                    {"predicted", bin.predicted},
                    {"observed", bin.observed}});
  return {{"ece", calibration.ece},
          {"brier", calibration.brier},
          {"log_loss", calibration.log_loss},
          {"bins", std::move(bins)}};
}

ordered_json length_json(const LengthBias& length) {
  ordered_json object = {{"pairs", length.pairs}};
  put(object, "people_longer", length.people_longer);
  put(object, "model_longer", length.model_longer);
  put(object, "longer_accuracy", length.longer_accuracy);
  put(object, "shorter_accuracy", length.shorter_accuracy);
  if (length.correlation) object["correlation"] = *length.correlation;
  return object;
}

ordered_json scores_json(const ScoreHistogram& scores) {
  const auto side = [](const ScoreDistribution& part) -> ordered_json {
    return {{"mean", part.mean}, {"std", part.deviation}, {"counts", part.counts}};
  };
  return {{"low", scores.low},
          {"width", scores.width},
          {"chosen", side(scores.chosen)},
          {"rejected", side(scores.rejected)}};
}

ordered_json prompt_json(const Prompt& prompt) {
  if (!prompt.is_chat()) return prompt.text;
  auto messages = ordered_json::array();
  for (const Message& message : prompt.messages)
    messages.push_back({{"role", message.role}, {"content", message.content}});
  return messages;
}

ordered_json mistake_json(const Mistake& mistake) {
  const ScoredRanking& ranking = *mistake.pair.ranking;
  ordered_json object = {{"prompt", prompt_json(ranking.ranking.prompt)},
                         {"chosen", ranking.ranking.responses[mistake.pair.chosen]},
                         {"rejected", ranking.ranking.responses[mistake.pair.rejected]},
                         {"score_chosen", ranking.scores[mistake.pair.chosen].mean},
                         {"score_rejected", ranking.scores[mistake.pair.rejected].mean},
                         {"probability", mistake.probability},
                         {"rank_gap", mistake.pair.rank_gap()}};
  if (const auto gap = mistake.pair.rating_gap()) object["rating_gap"] = *gap;
  if (!ranking.provenance.annotator.empty()) object["annotator"] = ranking.provenance.annotator;
  if (!ranking.provenance.source.empty()) object["source"] = ranking.provenance.source;
  object["origin"] = ranking.ranking.origin;
  if (mistake.people_for + mistake.people_against + mistake.people_tied > 0) {
    object["people_for"] = mistake.people_for;
    object["people_against"] = mistake.people_against;
    object["people_tied"] = mistake.people_tied;
  }
  return object;
}

}  // namespace

ordered_json reward_card_json(const RewardCard& card) {
  ordered_json object = ordered_json::object();
  put(object, card.accuracy);
  object["rankings"] = card.rankings;
  object["model"] = card.model;
  object["data"] = card.data;
  object["by"] = ordered_json::object();
  ordered_json left_out = ordered_json::object();
  for (const AccuracyGrouping& grouping : card.groupings) {
    if (grouping.groups.empty())
      left_out[grouping.by] = grouping.left_out;
    else
      object["by"][grouping.by] = groups_json(grouping);
  }
  if (card.ceiling.left_out.empty())
    object["ceiling"] = ceiling_json(card.ceiling);
  else
    left_out["ceiling"] = card.ceiling.left_out;
  object["calibration"] = calibration_json(card.calibration);
  object["length"] = length_json(card.length);
  object["scores"] = scores_json(card.scores);
  object["mistakes"] = ordered_json::array();
  for (const Mistake& mistake : card.mistakes) object["mistakes"].push_back(mistake_json(mistake));
  object["left_out"] = std::move(left_out);
  return object;
}

}  // namespace rlhf
