#include "ppo/loss.h"

#include <algorithm>
#include <array>
#include <vector>

namespace rlhf {
namespace {

constexpr std::array kPolicySums = {&PolicyStatistics::tokens,  &PolicyStatistics::loss,
                                    &PolicyStatistics::clipped, &PolicyStatistics::log_ratio_sq,
                                    &PolicyStatistics::ratio,   &PolicyStatistics::ratio_sq,
                                    &PolicyStatistics::entropy};
constexpr std::array kValueSums = {&ValueStatistics::slots, &ValueStatistics::loss, &ValueStatistics::clipped,
                                   &ValueStatistics::value, &ValueStatistics::error_sq};

template <typename Statistics, size_t K>
torch::Tensor read_sums(const Statistics& statistics, const std::array<double Statistics::*, K>& fields) {
  std::vector<double> sums;
  for (auto field : fields) {
    sums.push_back(statistics.*field);
  }
  return torch::tensor(sums, torch::kFloat64);
}

template <typename Statistics, size_t K>
void write_sums(Statistics& statistics, const std::array<double Statistics::*, K>& fields,
                const torch::Tensor& sums) {
  const auto host = sums.detach().to(torch::kCPU, torch::kFloat64).contiguous();
  TORCH_CHECK(host.numel() == static_cast<int64_t>(K), "expected ", K, " sums, got ", host.numel());
  for (size_t i = 0; i < K; ++i) {
    statistics.*fields[i] = host.data_ptr<double>()[i];
  }
}

torch::Tensor sum64(const torch::Tensor& x) {
  return x.sum(torch::kFloat64);
}

}  // namespace

PolicyStatistics& PolicyStatistics::operator+=(const PolicyStatistics& other) {
  for (auto field : kPolicySums) {
    this->*field += other.*field;
  }
  ratio_max = std::max(ratio_max, other.ratio_max);
  return *this;
}

double PolicyStatistics::ratio_variance() const {
  const double m = mean(&PolicyStatistics::ratio);
  return std::max(0.0, mean(&PolicyStatistics::ratio_sq) - m * m);
}

torch::Tensor PolicyStatistics::sums() const {
  return read_sums(*this, kPolicySums);
}
void PolicyStatistics::set_sums(const torch::Tensor& sums) {
  write_sums(*this, kPolicySums, sums);
}

ValueStatistics& ValueStatistics::operator+=(const ValueStatistics& other) {
  for (auto field : kValueSums) {
    this->*field += other.*field;
  }
  return *this;
}

torch::Tensor ValueStatistics::sums() const {
  return read_sums(*this, kValueSums);
}
void ValueStatistics::set_sums(const torch::Tensor& sums) {
  write_sums(*this, kValueSums, sums);
}

Loss<PolicyStatistics> policy_loss(const PolicyMicroBatch& batch, const Convention& convention,
                                   double minibatch_tokens) {
  const auto log_ratio = batch.new_logprobs - batch.logprobs;  // [n]
  const auto ratio =
      (convention.log_ratio_clamp ? log_ratio.clamp(-*convention.log_ratio_clamp, *convention.log_ratio_clamp)
                                  : log_ratio)
          .exp();
  const auto plain = -batch.advantages * ratio;
  const auto clipped = -batch.advantages * ratio.clamp(1 - convention.cliprange, 1 + convention.cliprange);
  const auto objective = torch::max(plain, clipped).sum();
  auto loss = objective / minibatch_tokens;
  if (convention.ent_coef != 0) {
    loss = loss - convention.ent_coef * batch.entropy.sum() / minibatch_tokens;
  }

  const torch::NoGradGuard no_grad;
  Loss<PolicyStatistics> result{loss, {}};
  const auto ratio64 = ratio.to(torch::kFloat64);
  // One copy to the host for all of them.
  const auto sums = torch::stack({torch::full_like(sum64(ratio), static_cast<double>(ratio.numel())),
                                  sum64(torch::max(plain, clipped)), sum64((clipped > plain)),
                                  log_ratio.to(torch::kFloat64).square().sum(), ratio64.sum(),
                                  ratio64.square().sum(), sum64(batch.entropy), ratio64.max()})
                        .cpu();
  result.statistics.set_sums(sums.slice(0, 0, kPolicySums.size()));
  result.statistics.ratio_max = sums[kPolicySums.size()].item<double>();
  return result;
}

Loss<ValueStatistics> value_loss(const ValueMicroBatch& batch, const Convention& convention,
                                 double minibatch_slots) {
  const double eps = convention.cliprange_value;
  const auto moved = batch.values + (batch.new_values - batch.values).clamp(-eps, eps);  // [m]
  const auto plain = (batch.new_values - batch.returns).square();
  const auto clipped = (moved - batch.returns).square();
  const auto error = 0.5 * torch::max(plain, clipped);
  const auto loss = convention.vf_coef * error.sum() / minibatch_slots;

  const torch::NoGradGuard no_grad;
  Loss<ValueStatistics> result{loss, {}};
  result.statistics.set_sums(
      torch::stack({torch::full_like(sum64(plain), static_cast<double>(plain.numel())), sum64(error),
                    sum64(clipped > plain), sum64(batch.new_values), sum64(plain)}));
  return result;
}

}  // namespace rlhf
