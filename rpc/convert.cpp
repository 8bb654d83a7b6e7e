#include "rpc/convert.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "contract/error.h"
#include "rpc/rollout_check.h"

namespace rlhf {
namespace {

bool is_sha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

template <typename Repeated, typename T>
void copy_numbers(const std::vector<T>& from, Repeated& to) {
  to.Assign(from.begin(), from.end());
}

FinishReason finish_reason(v1::FinishReason wire) {
  switch (wire) {
    case v1::FINISH_REASON_STOP:
      return FinishReason::kStop;
    case v1::FINISH_REASON_LENGTH:
      return FinishReason::kLength;
    default:
      throw UserError("a sample has no finish reason");
  }
}

void check_ids(const std::vector<TokenId>& ids) {
  if (std::any_of(ids.begin(), ids.end(), [](TokenId id) { return id < 0; }))
    throw UserError("a token id is negative");
}

}  // namespace

// ---- checkpoints

void to_wire(const CheckpointManifest& manifest, v1::Manifest& wire) {
  for (const ManifestEntry& file : manifest.files) {
    v1::ManifestEntry& entry = *wire.add_files();
    entry.set_name(file.name);
    entry.set_size(file.size);
    entry.set_sha256(file.sha256);
  }
  wire.set_model_hash(manifest.model_hash);
  wire.set_tokenizer_hash(manifest.tokenizer_hash);
  wire.set_stage(manifest.stage);
  wire.set_step(manifest.step);
  for (const std::string& parent : manifest.parents) wire.add_parents(parent);
}

CheckpointManifest from_wire(const v1::Manifest& wire, const TransferLimits& limits) {
  if (static_cast<std::size_t>(wire.files_size()) > limits.files)
    throw UserError("the checkpoint has " + std::to_string(wire.files_size()) + " files; " +
                    std::to_string(limits.files) + " are the most that is taken");
  CheckpointManifest manifest;
  uint64_t total = 0;
  for (const v1::ManifestEntry& entry : wire.files()) {
    if (!is_checkpoint_file_name(entry.name()))
      throw UserError("\"" + entry.name() + "\" cannot be the name of a checkpoint file");
    if (!is_sha256(entry.sha256())) throw UserError(entry.name() + " is announced without a SHA-256");
    if (entry.size() > limits.file_bytes || entry.size() > limits.total_bytes - total)
      throw UserError(entry.name() + " is announced with " + std::to_string(entry.size()) +
                      " bytes; at most " + std::to_string(limits.file_bytes) + " a file and " +
                      std::to_string(limits.total_bytes) + " in all are taken");
    total += entry.size();
    if (!manifest.files.empty() && manifest.files.back().name >= entry.name())
      throw UserError("the files of the checkpoint are not sorted by name, or one is there twice: " +
                      entry.name());
    manifest.files.push_back({entry.name(), entry.size(), entry.sha256()});
  }
  if (manifest.files.empty()) throw UserError("the checkpoint has no files");
  if (wire.model_hash() != model_hash(manifest.files))
    throw UserError("the model hash announced does not follow from the files announced");
  manifest.model_hash = wire.model_hash();
  manifest.tokenizer_hash = wire.tokenizer_hash();
  manifest.stage = wire.stage();
  manifest.step = wire.step();
  manifest.parents.assign(wire.parents().begin(), wire.parents().end());
  return manifest;
}

void to_wire(const std::vector<std::size_t>& wanted, v1::Wanted& wire) {
  for (const std::size_t file : wanted) wire.add_files(static_cast<uint32_t>(file));
}

std::vector<std::size_t> from_wire(const v1::Wanted& wire, std::size_t files) {
  std::vector<std::size_t> wanted;
  for (const uint32_t file : wire.files()) {
    if (file >= files || (!wanted.empty() && wanted.back() >= file))
      throw UserError("file " + std::to_string(file) + " is wanted out of order or does not exist");
    wanted.push_back(file);
  }
  return wanted;
}

// ---- rollouts

void to_wire(const RolloutUnit& unit, v1::RolloutUnit& wire) {
  wire.set_iteration(unit.iteration);
  wire.set_unit_index(unit.unit_index);
  wire.set_first_prompt_slot(unit.first_prompt_slot);
  for (const TokenizedPrompt& prompt : unit.prompts) {
    v1::TokenizedPrompt& added = *wire.add_prompts();
    added.set_index(prompt.index);
    copy_numbers(prompt.token_ids, *added.mutable_token_ids());
  }
  wire.set_samples_per_prompt(unit.samples_per_prompt);
  v1::SamplingOptions& sampling = *wire.mutable_sampling();
  sampling.set_temperature(unit.sampling.temperature);
  sampling.set_top_k(unit.sampling.top_k);
  sampling.set_top_p(unit.sampling.top_p);
  sampling.set_min_p(unit.sampling.min_p);
  sampling.set_repetition_penalty(unit.sampling.repetition_penalty);
  sampling.set_max_new_tokens(unit.sampling.max_new_tokens);
  wire.set_seed(unit.seed);
  wire.set_generation_threads(unit.generation_threads);
  wire.set_dtype(unit.dtype);
  wire.set_policy_version(unit.policy_version);
  wire.set_policy_hash(unit.policy_hash);
  for (const ServedRewardModel& model : unit.reward_models) {
    v1::ServedRewardModel& added = *wire.add_reward_models();
    added.set_name(model.name);
    added.set_hash(model.hash);
  }
}

RolloutUnit from_wire(const v1::RolloutUnit& wire) {
  RolloutUnit unit;
  unit.iteration = wire.iteration();
  unit.unit_index = wire.unit_index();
  unit.first_prompt_slot = wire.first_prompt_slot();
  for (const v1::TokenizedPrompt& prompt : wire.prompts())
    unit.prompts.push_back({prompt.index(), {prompt.token_ids().begin(), prompt.token_ids().end()}});
  unit.samples_per_prompt = wire.samples_per_prompt();
  unit.sampling = {wire.sampling().temperature(),
                   wire.sampling().top_k(),
                   wire.sampling().top_p(),
                   wire.sampling().min_p(),
                   wire.sampling().repetition_penalty(),
                   wire.sampling().max_new_tokens()};
  unit.seed = wire.seed();
  unit.generation_threads = wire.generation_threads();
  unit.dtype = wire.dtype();
  unit.policy_version = wire.policy_version();
  unit.policy_hash = wire.policy_hash();
  for (const v1::ServedRewardModel& model : wire.reward_models())
    unit.reward_models.push_back({model.name(), model.hash()});
  check_unit(unit);
  return unit;
}

void to_wire(const RolloutUnit& unit, uint64_t lease_id, const std::vector<Trajectory>& samples,
             v1::SubmitRequest& wire) {
  wire.set_lease_id(lease_id);
  wire.set_iteration(unit.iteration);
  wire.set_unit_index(unit.unit_index);
  wire.set_policy_version(unit.policy_version);
  wire.set_policy_hash(unit.policy_hash);
  for (const Trajectory& sample : samples) {
    v1::Sample& added = *wire.add_samples();
    added.set_prompt_slot(sample.prompt_slot);
    added.set_sample_index(sample.sample_index);
    copy_numbers(sample.response_ids, *added.mutable_response_ids());
    copy_numbers(sample.logprobs, *added.mutable_logprobs());
    added.set_finish_reason(sample.finish_reason == FinishReason::kStop ? v1::FINISH_REASON_STOP
                                                                        : v1::FINISH_REASON_LENGTH);
    added.set_raw_score(sample.raw_score);
    added.set_score(sample.score);
    added.set_score_spread(sample.score_spread);
  }
}

RolloutBroker::Submission from_wire(const v1::SubmitRequest& wire) {
  RolloutBroker::Submission submission;
  submission.lease_id = wire.lease_id();
  submission.iteration = wire.iteration();
  submission.unit_index = wire.unit_index();
  submission.policy_version = wire.policy_version();
  submission.policy_hash = wire.policy_hash();
  for (const v1::Sample& sample : wire.samples()) {
    Trajectory& trajectory = submission.samples.emplace_back();
    trajectory.prompt_slot = sample.prompt_slot();
    trajectory.sample_index = sample.sample_index();
    trajectory.response_ids.assign(sample.response_ids().begin(), sample.response_ids().end());
    trajectory.logprobs.assign(sample.logprobs().begin(), sample.logprobs().end());
    trajectory.finish_reason = finish_reason(sample.finish_reason());
    trajectory.raw_score = sample.raw_score();
    trajectory.score = sample.score();
    trajectory.score_spread = sample.score_spread();
  }
  return submission;
}

// ---- rewards

void to_wire(const ScoreInput& input, v1::ScoreInput& wire) {
  copy_numbers(input.prompt_ids, *wire.mutable_prompt_ids());
  copy_numbers(input.response_ids, *wire.mutable_response_ids());
}

std::vector<ScoreInput> from_wire(const v1::ScoreRequest& wire) {
  std::vector<ScoreInput> inputs;
  for (const v1::ScoreInput& input : wire.inputs()) {
    ScoreInput& added = inputs.emplace_back();
    added.prompt_ids.assign(input.prompt_ids().begin(), input.prompt_ids().end());
    added.response_ids.assign(input.response_ids().begin(), input.response_ids().end());
    if (added.response_ids.empty()) throw UserError("a response to be scored is empty");
    check_ids(added.prompt_ids);
    check_ids(added.response_ids);
  }
  return inputs;
}

void to_wire(const std::vector<Score>& scores, v1::ScoreReply& wire) {
  for (const Score& score : scores) {
    v1::Score& added = *wire.add_scores();
    added.set_raw(score.raw);
    added.set_mean(score.mean);
    added.set_spread(score.spread);
  }
}

std::vector<Score> from_wire(const v1::ScoreReply& wire, std::size_t expected) {
  if (static_cast<std::size_t>(wire.scores_size()) != expected)
    throw UserError("there are " + std::to_string(wire.scores_size()) + " scores for " +
                    std::to_string(expected) + " inputs");
  std::vector<Score> scores;
  for (const v1::Score& score : wire.scores()) {
    if (!std::isfinite(score.raw()) || !std::isfinite(score.mean()) || !std::isfinite(score.spread()))
      throw UserError("a score is not finite");
    scores.push_back({score.raw(), score.mean(), score.spread()});
  }
  return scores;
}

}  // namespace rlhf
