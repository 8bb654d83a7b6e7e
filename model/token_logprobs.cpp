#include "model/token_logprobs.h"

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include <torch/autograd.h>
#include <torch/utils.h>

namespace rlhf {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

int64_t chunk_rows(const torch::Tensor& weight, const LogprobCompute& compute) {
  return std::max<int64_t>(1, compute.chunk_elements / weight.size(0));
}

torch::ScalarType result_dtype(torch::ScalarType compute) {
  return compute == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
}

/// [C, V] log-probabilities of a chunk of hidden rows, in memory of their own.
torch::Tensor chunk_log_softmax(const torch::Tensor& hidden, const torch::Tensor& weight,
                                double temperature) {
  torch::Tensor logits = at::linear(hidden, weight).to(result_dtype(weight.scalar_type()));
  if (temperature != 1.0) logits.div_(temperature);
  return at::log_softmax(logits, -1);
}

/// d loss / d logits of a chunk: of log p(target), and of the entropy H = -sum p log p, whose derivative in
/// logit z_i is -p_i (log p_i + H). `log_p` is overwritten when it may be.
torch::Tensor chunk_logit_gradient(const torch::Tensor& log_p, const torch::Tensor& targets,
                                   const torch::Tensor& logprob_gradient, const torch::Tensor& entropy,
                                   const torch::Tensor& entropy_gradient) {
  const torch::Tensor p = log_p.exp();
  torch::Tensor gradient;  // [C, V]
  if (entropy.defined()) {
    const torch::Tensor slope = entropy_gradient.unsqueeze(1);
    gradient = (log_p + entropy.unsqueeze(1)).mul_(slope).add_(logprob_gradient.unsqueeze(1)).mul_(p).neg_();
  } else {
    gradient = p.mul(logprob_gradient.unsqueeze(1)).neg_();
  }
  return gradient.scatter_add_(1, targets.unsqueeze(1), logprob_gradient.unsqueeze(1));
}

struct ForwardResult {
  TokenLogprobs tokens;
  variable_list kept;  // [C, V] log-probabilities of every chunk, when asked for
};

ForwardResult forward_in_chunks(const torch::Tensor& hidden, const torch::Tensor& weight,
                                const torch::Tensor& targets, const LogprobOptions& options,
                                const LogprobCompute& compute, bool keep) {
  const torch::Tensor h = hidden.to(compute.dtype), w = weight.to(compute.dtype);
  const int64_t rows = h.size(0), chunk = chunk_rows(w, compute);
  const auto result_options = h.options().dtype(result_dtype(compute.dtype));
  ForwardResult result;
  result.tokens.logprobs = torch::empty({rows}, result_options);
  if (options.statistics) {
    result.tokens.entropy = torch::empty({rows}, result_options);
    result.tokens.correct = torch::empty({rows}, h.options().dtype(torch::kBool));
  }
  for (int64_t begin = 0; begin < rows; begin += chunk) {
    const auto part = [&](const torch::Tensor& tensor) {
      return tensor.narrow(0, begin, std::min(chunk, rows - begin));
    };
    const torch::Tensor log_p = chunk_log_softmax(part(h), w, options.temperature);
    part(result.tokens.logprobs).copy_(log_p.gather(1, part(targets).unsqueeze(1)).squeeze(1));
    if (options.statistics) {
      const torch::Tensor p = log_p.exp();
      part(result.tokens.entropy).copy_(at::xlogy(p, p).sum(-1).neg_());
      part(result.tokens.correct).copy_(log_p.argmax(-1) == part(targets));
    }
    if (keep) result.kept.push_back(log_p);
  }
  return result;
}

struct ChunkedLogprobs : torch::autograd::Function<ChunkedLogprobs> {
  /// {logprobs}, or {logprobs, entropy, correct} with statistics.
  static variable_list forward(AutogradContext* context, const torch::Tensor& hidden,
                               const torch::Tensor& weight, const torch::Tensor& targets,
                               const LogprobOptions& options, const LogprobCompute& compute) {
    const bool keep = hidden.size(0) * weight.size(0) <= compute.kept_elements;
    const ForwardResult result = forward_in_chunks(hidden, weight, targets, options, compute, keep);
    variable_list saved = {hidden, weight, targets, result.tokens.entropy};
    saved.insert(saved.end(), result.kept.begin(), result.kept.end());
    context->save_for_backward(saved);
    context->saved_data["temperature"] = options.temperature;
    context->saved_data["compute"] = static_cast<int64_t>(compute.dtype);
    context->saved_data["chunk"] = chunk_rows(weight, compute);
    if (!options.statistics) return {result.tokens.logprobs};
    context->mark_non_differentiable({result.tokens.correct});
    return {result.tokens.logprobs, result.tokens.entropy, result.tokens.correct};
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const torch::Tensor &hidden = saved[0], &weight = saved[1], &targets = saved[2], &entropy = saved[3];
    const double temperature = context->saved_data["temperature"].toDouble();
    const auto compute = static_cast<torch::ScalarType>(context->saved_data["compute"].toInt());
    const int64_t chunk = context->saved_data["chunk"].toInt();
    const torch::Tensor h = hidden.to(compute), w = weight.to(compute);
    const torch::Tensor logprob_gradient =
        gradients[0].defined() ? gradients[0]
                               : torch::zeros({h.size(0)}, h.options().dtype(result_dtype(compute)));
    const bool with_entropy = entropy.defined() && gradients[1].defined();

    torch::Tensor hidden_gradient, weight_gradient;
    if (context->needs_input_grad(0)) hidden_gradient = torch::empty_like(hidden);
    if (context->needs_input_grad(1)) weight_gradient = torch::zeros_like(weight);
    std::size_t kept = 4;
    for (int64_t begin = 0; begin < h.size(0); begin += chunk) {
      const int64_t count = std::min(chunk, h.size(0) - begin);
      const auto rows = [&](const torch::Tensor& tensor) { return tensor.narrow(0, begin, count); };
      const torch::Tensor log_p =
          saved.size() > 4 ? saved[kept++] : chunk_log_softmax(rows(h), w, temperature);
      torch::Tensor gradient = chunk_logit_gradient(log_p, rows(targets), rows(logprob_gradient),
                                                    with_entropy ? rows(entropy) : torch::Tensor(),
                                                    with_entropy ? rows(gradients[1]) : torch::Tensor());
      if (temperature != 1.0) gradient.div_(temperature);
      gradient = gradient.to(compute);
      if (hidden_gradient.defined()) rows(hidden_gradient).copy_(at::mm(gradient, w));
      if (!weight_gradient.defined()) continue;
      if (compute == weight.scalar_type()) {
        weight_gradient.addmm_(gradient.t(), rows(h));
      } else {
        weight_gradient.add_(at::mm(gradient.t(), rows(h)));
      }
    }
    return {hidden_gradient, weight_gradient, torch::Tensor(), torch::Tensor(), torch::Tensor()};
  }
};

}  // namespace

TokenLogprobs token_logprobs(const torch::Tensor& hidden, const torch::Tensor& weight,
                             const torch::Tensor& targets, const LogprobOptions& options,
                             const LogprobCompute& compute) {
  if (!(options.temperature > 0))
    throw std::invalid_argument("the temperature of log-probabilities must be above 0");
  if (!at::GradMode::is_enabled() || !(hidden.requires_grad() || weight.requires_grad())) {
    return forward_in_chunks(hidden, weight, targets, options, compute, false).tokens;
  }
  const variable_list results = ChunkedLogprobs::apply(hidden, weight, targets, options, compute);
  if (!options.statistics) return {results[0], {}, {}};
  return {results[0], results[1], results[2]};
}

}  // namespace rlhf
