#include "model/token_logprobs.h"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include <torch/autograd.h>
#include <torch/utils.h>

#include "model/cpu_kernels.h"
#include "model/head_products.h"
#include "model/parallel.h"

namespace rlhf {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

torch::ScalarType result_dtype(torch::ScalarType compute) {
  return compute == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
}

int64_t chunk_rows(const torch::Tensor& weight, const LogprobCompute& compute) {
  return std::max<int64_t>(1, compute.chunk_elements / weight.size(0));
}

/// Where the logits of one chunk after the other lie: once as much memory, whatever else is allocated
/// between.
class ChunkMemory {
 public:
  /// For chunks of `hidden`, the rows of all of them.
  ChunkMemory(const torch::Tensor& hidden, const torch::Tensor& weight, int64_t chunk,
              const HeadProducts& head)
      : memory_(torch::empty({std::min(chunk, hidden.size(0)), weight.size(0)},
                             hidden.options().dtype(head.logits_dtype()))) {}
  torch::Tensor rows(int64_t count) const { return memory_.narrow(0, 0, count); }

 private:
  torch::Tensor memory_;
};

/// What is known of M rows after their logits were looked at.
struct Rows {
  torch::Tensor logprobs, log_normalizers;  // [M]
  torch::Tensor entropy, correct;           // [M], undefined without statistics

  Rows(int64_t count, bool statistics, const torch::TensorOptions& options)
      : logprobs(torch::empty({count}, options)), log_normalizers(torch::empty({count}, options)) {
    if (!statistics) return;
    entropy = torch::empty({count}, options);
    correct = torch::empty({count}, options.dtype(torch::kBool));
  }
};

/// d loss / d of what a row gives; entropy's is undefined where it has none.
struct RowGradients {
  torch::Tensor logprobs, entropy;
};

/// Calls run(logits element, result element) with the types of the kernels that take these logits.
template <typename Run>
void with_kernel_types(torch::ScalarType dtype, const Run& run) {
  switch (dtype) {
    case torch::kFloat64:
      return run(double{}, double{});
    case torch::kBFloat16:
      return run(cpu::Bfloat16{}, float{});
    default:
      return run(float{}, float{});
  }
}

template <typename T>
T* data_or_null(const torch::Tensor& tensor, int64_t offset) {
  return tensor.defined() ? tensor.data_ptr<T>() + offset : nullptr;
}

/// Fills rows [first, first + C) from their logits [C, V].
void look_at(const torch::Tensor& logits, const torch::Tensor& targets, double temperature, int64_t first,
             Rows& rows) {
  const int64_t vocab = logits.size(1);
  with_kernel_types(logits.scalar_type(), [&](auto stored, auto result) {
    using Stored = decltype(stored);
    using Result = decltype(result);
    parallel_rows(logits.size(0), vocab, [&](int64_t begin, int64_t end) {
      const int64_t row = first + begin;
      cpu::softmax_rows(
          static_cast<const Stored*>(logits.data_ptr()) + begin * vocab,
          {end - begin, vocab, 1.0 / temperature, targets.data_ptr<int64_t>() + row,
           rows.logprobs.data_ptr<Result>() + row, rows.log_normalizers.data_ptr<Result>() + row,
           data_or_null<Result>(rows.entropy, row), data_or_null<bool>(rows.correct, row)});
    });
  });
}

void look_at_on_device(const torch::Tensor& logits, const torch::Tensor& targets, double temperature,
                       int64_t first, Rows& rows) {
  const int64_t count = logits.size(0);
  const torch::Tensor scaled = logits.to(rows.logprobs.scalar_type()) / temperature;
  const torch::Tensor log_normalizers = at::logsumexp(scaled, {1});
  const torch::Tensor chunk_targets = targets.narrow(0, first, count);
  rows.log_normalizers.narrow(0, first, count).copy_(log_normalizers);
  rows.logprobs.narrow(0, first, count)
      .copy_(scaled.gather(1, chunk_targets.unsqueeze(1)).squeeze(1) - log_normalizers);
  if (!rows.entropy.defined()) return;
  const torch::Tensor p = (scaled - log_normalizers.unsqueeze(1)).exp_();
  rows.entropy.narrow(0, first, count).copy_(at::xlogy(p, p).sum(-1).neg_());
  rows.correct.narrow(0, first, count).copy_(scaled.argmax(-1) == chunk_targets);
}

/// d loss / d logits of a chunk into `out`, which has the type of the logits and may be them.
void logit_gradient(const torch::Tensor& logits, const torch::Tensor& out, const torch::Tensor& targets,
                    double temperature, int64_t first, const Rows& rows, const RowGradients& gradients) {
  const int64_t vocab = logits.size(1);
  with_kernel_types(logits.scalar_type(), [&](auto stored, auto result) {
    using Stored = decltype(stored);
    using Result = decltype(result);
    parallel_rows(logits.size(0), vocab, [&](int64_t begin, int64_t end) {
      const int64_t row = first + begin;
      cpu::softmax_gradient_rows(
          static_cast<const Stored*>(logits.data_ptr()) + begin * vocab,
          static_cast<Stored*>(out.data_ptr()) + begin * vocab,
          {end - begin, vocab, 1.0 / temperature, targets.data_ptr<int64_t>() + row,
           rows.log_normalizers.data_ptr<Result>() + row, data_or_null<Result>(rows.entropy, row),
           gradients.logprobs.data_ptr<Result>() + row, data_or_null<Result>(gradients.entropy, row)});
    });
  });
}

void logit_gradient_on_device(const torch::Tensor& logits, const torch::Tensor& out,
                              const torch::Tensor& targets, double temperature, int64_t first,
                              const Rows& rows, const RowGradients& gradients) {
  const auto column = [&](const torch::Tensor& x) { return x.narrow(0, first, logits.size(0)).unsqueeze(1); };
  const torch::Tensor log_p =
      (logits.to(rows.logprobs.scalar_type()) / temperature).sub_(column(rows.log_normalizers));
  const torch::Tensor p = log_p.exp(), dlogprobs = column(gradients.logprobs) / temperature;
  torch::Tensor gradient;
  if (gradients.entropy.defined()) {
    const torch::Tensor dentropy = column(gradients.entropy) / temperature;
    gradient = at::xlogy(p, p).mul_(dentropy).add_(p * (dlogprobs + dentropy * column(rows.entropy))).neg_();
  } else {
    gradient = (p * dlogprobs).neg_();
  }
  out.copy_(gradient.scatter_add_(1, column(targets), dlogprobs));
}

struct Forward {
  Rows rows;
  variable_list kept;  // logits of every chunk, when asked for
};

bool uses_kernels(const torch::Tensor& hidden, const LogprobCompute& compute) {
  return hidden.is_cpu() && compute.cpu_kernels;
}

Forward forward_in_chunks(const torch::Tensor& hidden, const torch::Tensor& weight,
                          const torch::Tensor& targets, const LogprobOptions& options,
                          const LogprobCompute& compute, bool keep) {
  const torch::Tensor h = hidden.to(compute.dtype).contiguous();
  HeadProducts head(weight, compute.dtype);
  const int64_t count = h.size(0), chunk = chunk_rows(weight, compute);
  Forward result{Rows(count, options.statistics, h.options().dtype(result_dtype(compute.dtype))), {}};
  const auto look = uses_kernels(h, compute) ? look_at : look_at_on_device;
  std::optional<ChunkMemory> memory;
  for (int64_t begin = 0; begin < count; begin += chunk) {
    const int64_t size = std::min(chunk, count - begin);
    if (keep || !memory) memory.emplace(h, weight, keep ? size : chunk, head);
    torch::Tensor logits = memory->rows(size);
    head.logits(h.narrow(0, begin, size), logits);
    look(logits, targets, options.temperature, begin, result.rows);
    if (keep) result.kept.push_back(logits);
  }
  return result;
}

struct ChunkedLogprobs : torch::autograd::Function<ChunkedLogprobs> {
  /// {logprobs}, or {logprobs, entropy, correct} with statistics.
  static variable_list forward(AutogradContext* context, const torch::Tensor& hidden,
                               const torch::Tensor& weight, const torch::Tensor& targets,
                               const LogprobOptions& options, const LogprobCompute& compute) {
    const bool keep = hidden.size(0) * weight.size(0) <= compute.kept_elements;
    const Forward result = forward_in_chunks(hidden, weight, targets, options, compute, keep);
    const Rows& rows = result.rows;
    variable_list saved = {hidden, weight, targets, rows.log_normalizers, rows.entropy};
    saved.insert(saved.end(), result.kept.begin(), result.kept.end());
    context->save_for_backward(saved);
    context->saved_data["temperature"] = options.temperature;
    context->saved_data["dtype"] = static_cast<int64_t>(compute.dtype);
    context->saved_data["chunk"] = chunk_rows(weight, compute);
    context->saved_data["kernels"] = uses_kernels(hidden, compute);
    if (!options.statistics) return {rows.logprobs};
    context->mark_non_differentiable({rows.correct});
    return {rows.logprobs, rows.entropy, rows.correct};
  }

  static variable_list backward(AutogradContext* context, variable_list incoming) {
    constexpr std::size_t kFirstKept = 5;
    const variable_list saved = context->get_saved_variables();
    const torch::Tensor &hidden = saved[0], &weight = saved[1], &targets = saved[2];
    const double temperature = context->saved_data["temperature"].toDouble();
    const auto dtype = static_cast<torch::ScalarType>(context->saved_data["dtype"].toInt());
    const int64_t chunk = context->saved_data["chunk"].toInt(), count = hidden.size(0);
    const torch::Tensor h = hidden.to(dtype).contiguous();
    HeadProducts head(weight, dtype);
    Rows rows(0, false, saved[3].options());
    rows.log_normalizers = saved[3];
    rows.entropy = saved[4];
    RowGradients gradients;
    gradients.logprobs = incoming[0].defined() ? incoming[0].contiguous() : torch::zeros_like(saved[3]);
    if (rows.entropy.defined() && incoming[1].defined()) gradients.entropy = incoming[1].contiguous();
    const auto differentiate =
        context->saved_data["kernels"].toBool() ? logit_gradient : logit_gradient_on_device;

    torch::Tensor hidden_gradient, weight_gradient;
    if (context->needs_input_grad(0)) hidden_gradient = torch::empty_like(hidden);
    if (context->needs_input_grad(1)) weight_gradient = torch::zeros_like(weight);
    const ChunkMemory memory(h, weight, chunk, head);
    for (int64_t begin = 0, i = 0; begin < count; begin += chunk, ++i) {
      const int64_t size = std::min(chunk, count - begin);
      const torch::Tensor chunk_hidden = h.narrow(0, begin, size), gradient = memory.rows(size);
      torch::Tensor logits = gradient;
      if (saved.size() > kFirstKept) {
        logits = saved[kFirstKept + static_cast<std::size_t>(i)];
      } else {
        head.logits(chunk_hidden, logits);
      }
      differentiate(logits, gradient, targets, temperature, begin, rows, gradients);
      if (hidden_gradient.defined())
        hidden_gradient.narrow(0, begin, size).copy_(head.hidden_gradient(gradient));
      if (weight_gradient.defined()) head.add_weight_gradient(gradient, chunk_hidden, weight_gradient);
    }
    return {hidden_gradient, weight_gradient, torch::Tensor(), torch::Tensor(), torch::Tensor()};
  }
};

/// The sum of log-probabilities, its gradient made while the logits are there.
struct SummedLogprobs : torch::autograd::Function<SummedLogprobs> {
  /// {sum, logprobs, entropy, correct}; only the sum has a gradient.
  static variable_list forward(AutogradContext* context, const torch::Tensor& hidden,
                               const torch::Tensor& weight, const torch::Tensor& targets,
                               const LogprobCompute& compute) {
    const torch::Tensor h = hidden.to(compute.dtype).contiguous();
    HeadProducts head(weight, compute.dtype);
    const int64_t count = h.size(0), chunk = chunk_rows(weight, compute);
    Rows rows(count, true, h.options().dtype(result_dtype(compute.dtype)));
    const RowGradients ones{torch::ones_like(rows.logprobs), {}};
    const auto look = uses_kernels(h, compute) ? look_at : look_at_on_device;
    const auto differentiate = uses_kernels(h, compute) ? logit_gradient : logit_gradient_on_device;
    const torch::Tensor hidden_gradient = torch::empty_like(hidden);
    torch::Tensor weight_gradient = torch::zeros_like(weight);
    const ChunkMemory memory(h, weight, chunk, head);
    for (int64_t begin = 0; begin < count; begin += chunk) {
      const int64_t size = std::min(chunk, count - begin);
      const torch::Tensor chunk_hidden = h.narrow(0, begin, size);
      torch::Tensor logits = memory.rows(size);
      head.logits(chunk_hidden, logits);
      look(logits, targets, 1.0, begin, rows);
      differentiate(logits, logits, targets, 1.0, begin, rows, ones);
      hidden_gradient.narrow(0, begin, chunk_hidden.size(0)).copy_(head.hidden_gradient(logits));
      head.add_weight_gradient(logits, chunk_hidden, weight_gradient);
    }
    context->saved_data["hidden_gradient"] = hidden_gradient;
    context->saved_data["weight_gradient"] = weight_gradient;
    context->mark_non_differentiable({rows.logprobs, rows.entropy, rows.correct});
    return {rows.logprobs.sum(), rows.logprobs, rows.entropy, rows.correct};
  }

  static variable_list backward(AutogradContext* context, variable_list incoming) {
    // Taken out, so that the engine owns them alone and may add to them in place.
    const auto scaled = [&](const char* name) {
      torch::Tensor gradient = context->saved_data.at(name).toTensor();
      context->saved_data.erase(name);
      return gradient.mul_(incoming[0]);
    };
    return {scaled("hidden_gradient"), scaled("weight_gradient"), torch::Tensor(), torch::Tensor()};
  }
};

}  // namespace

SumOfLogprobs sum_of_logprobs(const torch::Tensor& hidden, const torch::Tensor& weight,
                              const torch::Tensor& targets, const LogprobCompute& compute) {
  const variable_list results = SummedLogprobs::apply(hidden, weight, targets.contiguous(), compute);
  return {results[0], {results[1], results[2], results[3]}};
}

TokenLogprobs token_logprobs(const torch::Tensor& hidden, const torch::Tensor& weight,
                             const torch::Tensor& targets, const LogprobOptions& options,
                             const LogprobCompute& compute) {
  if (!(options.temperature > 0)) {
    throw std::invalid_argument("the temperature of log-probabilities must be above 0");
  }
  const torch::Tensor packed_targets = targets.contiguous();
  if (!at::GradMode::is_enabled() || !(hidden.requires_grad() || weight.requires_grad())) {
    const Rows rows = forward_in_chunks(hidden, weight, packed_targets, options, compute, false).rows;
    return {rows.logprobs, rows.entropy, rows.correct};
  }
  const variable_list results = ChunkedLogprobs::apply(hidden, weight, packed_targets, options, compute);
  if (!options.statistics) return {results[0], {}, {}};
  return {results[0], results[1], results[2]};
}

}  // namespace rlhf
