#pragma once
#include <memory>
#include <vector>

#include <torch/types.h>

#include "contract/token.h"
#include "model/decoder.h"
#include "model/packed_layer.h"

namespace rlhf {

/// The matrices of a language model as decoding on a CPU reads them; the vectors, the embedding and the
/// config stay with the decoder, which it shares. Immutable; may be shared by threads.
class PackedModel {
 public:
  /// In the decoder's compute dtype, float32 or bfloat16. `head_weight` [V, H].
  PackedModel(const Decoder& decoder, const torch::Tensor& head_weight);

  const Decoder& decoder() const { return decoder_; }
  const std::vector<PackedLayer>& layers() const { return layers_; }
  const PackedMatrix& head() const { return head_; }

 private:
  Decoder decoder_;
  std::vector<PackedLayer> layers_;
  PackedMatrix head_;
};

/// Writes texts with a packed model, one token a slot and step, in buffers that are allocated once. Matrix
/// products read bfloat16 when that is the compute dtype; sums, the residual stream and attention are
/// float32. A slot's bits depend neither on the other slots nor on the number of threads. Not thread-safe.
class PackedDecoding {
 public:
  /// Borrows the cache, which LanguageModel::prefill fills.
  PackedDecoding(std::shared_ptr<const PackedModel> model, KvCache& cache);
  ~PackedDecoding();

  /// One more token for each of B slots: [B, V] float32 logits; the cache grows by one position a slot.
  /// Decoder::decode with the head after it, to rounding. std::invalid_argument as there. The logits are
  /// overwritten by the next step.
  torch::Tensor step(const std::vector<TokenId>& token_ids, const std::vector<int64_t>& slots);

 private:
  struct Buffers;
  void embed(const std::vector<TokenId>& token_ids, const std::vector<int64_t>& slots);
  void normalise(const torch::Tensor& weight, const torch::Tensor& bias, int64_t rows);
  void attend(int64_t layer, const std::vector<int64_t>& slots);
  void mlp(int64_t layer, int64_t rows);

  std::shared_ptr<const PackedModel> model_;
  KvCache& cache_;
  PackedProduct product_;
  std::unique_ptr<Buffers> buffers_;
};

}  // namespace rlhf
