#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <torch/types.h>

#include "model/model_config.h"

namespace rlhf {

/// Weights of one layer, in the layout that computes fastest: [out, in] matrices, q, k and v fused in rows,
/// gate and up fused in rows. Undefined where the family has none.
struct LayerWeights {
  torch::Tensor attention_norm_weight, attention_norm_bias;  // [H]
  torch::Tensor qkv_weight, qkv_bias;                        // [(heads + 2 kv_heads) head_dim, H], [...]
  torch::Tensor q_norm_weight, k_norm_weight;                // [head_dim]
  torch::Tensor attention_out_weight, attention_out_bias;    // [H, heads head_dim], [H]
  torch::Tensor mlp_norm_weight, mlp_norm_bias;              // [H]
  torch::Tensor mlp_in_weight, mlp_in_bias;                  // [2 I or I, H]: gate rows, then up rows
  torch::Tensor mlp_out_weight, mlp_out_bias;                // [H, I], [H]
};

/// Calls visit(member tensor, name) for every weight of a layer that is defined, in a stable order.
template <typename Layer, typename Visit>
void for_each_weight(Layer& layer, const std::string& prefix, Visit visit) {
  const std::pair<decltype(&layer.qkv_weight), const char*> weights[] = {
      {&layer.attention_norm_weight, "input_layernorm.weight"},
      {&layer.attention_norm_bias, "input_layernorm.bias"},
      {&layer.qkv_weight, "self_attn.qkv_proj.weight"},
      {&layer.qkv_bias, "self_attn.qkv_proj.bias"},
      {&layer.q_norm_weight, "self_attn.q_norm.weight"},
      {&layer.k_norm_weight, "self_attn.k_norm.weight"},
      {&layer.attention_out_weight, "self_attn.o_proj.weight"},
      {&layer.attention_out_bias, "self_attn.o_proj.bias"},
      {&layer.mlp_norm_weight, "post_attention_layernorm.weight"},
      {&layer.mlp_norm_bias, "post_attention_layernorm.bias"},
      {&layer.mlp_in_weight, "mlp.gate_up_proj.weight"},
      {&layer.mlp_in_bias, "mlp.gate_up_proj.bias"},
      {&layer.mlp_out_weight, "mlp.down_proj.weight"},
      {&layer.mlp_out_bias, "mlp.down_proj.bias"},
  };
  for (const auto& [tensor, name] : weights) {
    if (tensor->defined()) visit(*tensor, prefix + name);
  }
}

/// The shapes a config asks for; an empty shape means the family has no such weight.
struct LayerShapes {
  using Shape = std::vector<int64_t>;
  explicit LayerShapes(const ModelConfig& config);
  struct Entry {
    const char* what;
    torch::Tensor LayerWeights::*member;
    Shape shape;
  };
  std::vector<Entry> all;
};

}  // namespace rlhf
