#include "model/layer_weights.h"

namespace rlhf {

LayerShapes::LayerShapes(const ModelConfig& c) {
  const int64_t qkv = (c.num_attention_heads + 2 * c.num_key_value_heads) * c.head_dim;
  const int64_t mlp_in = (c.gated_mlp ? 2 : 1) * c.intermediate_size;
  const auto when = [](bool has, Shape shape) { return has ? shape : Shape{}; };
  const bool norm_bias = c.norm == Norm::kLayerNorm;
  all = {{"attention norm weight", &LayerWeights::attention_norm_weight, {c.hidden_size}},
         {"attention norm bias", &LayerWeights::attention_norm_bias, when(norm_bias, {c.hidden_size})},
         {"query, key and value weight", &LayerWeights::qkv_weight, {qkv, c.hidden_size}},
         {"query, key and value bias", &LayerWeights::qkv_bias, when(c.qkv_bias, {qkv})},
         {"query norm weight", &LayerWeights::q_norm_weight, when(c.qk_norm, {c.head_dim})},
         {"key norm weight", &LayerWeights::k_norm_weight, when(c.qk_norm, {c.head_dim})},
         {"attention output weight",
          &LayerWeights::attention_out_weight,
          {c.hidden_size, c.num_attention_heads * c.head_dim}},
         {"attention output bias", &LayerWeights::attention_out_bias,
          when(c.attention_output_bias, {c.hidden_size})},
         {"MLP norm weight", &LayerWeights::mlp_norm_weight, {c.hidden_size}},
         {"MLP norm bias", &LayerWeights::mlp_norm_bias, when(norm_bias, {c.hidden_size})},
         {"MLP input weight", &LayerWeights::mlp_in_weight, {mlp_in, c.hidden_size}},
         {"MLP input bias", &LayerWeights::mlp_in_bias, when(c.mlp_bias, {mlp_in})},
         {"MLP output weight", &LayerWeights::mlp_out_weight, {c.hidden_size, c.intermediate_size}},
         {"MLP output bias", &LayerWeights::mlp_out_bias, when(c.mlp_bias, {c.hidden_size})}};
}

}  // namespace rlhf
