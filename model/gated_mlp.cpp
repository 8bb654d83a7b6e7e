#include "model/gated_mlp.h"

#include <algorithm>

#include <torch/autograd.h>

#include "model/cpu_kernels.h"
#include "model/packed_matrix.h"
#include "model/parallel.h"
#include "model/rms_norm_rows.h"
#include "model/stored_type.h"

namespace rlhf {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kTogether = 512;  // rows whose float32 products stay in the cache between two passes

/// What a thread keeps from call to call: weights laid out, and room for the rows beside them.
struct Workspace {
  PackedMatrix in, out;
  PackedProduct product;
};

Workspace& workspace() {
  static thread_local Workspace kept;
  return kept;
}

/// Calls part(first, count) for the runs of rows that are computed together.
template <typename Part>
void for_runs(int64_t rows, const Part& part) {
  for (int64_t first = 0; first < rows; first += kTogether) part(first, std::min(kTogether, rows - first));
}

/// `kept` [N, 2 I] receives gates and ups unless it is undefined.
torch::Tensor compute_forward(const torch::Tensor& x, const torch::Tensor& normed,
                              const torch::Tensor& in_weight, const torch::Tensor& out_weight,
                              const torch::Tensor& kept) {
  const int64_t rows = x.size(0), hidden = x.size(1), inner = out_weight.size(1);
  const torch::ScalarType compute = normed.scalar_type();
  const int64_t together = std::min(kTogether, rows);
  const torch::Tensor y = torch::empty_like(x), sums = torch::empty({together, 2 * inner}),
                      branch = torch::empty({together, hidden}),
                      activated = torch::empty({together, inner}, compute);
  auto& [in, out, product] = workspace();
  in.assign(in_weight, compute);
  out.assign(out_weight, compute);
  for_runs(rows, [&](int64_t first, int64_t count) {
    const bool exact = kept.defined() && compute == torch::kFloat32;  // what is kept is the sums themselves
    float* gates = exact ? mutable_rows_from<float>(kept, first) : mutable_rows_from<float>(sums);
    product(in, ProductInput(normed, first, count), nullptr, gates);
    parallel_rows(count, 2 * inner, [&](int64_t begin, int64_t end) {
      const float* from = gates + begin * 2 * inner;
      if (compute == torch::kFloat32)
        cpu::swiglu(from, mutable_rows_from<float>(activated, begin), end - begin, inner);
      else
        cpu::swiglu(from, kept.defined() ? mutable_rows_from<cpu::Bfloat16>(kept, first + begin) : nullptr,
                    mutable_rows_from<cpu::Bfloat16>(activated, begin), end - begin, inner);
    });
    product(out, ProductInput(activated, 0, count), nullptr, mutable_rows_from<float>(branch));
    parallel_rows(count, hidden, [&](int64_t begin, int64_t end) {
      cpu::add(rows_from<float>(x, first + begin), rows_from<float>(branch, begin),
               mutable_rows_from<float>(y, first + begin), (end - begin) * hidden);
    });
  });
  return y;
}

struct GatedMlp : torch::autograd::Function<GatedMlp> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& norm_weight, const torch::Tensor& in_weight,
                               const torch::Tensor& out_weight, double eps, torch::ScalarType compute) {
    const auto [normed, scales] = rms_norm_rows(x, norm_weight, eps, compute);
    const torch::Tensor kept = torch::empty({x.size(0), in_weight.size(0)}, compute);
    context->save_for_backward({x, norm_weight, in_weight, out_weight, scales, kept});
    context->saved_data["eps"] = eps;
    return compute_forward(x, normed, in_weight, out_weight, kept);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const torch::Tensor &x = saved[0], &norm_weight = saved[1], &in_weight = saved[2], &out_weight = saved[3],
                        &kept = saved[5];
    const torch::Tensor dy = gradients[0].contiguous();
    const torch::ScalarType compute = kept.scalar_type();
    const int64_t rows = x.size(0), inner = out_weight.size(1);
    const torch::Tensor activated = torch::empty({rows, inner}, compute), dgates = torch::empty_like(kept);
    const torch::Tensor dactivated = torch::empty({std::min(kTogether, rows), inner});
    auto& [in, out, product] = workspace();
    out.refer_to(out_weight.t(), compute);
    for_runs(rows, [&](int64_t first, int64_t count) {
      product(out, ProductInput(dy, first, count), nullptr, mutable_rows_from<float>(dactivated));
      with_stored_type(compute, [&](auto element) {
        using Stored = decltype(element);
        parallel_rows(count, 2 * inner, [&](int64_t begin, int64_t end) {
          cpu::swiglu_backward(rows_from<Stored>(kept, first + begin), rows_from<float>(dactivated, begin),
                               mutable_rows_from<Stored>(dgates, first + begin),
                               mutable_rows_from<Stored>(activated, first + begin), end - begin, inner);
        });
      });
    });
    variable_list result(6);
    const torch::Tensor normed =
        rms_norm_rows(x, norm_weight, context->saved_data["eps"].toDouble(), compute).normed;
    result[2] = packed_product(dgates.t(), normed.t(), compute);
    result[3] = packed_product(dy.t(), activated.t(), compute);
    const NormGradients norm =
        rms_norm_rows_backward(x, norm_weight, saved[4], packed_product(dgates, in_weight.t(), compute), dy);
    result[0] = norm.x;
    result[1] = norm.weight;
    return result;
  }
};

}  // namespace

torch::Tensor gated_mlp(const torch::Tensor& x, const torch::Tensor& norm_weight,
                        const torch::Tensor& in_weight, const torch::Tensor& out_weight, double eps,
                        torch::ScalarType compute) {
  const torch::Tensor rows = x.contiguous();
  if (at::GradMode::is_enabled())
    return GatedMlp::apply(rows, norm_weight, in_weight, out_weight, eps, compute);
  return compute_forward(rows, rms_norm_rows(rows, norm_weight, eps, compute).normed, in_weight, out_weight,
                         {});
}

}  // namespace rlhf
