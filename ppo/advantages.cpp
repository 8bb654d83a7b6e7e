#include "ppo/advantages.h"

namespace rlhf {

torch::Tensor generalized_advantages(const Segments& value_slots, const torch::Tensor& rewards,
                                     const torch::Tensor& values, double gamma, double lambda) {
  const auto to_host = [](const torch::Tensor& x) {
    return x.detach().to(torch::kCPU, torch::kFloat64).contiguous();
  };
  const auto host_rewards = to_host(rewards), host_values = to_host(values);
  TORCH_CHECK(host_rewards.numel() == value_slots.total() && host_values.numel() == value_slots.total(),
              "expected [", value_slots.total(), "] rewards and values");
  auto advantages = torch::empty({value_slots.total()}, torch::kFloat64);
  const double* r = host_rewards.data_ptr<double>();
  const double* v = host_values.data_ptr<double>();
  double* a = advantages.data_ptr<double>();
  for (int64_t s = 0; s < value_slots.count(); ++s) {
    double next_value = 0, next_advantage = 0;
    for (int64_t t = value_slots.end(s) - 1; t >= value_slots.begin(s); --t) {
      const double delta = r[t] + gamma * next_value - v[t];
      a[t] = delta + gamma * lambda * next_advantage;
      next_value = v[t];
      next_advantage = a[t];
    }
  }
  return advantages.to(values.device(), values.scalar_type());
}

Advantages estimate_advantages(const Experience& experience, const TokenRewards& rewards,
                               const Convention& convention) {
  const auto of_slots = generalized_advantages(experience.value_slots, rewards.rewards, experience.values,
                                               convention.gamma, convention.lambda);  // [M]
  const auto returns = of_slots + experience.values;                                  // [M]
  const auto raw =
      of_slots.index_select(0, slots_of_tokens(experience.tokens, experience.value_slots, of_slots.device()));
  return {raw, whiten(raw, Moments::of(raw), convention.whitening), returns};
}

}  // namespace rlhf
