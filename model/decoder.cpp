#include "model/decoder.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <stdexcept>

#include <ATen/CPUGeneratorImpl.h>
#include <torch/utils.h>

#include "contract/error.h"
#include "model/attention.h"
#include "model/attention_block.h"
#include "model/gated_mlp.h"
#include "model/gradient_checkpointing.h"
#include "model/layer_parts.h"
#include "model/linear.h"
#include "model/packed_matrix.h"
#include "model/rope.h"

namespace rlhf {

/// What one pass shares among its layers; owned, because recomputation reads it again after the pass.
struct Decoder::Pass {
  /// (layer, q [N, heads, d], k [N, kv_heads, d], v) -> [N, heads, d]
  using Attend =
      std::function<torch::Tensor(int64_t, const torch::Tensor&, const torch::Tensor&, const torch::Tensor&)>;
  /// Shown a layer's keys and values; empty when nobody wants them.
  using See = std::function<void(int64_t, const torch::Tensor&, const torch::Tensor&)>;
  RopeAngles angles = {};  // undefined without rotation
  Attend attend = {};
  See see = {};
  Dropout dropout = {};
  std::vector<int64_t> offsets = {};
  torch::Tensor rows = {};  // that are wanted of the last layer's output; undefined for all
  const std::vector<PackedLayer>* packed_layers = nullptr;

  /// A layer's matrix where the pass has it packed; else nullptr.
  const PackedMatrix* packed(int64_t layer, PackedMatrix PackedLayer::*matrix) const {
    return packed_layers ? &((*packed_layers)[static_cast<std::size_t>(layer)].*matrix) : nullptr;
  }
};

namespace {

// Which draw a dropout mask is; part of its key.
constexpr uint64_t kEmbeddingStream = 0, kTokenStream = 1, kFirstLayerStream = 2;

torch::ScalarType vector_dtype(torch::ScalarType matrix_dtype) {
  return matrix_dtype == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
}

void check_shape(const torch::Tensor& tensor, const std::vector<int64_t>& expected, const std::string& what) {
  const bool wanted = !expected.empty();
  if (wanted == tensor.defined() && (!wanted || tensor.sizes() == at::IntArrayRef(expected))) return;
  std::ostringstream message;
  message << "the model's " << what << " is ";
  if (tensor.defined())
    message << tensor.sizes();
  else
    message << "missing";
  message << ", but its config asks for ";
  if (wanted)
    message << at::IntArrayRef(expected);
  else
    message << "none";
  throw UserError(message.str());
}

void check_weights(const ModelConfig& config, const Decoder& decoder) {
  check_shape(decoder.embedding(), {config.vocab_size, config.hidden_size}, "embedding");
  const bool learned = config.positions == PositionEncoding::kLearned;
  check_shape(decoder.position_embedding(),
              learned ? std::vector<int64_t>{config.max_position_embeddings, config.hidden_size}
                      : std::vector<int64_t>{},
              "position embedding");
  if (static_cast<int64_t>(decoder.layers().size()) != config.num_hidden_layers) {
    throw UserError("the model has " + std::to_string(decoder.layers().size()) +
                    " layers, but its config asks for " + std::to_string(config.num_hidden_layers));
  }
  const LayerShapes shapes(config);
  for (std::size_t i = 0; i < decoder.layers().size(); ++i) {
    for (const LayerShapes::Entry& entry : shapes.all) {
      check_shape(decoder.layers()[i].*entry.member, entry.shape,
                  entry.what + (" of layer " + std::to_string(i)));
    }
  }
  check_shape(decoder.final_norm_weight(), {config.hidden_size}, "final norm weight");
  check_shape(
      decoder.final_norm_bias(),
      config.norm == Norm::kLayerNorm ? std::vector<int64_t>{config.hidden_size} : std::vector<int64_t>{},
      "final norm bias");
}

}  // namespace

Decoder::Decoder(ModelConfig config, torch::Tensor embedding, torch::Tensor position_embedding,
                 std::vector<LayerWeights> layers, torch::Tensor final_norm_weight,
                 torch::Tensor final_norm_bias)
    : config_(std::move(config)),
      embedding_(std::move(embedding)),
      position_embedding_(std::move(position_embedding)),
      layers_(std::move(layers)),
      final_norm_weight_(std::move(final_norm_weight)),
      final_norm_bias_(std::move(final_norm_bias)) {
  check_weights(config_, *this);
  compute_dtype_ = embedding_.scalar_type();
  prepare();
}

void Decoder::prepare() {
  if (config_.positions != PositionEncoding::kRotary) return;
  rope_frequencies_ = rope_frequencies(config_.rope)
                          .to(torch::dtype(vector_dtype(embedding_.scalar_type())).device(device()));
}

Decoder Decoder::initialise(const ModelConfig& config, uint64_t seed, torch::Device device) {
  torch::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const auto normal = [&](const std::vector<int64_t>& shape, double std) {
    return torch::empty(shape, torch::kFloat32).normal_(0.0, std, generator);
  };
  const double std = config.initializer_range;
  const double residual_std = std / std::sqrt(2.0 * static_cast<double>(config.num_hidden_layers));
  const auto fresh = [&](const LayerShapes::Entry& entry) {
    if (entry.shape.size() == 2) {
      const bool residual = entry.member == &LayerWeights::attention_out_weight ||
                            entry.member == &LayerWeights::mlp_out_weight;
      return normal(entry.shape, residual ? residual_std : std);
    }
    const bool bias = std::string_view(entry.what).ends_with("bias");
    return bias ? torch::zeros(entry.shape) : torch::ones(entry.shape);
  };

  torch::Tensor embedding = normal({config.vocab_size, config.hidden_size}, std), position_embedding,
                final_bias;
  if (config.positions == PositionEncoding::kLearned) {
    position_embedding = normal({config.max_position_embeddings, config.hidden_size}, std);
  }
  std::vector<LayerWeights> layers(static_cast<std::size_t>(config.num_hidden_layers));
  const LayerShapes shapes(config);
  for (LayerWeights& layer : layers) {
    for (const LayerShapes::Entry& entry : shapes.all) {
      if (!entry.shape.empty()) layer.*entry.member = fresh(entry);
    }
  }
  if (config.norm == Norm::kLayerNorm) final_bias = torch::zeros({config.hidden_size});
  Decoder decoder(config, embedding, position_embedding, std::move(layers), torch::ones({config.hidden_size}),
                  final_bias);
  decoder.to(device);
  return decoder;
}

torch::Tensor Decoder::embed(const torch::Tensor& token_ids, const torch::Tensor& positions) const {
  // Rounded to the compute dtype, so that a master and its frozen copy see the same bits.
  const auto rows = [&](const torch::Tensor& table, const torch::Tensor& ids) {
    const torch::Tensor x = at::embedding(table, ids);
    return compute_dtype_ == torch::kBFloat16 ? x.to(torch::kBFloat16).to(torch::kFloat32) : x;
  };
  const torch::Tensor x = rows(embedding_, token_ids);
  return position_embedding_.defined() ? x + rows(position_embedding_, positions) : x;
}

torch::Tensor Decoder::attention_block(int64_t index, const torch::Tensor& x, const Pass& pass) const {
  const LayerWeights& layer = layers_[static_cast<std::size_t>(index)];
  const int64_t heads = config_.num_attention_heads, kv_heads = config_.num_key_value_heads;
  const int64_t rows = x.size(0), head_dim = config_.head_dim;
  const torch::Tensor normed =
      normalise(x, layer.attention_norm_weight, layer.attention_norm_bias, config_.norm, config_.norm_eps);
  const torch::Tensor qkv =
      linear(normed, layer.qkv_weight, layer.qkv_bias, compute_dtype_, pass.packed(index, &PackedLayer::qkv))
          .view({rows, heads + 2 * kv_heads, head_dim});
  torch::Tensor q, k, v;
  if (config_.qk_norm) {
    const auto parts = qkv.split_with_sizes({heads, kv_heads, kv_heads}, 1);
    q = normalise(parts[0], layer.q_norm_weight, {}, Norm::kRmsNorm, config_.norm_eps);
    k = normalise(parts[1], layer.k_norm_weight, {}, Norm::kRmsNorm, config_.norm_eps);
    q = apply_rope(q, pass.angles).to(compute_dtype_);
    k = apply_rope(k, pass.angles).to(compute_dtype_);
    v = parts[2].to(compute_dtype_);
  } else {
    const auto parts = qkv.split_with_sizes({heads + kv_heads, kv_heads}, 1);
    const torch::Tensor rotated = pass.angles.cos.defined() ? apply_rope(parts[0], pass.angles) : parts[0];
    const auto q_and_k = rotated.to(compute_dtype_).split_with_sizes({heads, kv_heads}, 1);
    q = q_and_k[0];
    k = q_and_k[1];
    v = parts[1].to(compute_dtype_);
  }
  if (pass.see) pass.see(index, k, v);
  const torch::Tensor attended = pass.attend(index, q, k, v).reshape({rows, heads * head_dim});
  return linear(attended, layer.attention_out_weight, layer.attention_out_bias, compute_dtype_,
                pass.packed(index, &PackedLayer::attention_out));
}

torch::Tensor Decoder::mlp_block(int64_t index, const torch::Tensor& x, const Pass& pass) const {
  const LayerWeights& layer = layers_[static_cast<std::size_t>(index)];
  const torch::Tensor normed =
      normalise(x, layer.mlp_norm_weight, layer.mlp_norm_bias, config_.norm, config_.norm_eps);
  torch::Tensor inner = linear(normed, layer.mlp_in_weight, layer.mlp_in_bias, compute_dtype_,
                               pass.packed(index, &PackedLayer::mlp_in));
  if (!config_.gated_mlp) {
    inner = activate(inner, config_.activation);
  } else if (config_.activation == Activation::kSilu) {
    inner = swiglu(inner);
  } else {
    const auto halves = inner.chunk(2, -1);
    inner = activate(halves[0], config_.activation) * halves[1];
  }
  return linear(inner, layer.mlp_out_weight, layer.mlp_out_bias, compute_dtype_,
                pass.packed(index, &PackedLayer::mlp_out));
}

torch::Tensor Decoder::run_layer(int64_t index, const torch::Tensor& x, const Pass& pass) const {
  if (runs_fused_blocks(pass)) return run_fused_layer(x, index, pass);
  const auto dropped = [&](const torch::Tensor& branch, uint64_t place) {
    return keyed_dropout(branch, pass.dropout.hidden, pass.dropout.sequence_keys, pass.offsets,
                         kFirstLayerStream + 2 * static_cast<uint64_t>(index) + place);
  };
  const torch::Tensor attended = x + dropped(attention_block(index, x, pass), 0);
  if (pass.dropout.hidden > 0)  // masks are of all rows
    return wanted_rows(
        attended + dropped(mlp_block(index, config_.parallel_residual ? x : attended, pass), 1), index, pass);
  const torch::Tensor wanted = wanted_rows(attended, index, pass);
  return wanted + mlp_block(index, config_.parallel_residual ? wanted_rows(x, index, pass) : wanted, pass);
}

torch::Tensor Decoder::wanted_rows(const torch::Tensor& x, int64_t index, const Pass& pass) const {
  return pass.rows.defined() && index + 1 == config_.num_hidden_layers ? x.index_select(0, pass.rows) : x;
}

torch::Tensor Decoder::run_layers(torch::Tensor x, const std::shared_ptr<const Pass>& pass) const {
  for (int64_t i = 0; i < config_.num_hidden_layers; ++i) {
    if (gradient_checkpointing_ && at::GradMode::is_enabled()) {
      std::vector<torch::Tensor> weights;
      for_each_weight(layers_[static_cast<std::size_t>(i)], "",
                      [&](const torch::Tensor& tensor, const std::string&) { weights.push_back(tensor); });
      x = recompute_in_backward(
          [this, i, pass](const torch::Tensor& input) { return run_layer(i, input, *pass); }, x, weights);
    } else {
      x = run_layer(i, x, *pass);
    }
  }
  return normalise(x, final_norm_weight_, final_norm_bias_, config_.norm, config_.norm_eps);
}

bool has_fused_blocks(const ModelConfig& c) {
  return c.norm == Norm::kRmsNorm && c.gated_mlp && c.activation == Activation::kSilu && !c.qk_norm &&
         !c.attention_output_bias && !c.mlp_bias && !c.parallel_residual;
}

bool Decoder::runs_fused_blocks(const Pass& pass) const {
  return has_fused_blocks(config_) && !pass.packed_layers &&  // whose blocks lay their matrices out anew
         !pass.offsets.empty() && pass.dropout.hidden == 0 && device().is_cpu() &&
         packed_products_pay(compute_dtype_) && causal_attention_pays(compute_dtype_);
}

torch::Tensor Decoder::run_fused_layer(const torch::Tensor& x, int64_t index, const Pass& pass) const {
  const LayerWeights& layer = layers_[static_cast<std::size_t>(index)];
  const AttentionBlock block{layer.attention_norm_weight,
                             layer.qkv_weight,
                             layer.qkv_bias,
                             layer.attention_out_weight,
                             config_.num_attention_heads,
                             config_.num_key_value_heads,
                             config_.head_dim,
                             config_.norm_eps,
                             attention_scale(index),
                             compute_dtype_};
  std::function<void(const torch::Tensor&, const torch::Tensor&)> see;
  if (pass.see) see = [&](const torch::Tensor& k, const torch::Tensor& v) { pass.see(index, k, v); };
  const torch::Tensor attended = rlhf::attention_block(x, block, pass.angles, pass.offsets, see);
  return gated_mlp(wanted_rows(attended, index, pass), layer.mlp_norm_weight, layer.mlp_in_weight,
                   layer.mlp_out_weight, config_.norm_eps, compute_dtype_);
}

void Decoder::check_length(int64_t longest) const {
  if (longest <= config_.max_position_embeddings) return;
  throw std::invalid_argument("a sequence of " + std::to_string(longest) +
                              " tokens is longer than the model's " +
                              std::to_string(config_.max_position_embeddings) + " positions");
}

double Decoder::attention_scale(int64_t layer) const {
  const double scale = 1.0 / std::sqrt(static_cast<double>(config_.head_dim));
  return config_.scale_attention_by_inverse_layer ? scale / static_cast<double>(layer + 1) : scale;
}

torch::Tensor Decoder::run(const TokenBatch& batch, const std::shared_ptr<Pass>& pass) const {
  const auto layout = std::make_shared<const PackedLayout>(batch.offsets, device());
  check_length(layout->longest());
  pass->offsets = batch.offsets;
  if (rope_frequencies_.defined()) pass->angles = rope_angles(batch.positions, rope_frequencies_);
  pass->attend = [this, layout](int64_t layer, const torch::Tensor& q, const torch::Tensor& k,
                                const torch::Tensor& v) {
    return packed_attention(q, k, v, *layout, attention_scale(layer));
  };
  torch::Tensor x = embed(batch.token_ids, batch.positions);
  if (const Dropout& dropout = pass->dropout; dropout.active()) {
    x = keyed_dropout(x, dropout.embedding, dropout.sequence_keys, batch.offsets, kEmbeddingStream);
    x = keyed_row_dropout(x, dropout.token, dropout.sequence_keys, batch.offsets, kTokenStream);
  }
  return run_layers(x, pass);
}

torch::Tensor Decoder::forward(const TokenBatch& batch, const Dropout& dropout) const {
  return run(batch, std::make_shared<Pass>(Pass{.dropout = dropout}));
}

torch::Tensor Decoder::forward_rows(const TokenBatch& batch, const torch::Tensor& rows,
                                    const Dropout& dropout) const {
  return run(batch, std::make_shared<Pass>(Pass{.dropout = dropout, .rows = rows}));
}

torch::Tensor Decoder::prefill(const TokenBatch& batch, KvCache& cache, const std::vector<int64_t>& slots,
                               const std::vector<PackedLayer>* packed) const {
  const torch::NoGradGuard no_grad;
  if (static_cast<int64_t>(slots.size()) != batch.sequences()) {
    throw std::invalid_argument("prefill needs one slot a sequence");
  }
  std::vector<int64_t> slot_of_row;
  for (int64_t s = 0; s < batch.sequences(); ++s) {
    if (batch.length(s) > cache.capacity())
      throw std::invalid_argument("a sequence is longer than the cache");
    slot_of_row.insert(slot_of_row.end(), static_cast<std::size_t>(batch.length(s)),
                       slots[static_cast<std::size_t>(s)]);
  }
  const torch::Tensor slot_rows = torch::tensor(slot_of_row, torch::kInt64).to(device());
  const auto write = [&](int64_t layer, const torch::Tensor& k, const torch::Tensor& v) {
    write_cache(cache, layer, slot_rows, batch.positions, k, v);
  };
  const torch::Tensor hidden = run(
      batch,
      std::make_shared<Pass>(Pass{.see = write, .rows = batch.last_token_rows(), .packed_layers = packed}));
  for (int64_t s = 0; s < batch.sequences(); ++s)
    cache.set_length(slots[static_cast<std::size_t>(s)], batch.length(s));
  return hidden;
}

torch::Tensor Decoder::decode(const torch::Tensor& token_ids, KvCache& cache,
                              const std::vector<int64_t>& slots) const {
  const torch::NoGradGuard no_grad;
  const CacheStep step(cache, slots, device(), compute_dtype_);
  check_length(step.longest());
  const auto pass = std::make_shared<Pass>();
  if (rope_frequencies_.defined()) pass->angles = rope_angles(step.positions(), rope_frequencies_);
  pass->attend = [&](int64_t layer, const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v) {
    return step.attend(cache, layer, q, k, v, attention_scale(layer));
  };
  const torch::Tensor hidden = run_layers(embed(token_ids, step.positions()), pass);
  for (const int64_t slot : slots) cache.set_length(slot, cache.length(slot) + 1);
  return hidden;
}

std::vector<NamedTensor> Decoder::parameters() const {
  std::vector<NamedTensor> all = {{"model.embed_tokens.weight", embedding_}};
  if (position_embedding_.defined()) all.push_back({"model.position_embeddings.weight", position_embedding_});
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    for_each_weight(layers_[i], "model.layers." + std::to_string(i) + ".",
                    [&](const torch::Tensor& tensor, const std::string& name) {
                      all.push_back({name, tensor});
                    });
  }
  all.push_back({"model.norm.weight", final_norm_weight_});
  if (final_norm_bias_.defined()) all.push_back({"model.norm.bias", final_norm_bias_});
  return all;
}

void Decoder::require_grad(bool on) {
  for (const NamedTensor& parameter : parameters()) parameter.tensor.set_requires_grad(on);
}

Decoder Decoder::map_weights(const std::function<torch::Tensor(const torch::Tensor&)>& map) const {
  Decoder copy = *this;
  const auto replace = [&](torch::Tensor& tensor) {
    if (tensor.defined()) tensor = map(tensor.detach());
  };
  replace(copy.embedding_);
  replace(copy.position_embedding_);
  for (LayerWeights& layer : copy.layers_) {
    for_each_weight(layer, "", [&](torch::Tensor& tensor, const std::string&) { replace(tensor); });
  }
  replace(copy.final_norm_weight_);
  replace(copy.final_norm_bias_);
  copy.prepare();
  return copy;
}

Decoder Decoder::freeze(torch::ScalarType dtype) const {
  Decoder copy = map_weights([&](const torch::Tensor& tensor) {
    return tensor.to(tensor.dim() == 2 ? dtype : vector_dtype(dtype), false, true);
  });
  copy.compute_dtype_ = dtype;
  return copy;
}

Decoder Decoder::clone() const {
  return map_weights([](const torch::Tensor& tensor) { return tensor.clone(); });
}

void Decoder::to(torch::Device device) {
  if (device == this->device()) return;
  *this = map_weights([&](const torch::Tensor& tensor) { return tensor.to(device); });
}

}  // namespace rlhf
