#include "train/optimizer_step.h"

#include <cmath>

#include <torch/utils.h>

#include "contract/error.h"

namespace rlhf {
namespace {

constexpr int64_t kMaxNonFiniteRunning = 5;

bool is_embedding(const std::string& name) {
  return name.find("embed_tokens") != std::string::npos || name == "embedding";
}

}  // namespace

AdamWOptions adamw_options(const TrainingOptions& o) {
  return {o.adam_beta1,   o.adam_beta2,    o.adam_epsilon,
          o.weight_decay, o.max_grad_norm, o.embedding_learning_rate_scale};
}

OptimizerStep::OptimizerStep(std::vector<NamedTensor> parameters, AdamWOptions options,
                             Collective& collective, std::string prefix)
    : parameters_(std::move(parameters)),
      options_(options),
      collective_(collective),
      prefix_(std::move(prefix)) {
  groups_.resize(3);  // matrices, vectors, token embedding
  groups_[0].weight_decay = groups_[2].weight_decay = options_.weight_decay;
  groups_[2].learning_rate_scale = options_.embedding_learning_rate_scale;
  for (const NamedTensor& parameter : parameters_) {
    const size_t which = is_embedding(parameter.name) ? 2 : parameter.tensor.dim() < 2 ? 1 : 0;
    Group& group = groups_[which];
    place_.emplace_back(which, group.parameters.size());
    group.parameters.push_back(parameter.tensor);
    group.first_moments.push_back(torch::zeros_like(parameter.tensor));
    group.second_moments.push_back(torch::zeros_like(parameter.tensor));
    group.steps.push_back(torch::zeros({}, torch::dtype(torch::kFloat32).device(parameter.tensor.device())));
  }
}

std::vector<torch::Tensor> OptimizerStep::gradients() const {
  std::vector<torch::Tensor> all;
  all.reserve(parameters_.size());
  for (const NamedTensor& parameter : parameters_) {
    // A process whose share held no token for a parameter still takes part in the sum.
    if (!parameter.tensor.grad().defined())
      parameter.tensor.mutable_grad() = torch::zeros_like(parameter.tensor);
    all.push_back(parameter.tensor.grad());
  }
  return all;
}

OptimizerStep::Result OptimizerStep::step(double learning_rate) {
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> all = gradients();
  collective_.all_reduce_sum(all);

  std::vector<torch::Tensor> norms = torch::_foreach_norm(all, 2);
  Result result;
  result.grad_norm = torch::linalg_vector_norm(torch::stack(norms).to(torch::kFloat64), 2).item<double>();
  result.applied = std::isfinite(result.grad_norm);
  if (!result.applied) {
    zero_grad();
    ++non_finite_total_;
    if (++non_finite_running_ >= kMaxNonFiniteRunning)
      throw WorldError(
          std::to_string(kMaxNonFiniteRunning) +
          " optimizer steps in a row had a gradient that is not finite: lower --learning_rate, or look "
          "at the data of these steps");
    return result;
  }
  non_finite_running_ = 0;

  if (options_.max_grad_norm > 0) {
    const double scale = options_.max_grad_norm / (result.grad_norm + 1e-6);
    if (scale < 1) torch::_foreach_mul_(all, scale);
  }
  for (Group& group : groups_) {
    if (group.parameters.empty()) continue;
    std::vector<torch::Tensor> grads;
    for (const torch::Tensor& parameter : group.parameters) grads.push_back(parameter.grad());
    torch::_foreach_add_(group.steps, 1);
    at::_fused_adamw_(group.parameters, grads, group.first_moments, group.second_moments, {}, group.steps,
                      learning_rate * group.learning_rate_scale, options_.beta1, options_.beta2,
                      group.weight_decay, options_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
  }
  zero_grad();
  return result;
}

void OptimizerStep::zero_grad() {
  for (const NamedTensor& parameter : parameters_) {
    // Released, not zeroed: the next backward pass puts its own there instead of adding to it.
    parameter.tensor.mutable_grad().reset();
  }
}

std::vector<NamedTensor> OptimizerStep::state() const {
  std::vector<NamedTensor> state;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const auto [which, index] = place_[i];
    const Group& group = groups_[which];
    const std::string base = prefix_ + parameters_[i].name;
    state.push_back({base + ".exp_avg", group.first_moments[index]});
    state.push_back({base + ".exp_avg_sq", group.second_moments[index]});
    state.push_back({base + ".step", group.steps[index]});
  }
  state.push_back(
      {prefix_ + "non_finite", torch::tensor({non_finite_running_, non_finite_total_}, torch::kInt64)});
  return state;
}

void OptimizerStep::load_state(const SafetensorsFile& file) {
  torch::NoGradGuard no_grad;
  const auto copy = [&file](const std::string& name, torch::Tensor& into) {
    const torch::Tensor stored = file.tensor(name);
    if (stored.sizes() != into.sizes() || stored.scalar_type() != into.scalar_type())
      throw UserError("the optimizer state of " + name +
                      " has another shape or type than this model: the checkpoint "
                      "belongs to another run");
    into.copy_(stored);
  };
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const auto [which, index] = place_[i];
    Group& group = groups_[which];
    const std::string base = prefix_ + parameters_[i].name;
    copy(base + ".exp_avg", group.first_moments[index]);
    copy(base + ".exp_avg_sq", group.second_moments[index]);
    copy(base + ".step", group.steps[index]);
  }
  torch::Tensor counters = torch::zeros({2}, torch::kInt64);
  copy(prefix_ + "non_finite", counters);
  non_finite_running_ = counters[0].item<int64_t>();
  non_finite_total_ = counters[1].item<int64_t>();
}

}  // namespace rlhf
