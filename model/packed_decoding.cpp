#include "model/packed_decoding.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "model/cached_attention.h"
#include "model/cpu_kernels.h"
#include "model/layer_parts.h"
#include "model/parallel.h"
#include "model/rope.h"

namespace rlhf {
namespace {

const float* data_or_null(const torch::Tensor& vector) {
  return vector.defined() ? vector.const_data_ptr<float>() : nullptr;
}

template <typename Stored>
Stored* slot_head(torch::Tensor& cached, int64_t slot, int64_t head) {
  return static_cast<Stored*>(cached.mutable_data_ptr()) + slot * cached.stride(0) + head * cached.stride(1);
}

template <typename Stored>
void copy_row(const float* row, int64_t count, Stored* to) {
  for (int64_t i = 0; i < count; ++i) cpu::store(to + i, row[i]);
}

/// What a table of float32 or bfloat16 says of `index`, rounded to bfloat16 when `rounded`, as
/// Decoder::embed does.
void add_table_row(const torch::Tensor& table, int64_t index, bool rounded, float* to) {
  const auto add = [&](const auto* row) {
    for (int64_t i = 0; i < table.size(1); ++i) {
      float x = cpu::load(row + i);
      if (rounded) {
        cpu::Bfloat16 narrow;
        cpu::store(&narrow, x);
        x = cpu::load(&narrow);
      }
      to[i] += x;
    }
  };
  const int64_t begin = index * table.stride(0);
  if (table.scalar_type() == torch::kBFloat16)
    add(static_cast<const cpu::Bfloat16*>(table.const_data_ptr()) + begin);
  else
    add(table.const_data_ptr<float>() + begin);
}

}  // namespace

PackedModel::PackedModel(const Decoder& decoder, const torch::Tensor& head_weight)
    : decoder_(decoder), head_(head_weight, decoder.compute_dtype()) {
  const auto packed = [&](const torch::Tensor& weight) {
    return PackedMatrix(weight, decoder.compute_dtype());
  };
  for (const LayerWeights& layer : decoder.layers())
    layers_.push_back({packed(layer.qkv_weight), packed(layer.attention_out_weight),
                       packed(layer.mlp_in_weight), packed(layer.mlp_out_weight)});
}

/// For every slot of the cache at once; a step uses the first rows.
struct PackedDecoding::Buffers {
  Buffers(const ModelConfig& config, int64_t rows, int64_t capacity, int64_t threads)
      : residual(torch::empty({rows, config.hidden_size})),
        normed(torch::empty({rows, config.hidden_size})),
        branch(torch::empty({rows, config.hidden_size})),
        qkv(torch::empty(
            {rows, (config.num_attention_heads + 2 * config.num_key_value_heads) * config.head_dim})),
        attended(torch::empty({rows, config.num_attention_heads * config.head_dim})),
        inner_in(torch::empty({rows, (config.gated_mlp ? 2 : 1) * config.intermediate_size})),
        inner(torch::empty({rows, config.intermediate_size})),
        logits(torch::empty({rows, config.vocab_size})),
        norm_scales(static_cast<size_t>(rows)),
        heads(static_cast<size_t>(threads),
              std::vector<float>(static_cast<size_t>((config.num_attention_heads + 1) * config.head_dim))),
        scores(static_cast<size_t>(threads),
               std::vector<float>(
                   static_cast<size_t>(config.num_attention_heads / config.num_key_value_heads * capacity))) {
    if (config.positions != PositionEncoding::kRotary) return;
    angles = rope_angles(torch::arange(capacity), rope_frequencies(config.rope).to(torch::kFloat32));
  }

  torch::Tensor residual, normed, branch, qkv, attended, inner_in, inner, logits;  // [rows, ...] float32
  RopeAngles angles;  // of every position of the cache
  std::vector<float> norm_scales;
  std::vector<std::vector<float>> heads,
      scores;  // one a thread: rotated queries and keys; attention's weights
};

PackedDecoding::PackedDecoding(std::shared_ptr<const PackedModel> model, KvCache& cache)
    : model_(std::move(model)),
      cache_(cache),
      buffers_(std::make_unique<Buffers>(model_->decoder().config(), cache.slots(), cache.capacity(),
                                         at::get_num_threads())) {}

PackedDecoding::~PackedDecoding() = default;

void PackedDecoding::embed(const std::vector<TokenId>& token_ids, const std::vector<int64_t>& slots) {
  const Decoder& decoder = model_->decoder();
  const bool rounded = decoder.compute_dtype() == torch::kBFloat16;
  const torch::Tensor& positions = decoder.position_embedding();
  for (size_t i = 0; i < slots.size(); ++i) {
    float* row =
        buffers_->residual.mutable_data_ptr<float>() + static_cast<int64_t>(i) * buffers_->residual.size(1);
    std::fill_n(row, buffers_->residual.size(1), 0.0f);
    add_table_row(decoder.embedding(), token_ids[i], rounded, row);
    if (positions.defined()) add_table_row(positions, cache_.length(slots[i]), rounded, row);
  }
}

// Of the residual stream, into `normed`.
void PackedDecoding::normalise(const torch::Tensor& weight, const torch::Tensor& bias, int64_t rows) {
  const ModelConfig& config = model_->decoder().config();
  Buffers& b = *buffers_;
  if (config.norm == Norm::kRmsNorm) {
    cpu::rms_norm(b.residual.const_data_ptr<float>(), weight.const_data_ptr<float>(),
                  b.normed.mutable_data_ptr<float>(), b.norm_scales.data(), rows, config.hidden_size,
                  config.norm_eps);
  } else {
    b.normed.narrow(0, 0, rows)
        .copy_(rlhf::normalise(b.residual.narrow(0, 0, rows), weight, bias, config.norm, config.norm_eps));
  }
}

// Rotates, writes the cache and attends, one (row, key head) at a time.
void PackedDecoding::attend(int64_t layer, const std::vector<int64_t>& slots) {
  const Decoder& decoder = model_->decoder();
  const ModelConfig& config = decoder.config();
  const LayerWeights& weights = decoder.layers()[static_cast<size_t>(layer)];
  const int64_t head_dim = config.head_dim, key_heads = config.num_key_value_heads;
  const int64_t group = config.num_attention_heads / key_heads, row_size = buffers_->qkv.size(1);
  torch::Tensor &keys = cache_.keys(layer), &values = cache_.values(layer);

  const auto attend_head = [&](int64_t row, int64_t head, auto stored) {
    using Stored = decltype(stored);
    Buffers& b = *buffers_;
    const auto thread = static_cast<size_t>(parallel_thread());
    const int64_t slot = slots[static_cast<size_t>(row)], position = cache_.length(slot);
    const float* qkv = b.qkv.const_data_ptr<float>() + row * row_size;
    const float *query_in = qkv + head * group * head_dim,
                *key_in = qkv + (key_heads * group + head) * head_dim;
    const float* value_in = qkv + (key_heads * (group + 1) + head) * head_dim;
    float* queries = b.heads[thread].data();
    float* key = queries + group * head_dim;

    const auto prepare = [&](const float* in, int64_t heads, const torch::Tensor& norm_weight, float* out) {
      if (config.qk_norm) {
        float scale;
        for (int64_t h = 0; h < heads; ++h)
          cpu::rms_norm(in + h * head_dim, norm_weight.const_data_ptr<float>(), out + h * head_dim, &scale, 1,
                        head_dim, config.norm_eps);
      } else {
        std::copy_n(in, heads * head_dim, out);
      }
      if (!b.angles.cos.defined()) return;
      const int64_t half = b.angles.cos.size(-1);
      for (int64_t h = 0; h < heads; ++h) {
        cpu::rotate(cpu::Rotation<float, float, float>{
            out + h * head_dim, b.angles.cos.const_data_ptr<float>() + position * half,
            b.angles.sin.const_data_ptr<float>() + position * half, out + h * head_dim, 1, 1, head_dim, half,
            head_dim, head_dim, 1.0f});
      }
    };
    prepare(query_in, group, weights.q_norm_weight, queries);
    prepare(key_in, 1, weights.k_norm_weight, key);
    auto *slot_keys = slot_head<Stored>(keys, slot, head),
         *slot_values = slot_head<Stored>(values, slot, head);
    copy_row(key, head_dim, slot_keys + position * head_dim);
    copy_row(value_in, head_dim, slot_values + position * head_dim);
    // Heads of a slot lie one after another, in a block of the cache's capacity each.
    const int64_t block = head + 1 < key_heads || slot + 1 < cache_.slots() ? keys.stride(1) : 0;
    cpu::cached_attention(cpu::CachedAttention<Stored>{
        slot_keys, slot_values, slot_keys + block, slot_values + block, queries,
        b.attended.mutable_data_ptr<float>() + (row * key_heads + head) * group * head_dim,
        b.scores[thread].data(), position + 1, head_dim, group,
        static_cast<float>(decoder.attention_scale(layer))});
  };
  constexpr int64_t kHeadsWorthAThread = 4;
  parallel_for(static_cast<int64_t>(slots.size()) * key_heads, kHeadsWorthAThread,
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) {
                   if (keys.scalar_type() == torch::kBFloat16)
                     attend_head(i / key_heads, i % key_heads, cpu::Bfloat16{});
                   else
                     attend_head(i / key_heads, i % key_heads, float{});
                 }
               });
}

// Of `normed`, into `branch`.
void PackedDecoding::mlp(int64_t layer, int64_t rows) {
  const ModelConfig& config = model_->decoder().config();
  const LayerWeights& weights = model_->decoder().layers()[static_cast<size_t>(layer)];
  const PackedLayer& packed = model_->layers()[static_cast<size_t>(layer)];
  Buffers& b = *buffers_;
  product_(packed.mlp_in, {b.normed.const_data_ptr<float>(), rows, config.hidden_size},
           data_or_null(weights.mlp_in_bias), b.inner_in.mutable_data_ptr<float>());
  if (config.gated_mlp && config.activation == Activation::kSilu) {
    cpu::swiglu(b.inner_in.const_data_ptr<float>(), b.inner.mutable_data_ptr<float>(), rows,
                config.intermediate_size);
  } else {
    const torch::Tensor in = b.inner_in.narrow(0, 0, rows);
    const auto halves = in.chunk(config.gated_mlp ? 2 : 1, -1);
    torch::Tensor out = activate(halves[0], config.activation);
    if (config.gated_mlp) out *= halves[1];
    b.inner.narrow(0, 0, rows).copy_(out);
  }
  product_(packed.mlp_out, {b.inner.const_data_ptr<float>(), rows, config.intermediate_size},
           data_or_null(weights.mlp_out_bias), b.branch.mutable_data_ptr<float>());
}

torch::Tensor PackedDecoding::step(const std::vector<TokenId>& token_ids, const std::vector<int64_t>& slots) {
  const torch::NoGradGuard no_grad;
  const Decoder& decoder = model_->decoder();
  const ModelConfig& config = decoder.config();
  for (const int64_t slot : slots) {
    if (cache_.length(slot) >= cache_.capacity())
      throw std::invalid_argument("slot " + std::to_string(slot) + " of the cache is full");
    decoder.check_length(cache_.length(slot) + 1);
  }
  const auto rows = static_cast<int64_t>(slots.size());
  Buffers& b = *buffers_;
  torch::Tensor residual = b.residual.narrow(0, 0, rows);
  const torch::Tensor branch = b.branch.narrow(0, 0, rows);
  embed(token_ids, slots);
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
    const LayerWeights& weights = decoder.layers()[static_cast<size_t>(i)];
    const PackedLayer& packed = model_->layers()[static_cast<size_t>(i)];
    normalise(weights.attention_norm_weight, weights.attention_norm_bias, rows);
    product_(packed.qkv, {b.normed.const_data_ptr<float>(), rows, config.hidden_size},
             data_or_null(weights.qkv_bias), b.qkv.mutable_data_ptr<float>());
    attend(i, slots);
    if (config.parallel_residual)
      normalise(weights.mlp_norm_weight, weights.mlp_norm_bias, rows);  // of x without attention
    product_(packed.attention_out,
             {b.attended.const_data_ptr<float>(), rows, config.num_attention_heads * config.head_dim},
             data_or_null(weights.attention_out_bias), b.branch.mutable_data_ptr<float>());
    residual.add_(branch);
    if (!config.parallel_residual) normalise(weights.mlp_norm_weight, weights.mlp_norm_bias, rows);
    mlp(i, rows);
    residual.add_(branch);
  }
  normalise(decoder.final_norm_weight(), decoder.final_norm_bias(), rows);
  product_(model_->head(), {b.normed.const_data_ptr<float>(), rows, config.hidden_size}, nullptr,
           b.logits.mutable_data_ptr<float>());
  for (const int64_t slot : slots) cache_.set_length(slot, cache_.length(slot) + 1);
  return b.logits.narrow(0, 0, rows);
}

}  // namespace rlhf
