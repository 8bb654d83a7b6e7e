#include "ppo/loss.h"

#include <algorithm>
#include <array>
#include <vector>

#include <torch/utils.h>

namespace rlhf {
namespace {

constexpr std::array kPolicySums = {&PolicyStatistics::tokens,  &PolicyStatistics::loss,
                                    &PolicyStatistics::clipped, &PolicyStatistics::log_ratio_sq,
                                    &PolicyStatistics::ratio,   &PolicyStatistics::ratio_sq,
                                    &PolicyStatistics::entropy};
constexpr std::array kValueSums = {&ValueStatistics::slots, &ValueStatistics::loss, &ValueStatistics::clipped,
                                   &ValueStatistics::value, &ValueStatistics::error_sq};

template <typename Statistics, size_t K>
std::vector<double> read_sums(const Statistics& statistics,
                              const std::array<double Statistics::*, K>& fields) {
  std::vector<double> sums;
  for (auto field : fields) {
    sums.push_back(statistics.*field);
  }
  return sums;
}

template <typename Statistics, size_t K>
void write_sums(Statistics& statistics, const std::array<double Statistics::*, K>& fields,
                const std::vector<double>& sums) {
  for (size_t i = 0; i < K; ++i) {
    statistics.*fields[i] = sums.at(i);
  }
}

/// float64 scalars on a device, read with one copy.
std::vector<double> to_host(const std::vector<torch::Tensor>& scalars) {
  const auto host = torch::stack(scalars).cpu();
  return {host.data_ptr<double>(), host.data_ptr<double>() + host.numel()};
}

torch::Tensor sum64(const torch::Tensor& x) {
  return x.sum(torch::kFloat64);
}

}  // namespace

PolicyStatistics& PolicyStatistics::operator+=(const PolicyStatistics& other) {
  for (auto field : kPolicySums) {
    this->*field += other.*field;
  }
  ratio_gap = std::max(ratio_gap, other.ratio_gap);
  return *this;
}

double PolicyStatistics::ratio_variance() const {
  const double m = mean(&PolicyStatistics::ratio);
  return std::max(0.0, mean(&PolicyStatistics::ratio_sq) - m * m);
}

std::vector<double> PolicyStatistics::sums() const {
  return read_sums(*this, kPolicySums);
}
void PolicyStatistics::set_sums(const std::vector<double>& sums) {
  write_sums(*this, kPolicySums, sums);
}

ValueStatistics& ValueStatistics::operator+=(const ValueStatistics& other) {
  for (auto field : kValueSums) {
    this->*field += other.*field;
  }
  return *this;
}

std::vector<double> ValueStatistics::sums() const {
  return read_sums(*this, kValueSums);
}
void ValueStatistics::set_sums(const std::vector<double>& sums) {
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
  const auto host = to_host({sum64(torch::max(plain, clipped)), sum64(clipped > plain),
                             log_ratio.to(torch::kFloat64).square().sum(), ratio64.sum(),
                             ratio64.square().sum(), sum64(batch.entropy), (ratio64 - 1).abs().max()});
  result.statistics = {
      static_cast<double>(ratio.numel()), host[0], host[1], host[2], host[3], host[4], host[5], host[6]};
  return result;
}

Loss<ValueStatistics> value_loss(const ValueMicroBatch& batch, const Convention& convention,
                                 double minibatch_slots) {
  const double eps = convention.cliprange_value;
  // As it is inside the bounds, to the bit: what was not clipped must not count as clipped.
  const auto moved = batch.new_values.clamp(batch.values - eps, batch.values + eps);  // [m]
  const auto plain = (batch.new_values - batch.returns).square();
  const auto clipped = (moved - batch.returns).square();
  const auto error = 0.5 * torch::max(plain, clipped);
  const auto loss = convention.vf_coef * error.sum() / minibatch_slots;

  const torch::NoGradGuard no_grad;
  Loss<ValueStatistics> result{loss, {}};
  const auto host = to_host({sum64(error), sum64(clipped > plain), sum64(batch.new_values), sum64(plain)});
  result.statistics = {static_cast<double>(plain.numel()), host[0], host[1], host[2], host[3]};
  return result;
}

}  // namespace rlhf
