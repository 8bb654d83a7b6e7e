#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <torch/types.h>

#include "model/dropout.h"
#include "model/kv_cache.h"
#include "model/layer_weights.h"
#include "model/model_config.h"
#include "model/named_tensor.h"
#include "model/packed_layer.h"
#include "model/token_batch.h"

namespace rlhf {

/// Whether model/attention_block.h and model/gated_mlp.h know all parts of this family's layers.
bool has_fused_blocks(const ModelConfig& config);

/// Decoder-only transformer: token ids in, hidden states after the final norm out. One class for every
/// family; the config chooses the parts.
///
/// Precision: weights are stored in one dtype and matrix products run in `compute_dtype`. With bfloat16
/// compute the residual stream, norms, softmax and rotations stay float32. A frozen decoder keeps its
/// matrices in the compute dtype and its vectors in float32, so a frozen copy computes the same bits as the
/// master it was made from.
///
/// Not thread-safe; a frozen decoder may be read by several threads.
class Decoder {
 public:
  /// Fresh weights: N(0, initializer_range), residual outputs scaled by 1 / sqrt(2 layers), norms 1, biases
  /// 0. The same seed gives the same bits.
  static Decoder initialise(const ModelConfig& config, uint64_t seed, torch::Device device = torch::kCPU);

  /// Weights are checked against the config: UserError for a wrong shape.
  Decoder(ModelConfig config, torch::Tensor embedding, torch::Tensor position_embedding,
          std::vector<LayerWeights> layers, torch::Tensor final_norm_weight, torch::Tensor final_norm_bias);

  /// [N, H] hidden states of a packed batch (float32 when computing in bfloat16, else the compute dtype).
  /// Keeps a graph when gradients are on; with gradient checkpointing the decoder must outlive it. A sequence
  /// longer than max_position_embeddings throws std::invalid_argument.
  torch::Tensor forward(const TokenBatch& batch, const Dropout& dropout = {}) const;

  /// forward() of `rows` [M] int64 alone, [M, H]: what only other rows would need of the last layer's MLP is
  /// not computed.
  torch::Tensor forward_rows(const TokenBatch& batch, const torch::Tensor& rows,
                             const Dropout& dropout = {}) const;

  /// forward_rows() of each sequence's last token, [S, H], without gradients, that also writes keys and
  /// values of sequence s into slots[s] of the cache. Multiplies with `packed`, this decoder's layers laid
  /// out for products, when given: where such products pay, the bits are the same.
  torch::Tensor prefill(const TokenBatch& batch, KvCache& cache, const std::vector<int64_t>& slots,
                        const std::vector<PackedLayer>* packed = nullptr) const;

  /// One more token for each of B slots: [B] int64 ids in, [B, H] hidden states out; the cache grows by one
  /// position a slot. No gradients. Equal to the full pass to rounding.
  torch::Tensor decode(const torch::Tensor& token_ids, KvCache& cache,
                       const std::vector<int64_t>& slots) const;

  const ModelConfig& config() const { return config_; }
  const torch::Tensor& embedding() const { return embedding_; }  ///< [V, H]; the head too when tied
  const torch::Tensor& position_embedding() const { return position_embedding_; }  ///< [P, H] or undefined
  const std::vector<LayerWeights>& layers() const { return layers_; }
  const torch::Tensor& final_norm_weight() const { return final_norm_weight_; }
  const torch::Tensor& final_norm_bias() const { return final_norm_bias_; }

  torch::Device device() const { return embedding_.device(); }
  torch::ScalarType compute_dtype() const { return compute_dtype_; }
  void set_compute_dtype(torch::ScalarType dtype) { compute_dtype_ = dtype; }
  /// Keeps only what goes into each layer for the backward pass, which computes the layers again: less
  /// memory, a third more work, the same bits. Off at first.
  void set_gradient_checkpointing(bool on) { gradient_checkpointing_ = on; }

  /// What attention scores of a layer are multiplied by.
  double attention_scale(int64_t layer) const;
  /// std::invalid_argument when a sequence of `longest` tokens has more than max_position_embeddings.
  void check_length(int64_t longest) const;

  /// Every weight with a stable name, in a stable order; the tensors share storage with the decoder.
  std::vector<NamedTensor> parameters() const;
  void require_grad(bool on);

  /// A copy for inference: no gradients, matrices in `dtype`, vectors in float32 (float64 for float64).
  Decoder freeze(torch::ScalarType dtype) const;
  /// An independent copy of every weight, in the same dtype.
  Decoder clone() const;
  void to(torch::Device device);

 private:
  struct Pass;
  torch::Tensor embed(const torch::Tensor& token_ids, const torch::Tensor& positions) const;
  torch::Tensor run(const TokenBatch& batch, const std::shared_ptr<Pass>& pass) const;
  torch::Tensor run_layers(torch::Tensor x, const std::shared_ptr<const Pass>& pass) const;
  torch::Tensor run_layer(int64_t index, const torch::Tensor& x, const Pass& pass) const;
  bool runs_fused_blocks(const Pass& pass) const;
  torch::Tensor run_fused_layer(const torch::Tensor& x, int64_t index, const Pass& pass) const;
  torch::Tensor wanted_rows(const torch::Tensor& x, int64_t index, const Pass& pass) const;
  torch::Tensor attention_block(int64_t index, const torch::Tensor& x, const Pass& pass) const;
  torch::Tensor mlp_block(int64_t index, const torch::Tensor& x, const Pass& pass) const;
  Decoder map_weights(const std::function<torch::Tensor(const torch::Tensor&)>& map) const;
  void prepare();

  ModelConfig config_;
  torch::Tensor embedding_, position_embedding_;
  std::vector<LayerWeights> layers_;
  torch::Tensor final_norm_weight_, final_norm_bias_;
  torch::Tensor
      rope_frequencies_;  // [rotary_dim / 2] float32 (float64 for float64); undefined without rotation
  torch::ScalarType compute_dtype_ = torch::kFloat32;
  bool gradient_checkpointing_ = false;
};

}  // namespace rlhf
