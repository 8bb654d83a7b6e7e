#include "ppo/make_experience.h"

#include <algorithm>
#include <cmath>

#include <torch/utils.h>

#include "train/micro_batches.h"

namespace rlhf {
namespace {

torch::Tensor sampler_logprobs(const TrajectoryView& trajectories, const torch::TensorOptions& like) {
  std::vector<double> logprobs;
  for (const Trajectory* t : trajectories) {
    logprobs.insert(logprobs.end(), t->logprobs.begin(), t->logprobs.end());
  }
  return torch::tensor(logprobs, torch::kFloat64).to(like.device(), c10::typeMetaToScalarType(like.dtype()));
}

/// [N] true where the token was sampled with the weights that learn now.
torch::Tensor fresh_tokens(const TrajectoryView& trajectories, int64_t policy_version) {
  std::vector<uint8_t> fresh;
  for (const Trajectory* t : trajectories) {
    fresh.insert(fresh.end(), t->response_ids.size(), t->policy_version == policy_version);
  }
  return torch::tensor(fresh, torch::kUInt8).to(torch::kBool);
}

/// Puts this process's rows [begin, begin + part) among those of all: [total].
torch::Tensor gather_rows(const torch::Tensor& part, int64_t begin, int64_t total, Collective& collective) {
  if (collective.world_size() == 1) {
    return part;
  }
  auto all = torch::zeros({total}, part.options());
  all.narrow(0, begin, part.size(0)).copy_(part);
  std::vector<torch::Tensor> tensors{all};
  collective.all_reduce_sum(tensors);
  return tensors[0];
}

struct Readings {
  std::vector<torch::Tensor> logprobs, reference, values;
};

Readings read_share(const PpoNetworks& networks, const TrajectoryView& trajectories,
                    const Segments& value_slots, const ExperienceOptions& options, Share share) {
  const torch::NoGradGuard no_grad;
  Readings out;
  for (const Share& part : micro_batches(share, options.micro_batch_size)) {
    const TrajectoryView chosen(trajectories.begin() + part.begin, trajectories.begin() + part.end);
    std::vector<int64_t> lengths;
    for (int64_t s = part.begin; s < part.end; ++s) {
      lengths.push_back(value_slots.length(s));
    }
    out.logprobs.push_back(response_logprobs(networks.policy, chosen, options.temperature).logprobs);
    out.reference.push_back(response_logprobs(networks.reference, chosen, options.temperature).logprobs);
    out.values.push_back(
        response_values(networks.critic, networks.normalizer, chosen, Segments::of_lengths(lengths)));
  }
  return out;
}

}  // namespace

Experience make_experience(const PpoNetworks& networks, const TrajectoryView& trajectories,
                           const Convention& convention, const ExperienceOptions& options,
                           Collective& collective) {
  const auto device = networks.policy.decoder().device();
  const auto dtype =
      networks.policy.decoder().compute_dtype() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  const Segments tokens = response_segments(trajectories);
  const Segments value_slots = value_slots_of(tokens, convention, tokens.longest());
  const Share share = share_of(tokens.count(), collective.rank(), collective.world_size());
  const Readings mine = read_share(networks, trajectories, value_slots, options, share);

  const auto joined = [&](const std::vector<torch::Tensor>& parts, const Segments& segments) {
    const auto empty = torch::empty({0}, torch::dtype(dtype).device(device));
    const auto part = parts.empty() ? empty : torch::cat(parts).to(device, dtype);
    return gather_rows(part, segments.begin(share.begin), segments.total(), collective);
  };
  auto logprobs = joined(mine.logprobs, tokens);
  const auto fresh = fresh_tokens(trajectories, options.policy_version).to(device);
  logprobs = torch::where(fresh, logprobs, sampler_logprobs(trajectories, logprobs.options()));

  std::vector<double> scores, spreads;
  std::vector<bool> finished;
  for (const Trajectory* t : trajectories) {
    scores.push_back(t->score);
    spreads.push_back(t->score_spread);
    finished.push_back(t->finish_reason == FinishReason::kStop);
  }
  Experience experience{tokens,
                        value_slots,
                        logprobs,
                        joined(mine.reference, tokens),
                        joined(mine.values, value_slots),
                        torch::tensor(scores, torch::kFloat64).to(device, dtype),
                        torch::tensor(spreads, torch::kFloat64).to(device, dtype),
                        finished};
  experience.check();
  return experience;
}

LogprobGap logprob_gap(const TrajectoryView& trajectories, const Experience& experience,
                       int64_t policy_version) {
  const auto fresh = fresh_tokens(trajectories, policy_version);
  const auto learner = experience.logprobs.cpu().to(torch::kFloat64);
  const auto gaps = (learner - sampler_logprobs(trajectories, learner.options())).abs().masked_select(fresh);
  if (gaps.numel() == 0) {
    return {};
  }
  return {gaps.mean().item<double>(), gaps.max().item<double>()};
}

}  // namespace rlhf
