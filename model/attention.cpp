#include "model/attention.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <stdexcept>

#include <torch/autograd.h>

#include "model/causal_attention.h"
#include "model/packed_kernels.h"
#include "model/stored_type.h"

namespace rlhf {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// Rows [N, ...] to places [P, ...]. Padding receives a copy of some row and gives no gradient back.
struct ToPlaces : torch::autograd::Function<ToPlaces> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& rows,
                               const torch::Tensor& row_of_place, const torch::Tensor& place_of_row) {
    context->save_for_backward({place_of_row});
    return rows.index_select(0, row_of_place);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    return {gradients[0].index_select(0, context->get_saved_variables()[0]), torch::Tensor(),
            torch::Tensor()};
  }
};

/// Places back to rows. The gradient of padding is zero: its queries must not reach the keys of real tokens.
struct ToRows : torch::autograd::Function<ToRows> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& places,
                               const torch::Tensor& row_of_place, const torch::Tensor& place_of_row,
                               const torch::Tensor& is_real) {
    context->save_for_backward({row_of_place, is_real});
    return places.index_select(0, place_of_row);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    return {gradients[0].index_select(0, saved[0]).mul_(saved[1]), torch::Tensor(), torch::Tensor(),
            torch::Tensor()};
  }
};

/// q, k, v are [places, heads, d] of one group; [places, heads, d] out.
torch::Tensor attend_group(const PackedLayout::Group& group, const torch::Tensor& q, const torch::Tensor& k,
                           const torch::Tensor& v, double scale) {
  const auto batched = [&](const torch::Tensor& x) {  // [B, heads, T, d] without a copy
    return x.view({group.sequences, group.longest, x.size(1), x.size(2)}).transpose(1, 2);
  };
  const torch::Tensor out = at::scaled_dot_product_attention(batched(q), batched(k), batched(v), {}, 0.0,
                                                             true, scale, q.size(1) != k.size(1));
  return out.transpose(1, 2).reshape({-1, q.size(1), q.size(2)});
}

template <typename Stored>
cpu::HeadRows<Stored> head_rows(const torch::Tensor& x) {
  return {static_cast<const Stored*>(x.const_data_ptr()), x.stride(0)};
}

template <typename Stored>
cpu::AttentionInputs<Stored> attention_inputs(const torch::Tensor& q, const torch::Tensor& k,
                                              const torch::Tensor& v) {
  return {head_rows<Stored>(q), head_rows<Stored>(k), head_rows<Stored>(v)};
}

/// With rows as the kernels read them: heads side by side, whatever lies between rows.
torch::Tensor heads_together(const torch::Tensor& x) {
  return x.stride(2) == 1 && x.stride(1) == x.size(2) ? x : x.contiguous();
}

/// model/causal_attention.h on tensors.
struct CpuAttention : torch::autograd::Function<CpuAttention> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& queries,
                               const torch::Tensor& keys, const torch::Tensor& values,
                               const std::vector<int64_t>& offsets, double scale) {
    const torch::Tensor q = heads_together(queries), k = heads_together(keys), v = heads_together(values);
    const torch::Tensor out = torch::empty(q.sizes(), q.options()),
                        log_normalizers = torch::empty({q.size(0), q.size(1)}, torch::kFloat32);
    with_stored_type(q.scalar_type(), [&](auto element) {
      using Stored = decltype(element);
      cpu::causal_attention({offsets, q.size(1), k.size(1), q.size(2), static_cast<float>(scale)},
                            attention_inputs<Stored>(q, k, v), static_cast<Stored*>(out.mutable_data_ptr()),
                            log_normalizers.mutable_data_ptr<float>());
    });
    context->save_for_backward({q, k, v, out, log_normalizers});
    context->saved_data["offsets"] = offsets;
    context->saved_data["scale"] = scale;
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const torch::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &out = saved[3];
    const torch::Tensor out_gradient = gradients[0].contiguous();
    const std::vector<int64_t> offsets = context->saved_data["offsets"].toIntVector();
    const torch::Tensor dq = torch::empty(q.sizes(), q.options()), dk = torch::empty(k.sizes(), k.options()),
                        dv = torch::empty(v.sizes(), v.options());
    with_stored_type(q.scalar_type(), [&](auto element) {
      using Stored = decltype(element);
      cpu::causal_attention_backward(
          {offsets, q.size(1), k.size(1), q.size(2),
           static_cast<float>(context->saved_data["scale"].toDouble())},
          attention_inputs<Stored>(q, k, v),
          {static_cast<const Stored*>(out.const_data_ptr()),
           static_cast<const Stored*>(out_gradient.const_data_ptr()), saved[4].const_data_ptr<float>(),
           static_cast<Stored*>(dq.mutable_data_ptr()), static_cast<Stored*>(dk.mutable_data_ptr()),
           static_cast<Stored*>(dv.mutable_data_ptr()), dq.stride(0), dk.stride(0), dv.stride(0)});
    });
    return {dq, dk, dv, torch::Tensor(), torch::Tensor()};
  }
};

/// Sequences by falling length, cut where padding would cost more than another call.
std::vector<std::size_t> by_falling_length(const std::vector<int64_t>& lengths) {
  std::vector<std::size_t> order(lengths.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return lengths[a] > lengths[b]; });
  return order;
}

constexpr int64_t kPaddingWorthACall = 1024;  // tokens; about what a call's fixed cost computes

/// Ends of the groups in the order of falling length.
std::vector<PackedLayout::Group> form_groups(const std::vector<int64_t>& lengths,
                                             const std::vector<std::size_t>& order) {
  std::vector<PackedLayout::Group> groups;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const int64_t length = lengths[order[i]];
    const auto left = static_cast<int64_t>(order.size() - i);
    const bool cut = groups.empty() || (4 * length < 3 * groups.back().longest &&
                                        (groups.back().longest - length) * left > kPaddingWorthACall);
    if (cut) groups.push_back({0, length});
    ++groups.back().sequences;
  }
  return groups;
}

}  // namespace

bool causal_attention_pays(torch::ScalarType dtype) {
  return (dtype == torch::kFloat32 && cpu::has_float_vectors()) ||
         (dtype == torch::kBFloat16 && cpu::has_bfloat16_vectors());
}

PackedLayout::PackedLayout(const std::vector<int64_t>& offsets, torch::Device device) : offsets_(offsets) {
  std::vector<int64_t> lengths(offsets.size() - 1);
  for (std::size_t s = 0; s < lengths.size(); ++s) lengths[s] = offsets[s + 1] - offsets[s];
  const std::vector<std::size_t> order = by_falling_length(lengths);
  groups_ = form_groups(lengths, order);
  if (lengths[order.front()] == lengths[order.back()]) return;

  int64_t places = 0;
  for (const Group& group : groups_) places += group.sequences * group.longest;
  row_of_place_ = torch::empty({places}, torch::kInt64);
  place_of_row_ = torch::empty({offsets.back()}, torch::kInt64);
  is_real_ = torch::zeros({places, 1, 1}, torch::kBool);
  int64_t* row_of_place = row_of_place_.data_ptr<int64_t>();
  int64_t* place_of_row = place_of_row_.data_ptr<int64_t>();
  bool* is_real = is_real_.data_ptr<bool>();
  int64_t place = 0;
  std::size_t i = 0;
  for (const Group& group : groups_) {
    for (int64_t member = 0; member < group.sequences; ++member, ++i) {
      const int64_t first_row = offsets[order[i]], length = lengths[order[i]];
      for (int64_t t = 0; t < group.longest; ++t, ++place) {
        row_of_place[place] = first_row + std::min(t, length - 1);
        is_real[place] = t < length;
        if (t < length) place_of_row[first_row + t] = place;
      }
    }
  }
  if (device.is_cpu()) return;
  row_of_place_ = row_of_place_.to(device);
  place_of_row_ = place_of_row_.to(device);
  is_real_ = is_real_.to(device);
}

torch::Tensor packed_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                               const PackedLayout& layout, double scale) {
  if (q.is_cpu() && causal_attention_pays(q.scalar_type()))
    return CpuAttention::apply(q, k, v, layout.offsets(), scale);
  if (layout.uniform())
    return attend_group(layout.groups().front(), q.contiguous(), k.contiguous(), v.contiguous(), scale);
  std::vector<int64_t> sizes;
  for (const PackedLayout::Group& group : layout.groups()) sizes.push_back(group.sequences * group.longest);
  const auto split = [&](const torch::Tensor& rows) {
    return ToPlaces::apply(rows, layout.row_of_place(), layout.place_of_row()).split_with_sizes(sizes);
  };
  const auto q_groups = split(q), k_groups = split(k), v_groups = split(v);
  std::vector<torch::Tensor> outputs;
  for (std::size_t g = 0; g < sizes.size(); ++g) {
    outputs.push_back(attend_group(layout.groups()[g], q_groups[g], k_groups[g], v_groups[g], scale));
  }
  const torch::Tensor places = outputs.size() == 1 ? outputs.front() : torch::cat(outputs);
  return ToRows::apply(places, layout.row_of_place(), layout.place_of_row(), layout.is_real());
}

CacheStep::CacheStep(const KvCache& cache, const std::vector<int64_t>& slots, torch::Device device,
                     torch::ScalarType mask_dtype)
    : count_(static_cast<int64_t>(slots.size())) {
  bool contiguous = true, equal = true;
  std::vector<int64_t> lengths;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    lengths.push_back(cache.length(slots[i]));
    if (lengths.back() >= cache.capacity()) {
      throw std::invalid_argument("slot " + std::to_string(slots[i]) + " of the cache is full");
    }
    contiguous = contiguous && slots[i] == slots[0] + static_cast<int64_t>(i);
    equal = equal && lengths.back() == lengths.front();
    longest_ = std::max(longest_, lengths.back() + 1);
  }
  if (contiguous) first_slot_ = slots.front();
  slots_ = torch::tensor(slots, torch::kInt64).to(device, /*non_blocking=*/true);
  positions_ = torch::tensor(lengths, torch::kInt64).to(device, /*non_blocking=*/true);
  if (equal) return;
  const torch::Tensor future =
      torch::arange(longest_, positions_.options()).unsqueeze(0) > positions_.unsqueeze(1);
  mask_ = torch::zeros({count_, longest_}, torch::dtype(mask_dtype).device(device))
              .masked_fill_(future, -std::numeric_limits<double>::infinity())
              .view({count_, 1, 1, longest_});
}

torch::Tensor CacheStep::attend(KvCache& cache, int64_t layer, const torch::Tensor& q, const torch::Tensor& k,
                                const torch::Tensor& v, double scale) const {
  write_cache(cache, layer, slots_, positions_, k, v);
  const auto past = [&](const torch::Tensor& all) {  // [B, kv_heads, longest, d]
    const torch::Tensor recent = all.narrow(2, 0, longest_);
    return first_slot_ >= 0 ? recent.narrow(0, first_slot_, count_) : recent.index_select(0, slots_);
  };
  // The heads that share a key head stand where queries of several positions would: no copy of keys is made.
  const int64_t kv_heads = k.size(1), group = q.size(1) / kv_heads, head_dim = q.size(2);
  const torch::Tensor queries = q.reshape({count_, kv_heads, group, head_dim});
  std::optional<torch::Tensor> mask;
  if (mask_.defined()) mask = mask_.expand({count_, kv_heads, group, longest_});
  const torch::Tensor out = at::scaled_dot_product_attention(
      queries, past(cache.keys(layer)), past(cache.values(layer)), mask, 0.0, false, scale);
  return out.reshape({count_, q.size(1), head_dim});
}

void write_cache(KvCache& cache, int64_t layer, const torch::Tensor& slot_of_row,
                 const torch::Tensor& positions, const torch::Tensor& k, const torch::Tensor& v) {
  cache.keys(layer).transpose(1, 2).index_put_({slot_of_row, positions},
                                               k.to(cache.keys(layer).scalar_type()));
  cache.values(layer).transpose(1, 2).index_put_({slot_of_row, positions},
                                                 v.to(cache.values(layer).scalar_type()));
}

}  // namespace rlhf
