#include "train/pass_memory.h"

#include <algorithm>

#include "model/attention.h"
#include "model/decoder.h"
#include "model/packed_matrix.h"
#include "model/token_logprobs.h"

namespace rlhf {
namespace {

int64_t size_of(torch::ScalarType dtype) {
  return static_cast<int64_t>(c10::elementSize(dtype));
}

/// Widths of a layer's results, in elements a token, and the sizes of their elements.
struct Widths {
  Widths(const ModelConfig& c, torch::ScalarType compute_dtype)
      : hidden(c.hidden_size),
        queries(c.num_attention_heads * c.head_dim),
        keys(c.num_key_value_heads * c.head_dim),
        heads(c.num_attention_heads),
        key_heads(c.num_key_value_heads),
        inner(c.intermediate_size),
        inner_in((c.gated_mlp ? 2 : 1) * c.intermediate_size),
        compute(size_of(compute_dtype)),
        stream(compute_dtype == torch::kFloat64 ? 8 : 4) {}
  int64_t qkv() const { return queries + 2 * keys; }

  int64_t hidden, queries, keys, heads, key_heads, inner, inner_in;
  int64_t compute;  // bytes of what products read
  int64_t stream;   // bytes of the residual stream and of what products give
};

bool rounds(const Widths& w) {
  return w.compute != w.stream;
}

int64_t norm_bytes(const ModelConfig& config, const Widths& w) {  // scale, or mean and deviation
  return (config.norm == Norm::kLayerNorm ? 2 : 1) * w.stream;
}

// What one token leaves in the attention block of one layer.
int64_t attention_token_bytes(const ModelConfig& config, const PassOptions& options, const Widths& w) {
  int64_t bytes = w.compute * w.hidden + norm_bytes(config, w);  // what the first product reads
  const bool rotary = config.positions == PositionEncoding::kRotary;
  if (config.qk_norm) bytes += w.stream * (w.queries + w.keys + w.heads + w.key_heads);
  if (!options.packed_attention) {
    // LibTorch's attention reads copies of q, k and v, and its output is copied for the product after it.
    return bytes + w.compute * (w.qkv() + 2 * w.queries) + w.stream * w.heads;
  }
  // Where nothing is rounded the values are a view, which holds the product of all three.
  if (rounds(w))
    bytes += w.compute * w.qkv();
  else
    bytes += w.stream * (w.qkv() + (rotary ? w.queries + w.keys : 0));
  return bytes + w.compute * w.queries + 4 * w.heads;  // the output and its normalisers
}

int64_t mlp_token_bytes(const ModelConfig& config, const Widths& w) {
  const bool swiglu = config.gated_mlp && config.activation == Activation::kSilu;
  int64_t bytes = w.compute * w.hidden + norm_bytes(config, w) + w.stream * w.inner_in + w.compute * w.inner;
  if (config.gated_mlp && !swiglu) bytes += w.stream * w.inner;  // the activated half
  return bytes;
}

bool fused(const ModelConfig& config, const PassOptions& options) {
  return options.packed_products && options.packed_attention && !options.dropout && has_fused_blocks(config);
}

// What one token leaves in one layer, its input included.
int64_t layer_token_bytes(const ModelConfig& config, const PassOptions& options, const Widths& w) {
  if (fused(config, options)) {
    return 2 * (w.stream * w.hidden + norm_bytes(config, w)) +
           w.compute * (w.qkv() + w.queries + w.inner_in) + 4 * w.heads;
  }
  const int64_t inputs = config.parallel_residual ? 1 : 2;  // of the two norms
  const int64_t masks = options.dropout ? 2 : 0;
  return attention_token_bytes(config, options, w) + mlp_token_bytes(config, w) +
         (inputs + masks) * w.stream * w.hidden;
}

// LibTorch's products read rounded copies of the weights, which their graph holds.
int64_t rounded_layer_weights(const PassOptions& options, const Widths& w) {
  if (options.packed_products || options.compute != torch::kBFloat16) return 0;
  return w.compute * (w.qkv() * w.hidden + w.hidden * w.queries + w.inner_in * w.hidden + w.hidden * w.inner);
}

int64_t layer_bytes(const ModelConfig& config, const PassOptions& options, const Widths& w, int64_t tokens) {
  return tokens * layer_token_bytes(config, options, w) + rounded_layer_weights(options, w);
}

int64_t chunk_rows(const ModelConfig& config, int64_t rows) {
  return std::min(rows, std::max<int64_t>(1, LogprobCompute().chunk_elements / config.vocab_size));
}

}  // namespace

PassOptions planned_pass(const TrainingOptions& options, torch::Device device, torch::ScalarType compute) {
  PassOptions pass;
  pass.compute = compute;
  pass.packed_products = device.is_cpu() && packed_products_pay(compute);
  pass.packed_attention = device.is_cpu() && causal_attention_pays(compute);
  pass.gradient_checkpointing = options.gradient_checkpointing;
  pass.dropout = options.dropout > 0;
  return pass;
}

int64_t frozen_weight_bytes(const ModelConfig& config, torch::ScalarType dtype) {
  return config.parameter_count() * size_of(dtype);
}

int64_t activation_bytes(const ModelConfig& config, const PassOptions& options, int64_t tokens) {
  const Widths w(config, options.compute);
  const int64_t per_layer =
      options.gradient_checkpointing ? tokens * w.stream * w.hidden : layer_bytes(config, options, w, tokens);
  const int64_t rotary = config.positions == PositionEncoding::kRotary ? config.rope.rotary_dim : 0;
  // The final norm with its input, the angles, ids and positions.
  const int64_t once = w.stream * (w.hidden + rotary) + norm_bytes(config, w) + 16;
  return config.num_hidden_layers * per_layer + tokens * once;
}

int64_t backward_bytes(const ModelConfig& config, const PassOptions& options, int64_t tokens) {
  const Widths w(config, options.compute);
  const int64_t inner_size = fused(config, options) ? w.compute : w.stream;
  const int64_t gradients = tokens * (3 * w.stream * w.hidden + inner_size * (w.inner + w.inner_in));
  return gradients + (options.gradient_checkpointing ? layer_bytes(config, options, w, tokens) : 0);
}

int64_t inference_bytes(const ModelConfig& config, const PassOptions& options, int64_t tokens) {
  const Widths w(config, options.compute);
  return tokens * (w.stream * (3 * w.hidden + w.inner_in + w.inner) + w.compute * w.inner);
}

int64_t workspace_bytes(const ModelConfig& config, const PassOptions& options, int64_t tokens, int64_t rows) {
  if (!options.packed_products) return 0;
  const Widths w(config, options.compute);
  const int64_t rows_side = std::max(tokens * w.inner_in, chunk_rows(config, rows) * config.vocab_size);
  const int64_t weight_side = std::max(w.inner_in * w.hidden, tokens * std::max(w.inner, w.hidden));
  return w.compute * (rows_side + weight_side);
}

HeadMemory head_memory(const ModelConfig& config, const PassOptions& options, int64_t rows) {
  const Widths w(config, options.compute);
  const int64_t chunk = chunk_rows(config, rows) * config.vocab_size,
                weight = config.vocab_size * config.hidden_size;
  const int64_t logits = chunk * (options.packed_products ? w.stream : w.compute);
  // The weight as the products read it, forward and backward.
  const int64_t copy = options.packed_products || rounds(w) ? w.compute * weight : 0;
  const bool referred =
      options.packed_products &&
      PackedMatrix::reads_as_it_lies(config.hidden_size, config.hidden_size, options.compute);
  const int64_t rows_bytes = rows * w.hidden * (2 * w.stream + w.compute);
  HeadMemory memory;
  memory.inference = rows_bytes + copy + logits;
  memory.summed = rows_bytes + (referred ? 1 : 2) * copy + logits;
  memory.backward = memory.summed + logits;
  return memory;
}

int64_t kv_cache_bytes(const ModelConfig& config, torch::ScalarType dtype, int64_t slots, int64_t capacity) {
  return 2 * config.num_hidden_layers * slots * config.num_key_value_heads * capacity * config.head_dim *
         size_of(dtype);
}

}  // namespace rlhf
