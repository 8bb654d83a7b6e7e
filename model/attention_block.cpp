#include "model/attention_block.h"

#include <optional>

#include <torch/autograd.h>

#include "model/causal_attention.h"
#include "model/cpu_kernels.h"
#include "model/packed_matrix.h"
#include "model/parallel.h"
#include "model/rms_norm_rows.h"
#include "model/stored_type.h"

namespace rlhf {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Sizes in elements: a row holds the queries of all heads, then the keys, then the values.
struct Heads {
  int64_t heads, kv_heads, head_dim;

  int64_t queries() const { return heads * head_dim; }
  int64_t keys() const { return kv_heads * head_dim; }
  int64_t row() const { return queries() + 2 * keys(); }
};

/// Turns queries and keys of rows that lie in `from` into `to`, which may be the same memory.
template <typename In, typename Out>
void rotate_rows(const torch::Tensor& from, const torch::Tensor& to, const Heads& h, const RopeAngles& angles,
                 float turn) {
  const int64_t half = angles.cos.size(-1), row = h.row();
  parallel_rows(from.size(0), row, [&](int64_t begin, int64_t end) {
    cpu::rotate(cpu::Rotation<In, Out, float>{rows_from<In>(from, begin), rows_from<float>(angles.cos, begin),
                                              rows_from<float>(angles.sin, begin),
                                              mutable_rows_from<Out>(to, begin), end - begin,
                                              h.heads + h.kv_heads, h.head_dim, half, row, row, turn});
  });
}

/// Queries and keys rotated, all in `compute`: [N, heads + 2 kv_heads, head_dim] in one piece.
torch::Tensor rotated_heads(const torch::Tensor& qkv, const Heads& h, const RopeAngles& angles,
                            torch::ScalarType compute) {
  if (compute == torch::kFloat32) {
    if (angles.cos.defined()) rotate_rows<float, float>(qkv, qkv, h, angles, 1.0f);
    return qkv;
  }
  const torch::Tensor rounded = torch::empty(qkv.sizes(), compute);
  const int64_t turned = angles.cos.defined() ? h.queries() + h.keys() : 0;
  if (turned > 0) rotate_rows<float, cpu::Bfloat16>(qkv, rounded, h, angles, 1.0f);
  parallel_rows(qkv.size(0), h.row(), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      cpu::round(rows_from<float>(qkv, row) + turned, mutable_rows_from<cpu::Bfloat16>(rounded, row) + turned,
                 h.row() - turned);
  });
  return rounded;
}

/// Where a row of `heads` [N, row] has its queries, keys and values.
template <typename Stored>
cpu::AttentionInputs<Stored> inputs(const torch::Tensor& heads, const Heads& h) {
  const auto* data = rows_from<Stored>(heads);
  return {{data, h.row()}, {data + h.queries(), h.row()}, {data + h.queries() + h.keys(), h.row()}};
}

struct Attended {
  torch::Tensor heads, out, log_normalizers;  // [N, row], [N, heads head_dim], [N, heads]
};

Attended attend(const torch::Tensor& normed, const AttentionBlock& block, const Heads& h,
                const RopeAngles& angles, const std::vector<int64_t>& offsets) {
  const int64_t rows = normed.size(0);
  const Attended result{rotated_heads(packed_product(normed, block.qkv_weight, block.compute, block.qkv_bias),
                                      h, angles, block.compute),
                        torch::empty({rows, h.queries()}, block.compute), torch::empty({rows, h.heads})};
  with_stored_type(block.compute, [&](auto element) {
    using Stored = decltype(element);
    cpu::causal_attention({offsets, h.heads, h.kv_heads, h.head_dim, static_cast<float>(block.scale)},
                          inputs<Stored>(result.heads, h), mutable_rows_from<Stored>(result.out),
                          mutable_rows_from<float>(result.log_normalizers));
  });
  return result;
}

/// x + out W^T.
torch::Tensor leave(const torch::Tensor& x, const torch::Tensor& out, const AttentionBlock& block) {
  const torch::Tensor branch = packed_product(out, block.out_weight, block.compute);
  return branch.add_(x);
}

torch::Tensor gradient_of_heads(const Attended& a, const torch::Tensor& out_gradient, const Heads& h,
                                const RopeAngles& angles, const std::vector<int64_t>& offsets, double scale) {
  const torch::Tensor gradient = torch::empty_like(a.heads);
  with_stored_type(gradient.scalar_type(), [&](auto element) {
    using Stored = decltype(element);
    auto* data = mutable_rows_from<Stored>(gradient);
    cpu::causal_attention_backward(
        {offsets, h.heads, h.kv_heads, h.head_dim, static_cast<float>(scale)}, inputs<Stored>(a.heads, h),
        {rows_from<Stored>(a.out), rows_from<Stored>(out_gradient), rows_from<float>(a.log_normalizers), data,
         data + h.queries(), data + h.queries() + h.keys(), h.row(), h.row(), h.row()});
    if (angles.cos.defined()) rotate_rows<Stored, Stored>(gradient, gradient, h, angles, -1.0f);
  });
  return gradient;
}

struct AttentionFunction : torch::autograd::Function<AttentionFunction> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& norm_weight, const torch::Tensor& qkv_weight,
                               const std::optional<torch::Tensor>& qkv_bias, const torch::Tensor& out_weight,
                               const AttentionBlock& block, const RopeAngles& angles,
                               const std::vector<int64_t>& offsets) {
    const Heads h{block.heads, block.kv_heads, block.head_dim};
    const auto [normed, scales] = rms_norm_rows(x, norm_weight, block.eps, block.compute);
    const Attended a = attend(normed, block, h, angles, offsets);
    context->save_for_backward({x, norm_weight, qkv_weight, out_weight, scales, a.heads, a.out,
                                a.log_normalizers, angles.cos, angles.sin});
    context->saved_data["heads"] = std::vector<int64_t>{h.heads, h.kv_heads, h.head_dim};
    context->saved_data["offsets"] = offsets;
    context->saved_data["biased"] = qkv_bias.has_value();
    context->saved_data["eps"] = block.eps;
    context->saved_data["scale"] = block.scale;
    return leave(x, a.out, block);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const torch::Tensor &x = saved[0], &norm_weight = saved[1], &qkv_weight = saved[2],
                        &out_weight = saved[3], &scales = saved[4];
    const Attended a{saved[5], saved[6], saved[7]};
    const std::vector<int64_t> sizes = context->saved_data["heads"].toIntVector();
    const Heads h{sizes[0], sizes[1], sizes[2]};
    const torch::ScalarType compute = a.out.scalar_type();
    const torch::Tensor dy = gradients[0].contiguous();

    const torch::Tensor out_gradient = packed_product(dy, out_weight.t(), compute).to(compute);
    const torch::Tensor heads_gradient = gradient_of_heads(a, out_gradient, h, {saved[8], saved[9]},
                                                           context->saved_data["offsets"].toIntVector(),
                                                           context->saved_data["scale"].toDouble());
    const torch::Tensor normed =
        rms_norm_rows(x, norm_weight, context->saved_data["eps"].toDouble(), compute).normed;
    variable_list result(8);
    result[2] = packed_product(heads_gradient.t(), normed.t(), compute);
    if (context->saved_data["biased"].toBool()) result[3] = heads_gradient.sum(0, false, torch::kFloat32);
    result[4] = packed_product(dy.t(), a.out.t(), compute);
    const NormGradients norm = rms_norm_rows_backward(
        x, norm_weight, scales, packed_product(heads_gradient, qkv_weight.t(), compute), dy);
    result[0] = norm.x;
    result[1] = norm.weight;
    return result;
  }
};

}  // namespace

torch::Tensor attention_block(
    const torch::Tensor& x, const AttentionBlock& block, const RopeAngles& angles,
    const std::vector<int64_t>& offsets,
    const std::function<void(const torch::Tensor& keys, const torch::Tensor& values)>& see) {
  const torch::Tensor rows = x.contiguous();
  if (at::GradMode::is_enabled())
    return AttentionFunction::apply(
        rows, block.norm_weight, block.qkv_weight,
        block.qkv_bias.defined() ? std::optional<torch::Tensor>(block.qkv_bias) : std::nullopt,
        block.out_weight, block, angles, offsets);
  const Heads h{block.heads, block.kv_heads, block.head_dim};
  const Attended a = attend(rms_norm_rows(rows, block.norm_weight, block.eps, block.compute).normed, block, h,
                            angles, offsets);
  if (see) {
    const auto parts = a.heads.view({rows.size(0), h.heads + 2 * h.kv_heads, h.head_dim})
                           .split_with_sizes({h.heads, h.kv_heads, h.kv_heads}, 1);
    see(parts[1], parts[2]);
  }
  return leave(rows, a.out, block);
}

}  // namespace rlhf
