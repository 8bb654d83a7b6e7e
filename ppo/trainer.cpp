#include "ppo/trainer.h"

#include <algorithm>
#include <chrono>

#include <torch/utils.h>

#include "contract/error.h"
#include "model/safetensors.h"
#include "ppo/advantages.h"
#include "ppo/make_experience.h"
#include "ppo/update.h"
#include "rollout/unit_runner.h"
#include "train/learning_rate_schedule.h"
#include "train/micro_batches.h"

namespace rlhf {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kEvaluationStream =
    0x6576616c;  // keeps the draws of evaluation apart from those of training

/// Wall time of the parts of an iteration.
class Stopwatch {
 public:
  /// Seconds since the last lap, under `name`.
  void lap(const std::string& name) {
    const auto now = Clock::now();
    laps_.emplace_back("timing/" + name, seconds(last_, now));
    last_ = now;
  }
  double total() const { return seconds(start_, Clock::now()); }
  const Metrics& laps() const { return laps_; }

 private:
  using Clock = std::chrono::steady_clock;
  static double seconds(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
  }
  Clock::time_point start_ = Clock::now(), last_ = start_;
  Metrics laps_;
};

void append(Metrics& metrics, const Metrics& more) {
  metrics.insert(metrics.end(), more.begin(), more.end());
}

TrajectoryView view_of(const std::vector<Trajectory>& trajectories) {
  TrajectoryView view;
  for (const Trajectory& t : trajectories) {
    view.push_back(&t);
  }
  return view;
}

Metrics staleness_metrics(const TrajectoryView& trajectories, int64_t version) {
  double sum = 0, most = 0;
  for (const Trajectory* t : trajectories) {
    const auto age = static_cast<double>(version - t->policy_version);
    sum += age;
    most = std::max(most, age);
  }
  return {{"rollout/staleness_mean", sum / static_cast<double>(trajectories.size())},
          {"rollout/staleness_max", most}};
}

/// A packed column in the host's memory, taken there once for all its segments.
class HostColumn {
 public:
  HostColumn(const torch::Tensor& packed, const Segments& segments)
      : values_(packed.detach().to(torch::kCPU, torch::kFloat32).contiguous()), segments_(segments) {}

  /// The first `count` entries of segment `s`.
  std::vector<float> entries(int64_t s, int64_t count) const {
    const float* first = values_.const_data_ptr<float>() + segments_.begin(s);
    return {first, first + count};
  }

 private:
  torch::Tensor values_;
  const Segments& segments_;
};

void load_parameters(const SafetensorsFile& file, const std::vector<NamedTensor>& parameters) {
  const torch::NoGradGuard no_grad;
  for (const NamedTensor& parameter : parameters) {
    const auto stored = file.tensor(parameter.name);
    if (stored.sizes() != parameter.tensor.sizes()) {
      throw UserError("critic.safetensors: " + parameter.name +
                      " has another shape than this critic: the checkpoint "
                      "belongs to another run");
    }
    torch::Tensor(parameter.tensor).copy_(stored);
  }
}

}  // namespace

PpoTrainer::PpoTrainer(const PpoNetworks& networks, std::vector<TokenizedPrompt> prompts,
                       std::vector<TokenizedPrompt> eval_prompts, const PpoOptions& options,
                       const PpoSurroundings& surroundings)
    : networks_(networks),
      prompts_(std::move(prompts)),
      eval_prompts_(std::move(eval_prompts)),
      options_(options),
      around_(surroundings),
      order_(options.training.seed, static_cast<int64_t>(prompts_.size())),
      policy_optimizer_(networks.policy.parameters(), adamw_options(options.training),
                        surroundings.collective, "policy."),
      critic_optimizer_(networks.critic.parameters(), adamw_options(options.training),
                        surroundings.collective, "critic."),
      controller_(options.kl) {
  options_.check();
  if (prompts_.empty()) {
    throw UserError("there is no prompt to train on");
  }
}

int64_t PpoTrainer::total_steps() const {
  return rlhf::total_steps(options_.training.max_steps, options_.training.num_train_epochs,
                           static_cast<int64_t>(prompts_.size()), options_.rollout_batch_size);
}

StepReport PpoTrainer::step(int64_t iteration) {
  Stopwatch watch;
  const PublishedPolicy policy = publish(iteration);
  const Rollouts rollouts = collect(iteration, policy);
  const TrajectoryView trajectories = view_of(rollouts.trajectories);
  watch.lap("generation");

  const double beta = controller_.beta();
  const Experience experience = make_experience(
      networks_, trajectories, options_.convention,
      {options_.temperature, options_.training.samples_a_pass(), policy.version}, around_.collective);
  const TokenRewards rewards = shape_rewards(experience, beta, options_.rewards, options_.convention);
  const Advantages advantages = estimate_advantages(experience, rewards, options_.convention);
  watch.lap("make_experience");

  // Written while the networks learn: nothing else of this step touches the ledger until it is waited for.
  std::future<void> recording =
      record_trajectories(iteration + 1, trajectories, experience, rewards, advantages);
  const PpoOptimizers optimizers = this->optimizers(iteration);
  const UpdateReport update =
      update_networks(networks_, optimizers, trajectories, experience, advantages, options_.convention,
                      {options_.num_ppo_epochs, options_.num_mini_batches, options_.training.samples_a_pass(),
                       options_.temperature, options_.max_approx_kl, options_.training.seed},
                      iteration, around_.collective);
  watch.lap("ppo_train");

  if (recording.valid()) recording.get();
  log_samples(iteration + 1, trajectories);
  watch.lap("record");

  const KlSums kl = kl_sums(experience);
  controller_.update(options_.convention.controller_sees_token_mean ? kl.k1_per_token(experience.tokens)
                                                                    : kl.k1_per_response(),
                     experience.tokens.count());

  episodes_ += experience.tokens.count();
  refused_ += rollouts.refused;
  num_tokens_ += experience.tokens.total();
  for (const Trajectory* t : trajectories) {
    num_tokens_ += static_cast<int64_t>(t->prompt_ids.size());
  }
  Metrics row = objective_metrics(trajectories, experience, rewards, advantages, beta);
  if (options_.kl.target) {
    row.emplace_back("objective/kl_target", *options_.kl.target);
  }
  append(row, spread_metrics(trajectories));
  append(row, gold_scores(trajectories));
  append(row, update_metrics(update));
  append(row, {{"lr", optimizers.policy_rate}, {"critic_lr", optimizers.critic_rate}});
  append(row, critic_metrics(experience, advantages));
  append(row, response_metrics(trajectories, options_.rewards.min_response_length, around_.decode));
  const LogprobGap gap = logprob_gap(trajectories, experience, policy.version);
  append(row, {{"rollout/logprob_gap_mean", gap.mean}, {"rollout/logprob_gap_max", gap.max}});
  append(row, staleness_metrics(trajectories, policy.version));
  append(row, {{"rollout/refused", static_cast<double>(refused_)},
               {"episode", static_cast<double>(episodes_)},
               {"num_tokens", static_cast<double>(num_tokens_)},
               {"skipped_steps", static_cast<double>(policy_optimizer_.non_finite_total() +
                                                     critic_optimizer_.non_finite_total())}});
  append(row, watch.laps());
  const double seconds = watch.total();
  append(row, {{"timing/step_total", seconds},
               {"tokens_per_second", static_cast<double>(experience.tokens.total()) / seconds},
               {"episodes_per_second", static_cast<double>(experience.tokens.count()) / seconds}});
  return {.averaged = {}, .latest = std::move(row)};
}

PublishedPolicy PpoTrainer::publish(int64_t iteration) {
  PublishedPolicy policy{iteration + 1, ""};
  if (around_.publish && around_.collective.is_first()) {
    policy = around_.publish(iteration);
  }
  if (around_.collective.world_size() > 1) {
    std::vector<double> version{around_.collective.is_first() ? static_cast<double>(policy.version) : 0.0};
    around_.collective.all_reduce_sum(version);
    policy.version = static_cast<int64_t>(version[0]);
  }
  published_[policy.version] = policy.hash;
  while (published_.begin()->first < policy.version - options_.max_staleness) {
    published_.erase(published_.begin());
  }
  return policy;
}

RolloutUnit PpoTrainer::common_unit() const {
  RolloutUnit unit;
  unit.samples_per_prompt = options_.samples_per_prompt;
  unit.sampling.temperature = options_.temperature;
  unit.sampling.max_new_tokens = options_.response_length;
  unit.seed = options_.training.seed;
  unit.generation_threads = options_.generation_threads;
  unit.dtype = options_.rollout_dtype;
  return unit;
}

Rollouts PpoTrainer::collect(int64_t iteration, const PublishedPolicy& policy) {
  std::vector<TokenizedPrompt> drawn;
  for (int64_t index : order_.draw(iteration * options_.rollout_batch_size, options_.rollout_batch_size)) {
    drawn.push_back(prompts_[static_cast<size_t>(index)]);
  }
  RolloutUnit unit = common_unit();
  unit.iteration = iteration;
  unit.policy_version = policy.version;
  unit.policy_hash = policy.hash;
  return collect_rollouts(around_.rollouts, make_units(unit, drawn, options_.rollout_unit_size),
                          {policy.version, options_.max_staleness, published_}, around_.place,
                          around_.collective);
}

PpoOptimizers PpoTrainer::optimizers(int64_t iteration) {
  const TrainingOptions& o = options_.training;
  LearningRateSchedule schedule{o.lr_scheduler_type, o.learning_rate, o.warmup_steps, o.min_lr_rate,
                                total_steps()};
  const double policy_rate = schedule.rate(iteration);
  schedule.peak = options_.critic_learning_rate.value_or(o.learning_rate);
  return {policy_optimizer_, critic_optimizer_, policy_rate, schedule.rate(iteration)};
}

Metrics PpoTrainer::gold_scores(const TrajectoryView& trajectories) const {
  if (around_.gold == nullptr || !around_.collective.is_first()) {
    return {};
  }
  std::vector<ScoreInput> inputs;
  for (const Trajectory* t : trajectories) {
    inputs.push_back({t->prompt_ids, t->response_ids});
  }
  double sum = 0;
  for (const Score& score : around_.gold->score(inputs)) {
    sum += score.mean;
  }
  return {{"objective/gold_scores", sum / static_cast<double>(inputs.size())}};
}

std::future<void> PpoTrainer::record_trajectories(int64_t step, const TrajectoryView& trajectories,
                                                  const Experience& experience, const TokenRewards& rewards,
                                                  const Advantages& advantages) const {
  if (!around_.collective.is_first() || around_.trajectories == nullptr) return {};
  const auto kl = kl_sums(experience).k1.to(torch::kCPU, torch::kFloat64);
  const HostColumn logprobs(experience.logprobs, experience.tokens),
      reference_logprobs(experience.reference_logprobs, experience.tokens),
      token_rewards(rewards.rewards, experience.value_slots),
      values(experience.values, experience.value_slots), raw_advantages(advantages.raw, experience.tokens);
  const auto decoded = [&](const std::vector<TokenId>& ids) {
    return around_.decode ? around_.decode(ids) : "";
  };
  std::vector<TrajectoryRecord> records;
  for (int64_t s = 0; s < experience.tokens.count(); ++s) {
    const Trajectory& t = *trajectories[static_cast<size_t>(s)];
    const int64_t count = experience.tokens.length(s);
    records.push_back({t, decoded(t.prompt_ids), decoded(t.response_ids), logprobs.entries(s, count),
                       reference_logprobs.entries(s, count), token_rewards.entries(s, count),
                       values.entries(s, count), raw_advantages.entries(s, count), kl[s].item<double>(),
                       controller_.beta()});
  }
  return std::async(std::launch::async, [sink = around_.trajectories, step, records = std::move(records)] {
    sink->append(step, records);
  });
}

void PpoTrainer::log_samples(int64_t step, const TrajectoryView& trajectories) const {
  if (!around_.collective.is_first() || samples_ == nullptr || !around_.decode ||
      step % options_.training.logging_steps != 0) {
    return;
  }
  for (size_t i = 0; i < std::min(trajectories.size(), static_cast<size_t>(options_.logged_samples)); ++i) {
    const Trajectory& t = *trajectories[i];
    samples_->log_sample(step, around_.decode(t.prompt_ids), around_.decode(t.response_ids), t.score);
  }
}

Metrics PpoTrainer::evaluate(int64_t steps_done) {
  RolloutUnit unit = common_unit();
  unit.samples_per_prompt = 1;
  unit.seed = keyed_random(options_.training.seed, kEvaluationStream, 0);
  unit.policy_version = -(steps_done + 1);  // no training unit has it, so the policy is read anew
  const auto rollouts = collect_rollouts(
      around_.evaluation_rollouts, make_units(unit, eval_prompts_, options_.rollout_unit_size),
      {unit.policy_version, 0, {}}, RolloutPlace::kEveryProcess, around_.collective);
  const TrajectoryView trajectories = view_of(rollouts.trajectories);
  const Experience experience = make_experience(
      networks_, trajectories, options_.convention,
      {options_.temperature, options_.training.samples_a_pass(), unit.policy_version}, around_.collective);
  const TokenRewards rewards = shape_rewards(experience, 0, options_.rewards, options_.convention);
  Metrics row{{"objective/scores", rewards.effective_scores.mean().item<double>()},
              {"objective/model_scores", experience.scores.mean().item<double>()},
              {"objective/kl", kl_sums(experience).k1_per_response()}};
  append(row, spread_metrics(trajectories));
  append(row, gold_scores(trajectories));
  for (const auto& [name, value] : response_metrics(trajectories, 0, around_.decode)) {
    if (name == "response/length_mean" || name == "response/eos_fraction" || name == "response/distinct_2" ||
        name == "response/repeated_words") {
      row.emplace_back(name, value);
    }
  }
  return row;
}

nlohmann::ordered_json PpoTrainer::stage_state() const {
  return {{"kl_controller", controller_.state()},
          {"episodes", episodes_},
          {"num_tokens", num_tokens_},
          {"refused", refused_}};
}

void PpoTrainer::save(const fs::path& folder) const {
  write_safetensors(folder / "critic.safetensors", networks_.critic.parameters());
  auto state = policy_optimizer_.state();
  const auto critic = critic_optimizer_.state();
  state.insert(state.end(), critic.begin(), critic.end());
  write_safetensors(folder / "optimizer.safetensors", state);
}

void PpoTrainer::resume(const fs::path& checkpoint, const TrainerState& state) {
  load_parameters(SafetensorsFile::open(checkpoint / "critic.safetensors"), networks_.critic.parameters());
  const auto optimizer = SafetensorsFile::open(checkpoint / "optimizer.safetensors");
  policy_optimizer_.load_state(optimizer);
  critic_optimizer_.load_state(optimizer);
  const std::string where = (checkpoint / "trainer_state.json").string();
  try {
    controller_.restore(state.stage.at("kl_controller"), where);
    episodes_ = state.stage.at("episodes");
    num_tokens_ = state.stage.at("num_tokens");
    refused_ = state.stage.at("refused");
  } catch (const nlohmann::json::exception&) {
    throw UserError(where + " is not the state of a PPO run");
  }
}

void PpoTrainer::train(TrainerState& state, const TrainingSurroundings& surroundings,
                       const std::function<void(const fs::path&)>& save_policy) {
  state.max_steps = total_steps();
  state.micro_batch_size = options_.training.samples_a_pass();
  samples_ = &surroundings.metrics;
  TrainingSteps steps;
  steps.step = [&](int64_t iteration) {
    StepReport report = step(iteration);
    state.stage = stage_state();
    return report;
  };
  if (!eval_prompts_.empty()) {
    steps.evaluate = [&] { return evaluate(state.global_step); };
  }
  steps.save = [&](const fs::path& folder) {
    save_policy(folder);
    save(folder);
  };
  steps.epoch = [this](int64_t done) { return order_.epoch_at(done * options_.rollout_batch_size); };
  const TrainingOptions& o = options_.training;
  run_training_loop(state, {o.logging_steps, o.eval_steps, o.save_steps, /*eval_at_start=*/true}, steps,
                    surroundings);
  samples_ = nullptr;
}

}  // namespace rlhf
