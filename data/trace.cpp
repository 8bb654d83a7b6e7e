#include "data/trace.h"

#include <cmath>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "contract/error.h"

namespace rlhf {

using nlohmann::ordered_json;

namespace {

std::string finish_word(FinishReason reason) {
  return reason == FinishReason::kStop ? "stop" : "length";
}

ordered_json number(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}

bool has_tokens(const TrajectoryRecord& record) {
  return !record.trajectory.response_ids.empty() &&
         record.policy_logprobs.size() == record.trajectory.response_ids.size();
}

ordered_json tokens_json(const TrajectoryRecord& r, const TokenText& token_text) {
  ordered_json tokens = ordered_json::array();
  if (!has_tokens(r)) return tokens;
  for (std::size_t t = 0; t < r.trajectory.response_ids.size(); ++t) {
    const TokenId id = r.trajectory.response_ids[t];
    tokens.push_back({{"id", id},
                      {"text", token_text(id)},
                      {"sampling_logprob", number(r.trajectory.logprobs[t])},
                      {"policy_logprob", number(r.policy_logprobs[t])},
                      {"reference_logprob", number(r.reference_logprobs[t])},
                      {"kl", number(r.policy_logprobs[t] - r.reference_logprobs[t])},
                      {"reward", number(r.rewards[t])},
                      {"value", number(r.values[t])},
                      {"advantage", number(r.advantages[t])}});
  }
  return tokens;
}

ordered_json labels_json(const std::vector<ImportRecord>& labels) {
  ordered_json list = ordered_json::array();
  for (const ImportRecord& label : labels) {
    ordered_json json = {{"label", label.origin}, {"annotator", label.provenance.annotator}};
    if (const auto* ranking = std::get_if<Ranking>(&label.content)) {
      json["responses"] = ranking->responses;
      json["ranks"] = ranking->ranks;
    } else if (const auto* rated = std::get_if<RatedResponse>(&label.content)) {
      json["responses"] = {rated->response};
    }
    for (const ResponseRating& rating : label.provenance.ratings)
      json["ratings"].push_back(
          {{"response", rating.response}, {"aspect", rating.aspect}, {"value", rating.value}});
    list.push_back(json);
  }
  return list;
}

/// Text on one line, in quotation marks.
std::string quoted(const std::string& text) {
  return ordered_json(text).dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string token_table(const TrajectoryRecord& r, const TokenText& token_text) {
  if (!has_tokens(r)) return "(the run kept no tokens)\n";
  std::string table = "    id    policy  reference        kl    reward     value  advantage  token\n";
  for (std::size_t t = 0; t < r.trajectory.response_ids.size(); ++t) {
    char line[128];
    const TokenId id = r.trajectory.response_ids[t];
    std::snprintf(line, sizeof line, "%6lld %9.3f %10.3f %9.3f %9.3f %9.3f %10.3f  ",
                  static_cast<long long>(id), static_cast<double>(r.policy_logprobs[t]),
                  static_cast<double>(r.reference_logprobs[t]),
                  static_cast<double>(r.policy_logprobs[t] - r.reference_logprobs[t]),
                  static_cast<double>(r.rewards[t]), static_cast<double>(r.values[t]),
                  static_cast<double>(r.advantages[t]));
    table += line + quoted(token_text(id)) + '\n';
  }
  return table;
}

std::string ranks_text(const ImportRecord& label) {
  std::string text =
      "  " + label.origin + (label.provenance.annotator.empty() ? "" : " by " + label.provenance.annotator);
  if (const auto* ranking = std::get_if<Ranking>(&label.content))
    for (std::size_t i = 0; i < ranking->responses.size(); ++i)
      text += "\n    " + std::to_string(ranking->ranks[i]) + "  " + quoted(ranking->responses[i]);
  return text + '\n';
}

}  // namespace

TrajectoryTrace trace_trajectory(Database& database, int64_t trajectory) {
  std::optional<StoredTrajectory> stored = read_trajectory(database, trajectory);
  if (!stored)
    throw UserError(database.path().string() + " has no trajectory " + std::to_string(trajectory) +
                    "; docs/ledger.md has queries that find some");
  TrajectoryTrace trace;
  trace.rollout = *std::move(stored);
  trace.run = read_run(database, trace.rollout.run);
  for (const ModelParent& model : trace.run.models)
    if (model.role == "reward")
      trace.reward_models.push_back(
          explain_model({model.model_hash, {}, std::nullopt, database.path().string()}).front());
  if (trace.rollout.prompt_id)
    for_each_label_of(database, *trace.rollout.prompt_id,
                      [&](ImportRecord&& label) { trace.labels.push_back(std::move(label)); });
  return trace;
}

std::string trace_json(const TrajectoryTrace& trace, const TokenText& token_text) {
  const TrajectoryRecord& r = trace.rollout.record;
  ordered_json json = {{"trajectory", trace.rollout.id},
                       {"run_id", trace.run.uid},
                       {"output_dir", trace.run.output_dir},
                       {"step", trace.rollout.step},
                       {"iteration", r.trajectory.iteration},
                       {"prompt_slot", r.trajectory.prompt_slot},
                       {"sample_index", r.trajectory.sample_index},
                       {"prompt", r.prompt_text},
                       {"response", r.response_text},
                       {"finish_reason", finish_word(r.trajectory.finish_reason)},
                       {"raw_score", number(r.trajectory.raw_score)},
                       {"score", number(r.trajectory.score)},
                       {"score_spread", number(r.trajectory.score_spread)},
                       {"kl", number(r.kl)},
                       {"beta", number(r.beta)},
                       {"policy_version", r.trajectory.policy_version},
                       {"policy_hash", r.trajectory.policy_hash}};
  json["models"] = ordered_json::array();
  for (const ModelParent& model : trace.run.models)
    json["models"].push_back({{"role", model.role}, {"model_hash", model.model_hash}});
  json["tokens"] = tokens_json(r, token_text);
  json["reward_models"] = ordered_json::parse(explanation_json(trace.reward_models)).at("models");
  json["labels_of_prompt"] = labels_json(trace.labels);
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string trace_text(const TrajectoryTrace& trace, const TokenText& token_text) {
  const TrajectoryRecord& r = trace.rollout.record;
  char numbers[160];
  std::snprintf(numbers, sizeof numbers,
                "score %.3f (raw %.3f), KL %.3f at beta %.4f, %zu tokens, finished by %s\n",
                r.trajectory.score, r.trajectory.raw_score, r.kl, r.beta, r.trajectory.response_ids.size(),
                finish_word(r.trajectory.finish_reason).c_str());
  std::string text = "trajectory " + std::to_string(trace.rollout.id) + ", step " +
                     std::to_string(trace.rollout.step) + " of run " + trace.run.uid + " in " +
                     trace.run.output_dir + "\nprompt   " + quoted(r.prompt_text) + "\nresponse " +
                     quoted(r.response_text) + '\n' + numbers + '\n' + token_table(r, token_text) +
                     "\nscored by\n" +
                     (trace.reward_models.empty() ? "a reward model the ledger does not know\n"
                                                  : explanation_text(trace.reward_models));
  if (trace.labels.empty()) return text + "\nNobody has ranked answers to this prompt.\n";
  text += "\nlabels of this prompt\n";
  for (const ImportRecord& label : trace.labels) text += ranks_text(label);
  return text;
}

}  // namespace rlhf
