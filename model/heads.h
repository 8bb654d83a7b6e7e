#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include <torch/types.h>

#include "model/decoder.h"
#include "model/packed_decoding.h"
#include "model/token_logprobs.h"

namespace rlhf {

/// A decoder with a language-model head: tied to the embedding or with its own [V, H] weight.
class LanguageModel {
 public:
  /// `head_weight` [V, H] is given exactly when the config does not tie the head; else UserError.
  explicit LanguageModel(Decoder decoder, torch::Tensor head_weight = {});

  /// Fresh weights as Decoder::initialise draws them; a head of its own is N(0, initializer_range).
  static LanguageModel initialise(const ModelConfig& config, uint64_t seed,
                                  torch::Device device = torch::kCPU);

  /// [M, V] logits of hidden rows [M, H], in float32 (float64 for float64).
  torch::Tensor logits(const torch::Tensor& hidden) const;

  /// log softmax(logits / temperature)[target] for M hidden rows and M int64 targets, computed in chunks of
  /// rows so that the logits of a whole batch never exist, forward or backward.
  TokenLogprobs token_logprobs(const torch::Tensor& hidden, const torch::Tensor& targets,
                               const LogprobOptions& options = {}) const;

  /// The sum of the targets' log-probabilities, for training on all of them alike.
  SumOfLogprobs sum_of_logprobs(const torch::Tensor& hidden, const torch::Tensor& targets) const;

  /// Decoder::prefill, with the weights that pack_for_decoding() laid out where there are any: a prompt that
  /// joins a batch costs its own rows, and none of laying matrices out anew.
  torch::Tensor prefill(const TokenBatch& batch, KvCache& cache, const std::vector<int64_t>& slots) const;

  /// Lays a model's weights out for decoding, where that is faster: on a CPU, in float32 or bfloat16. Later
  /// changes of the weights are not seen, so freeze first.
  void pack_for_decoding();
  /// What pack_for_decoding() made; nullptr without.
  const std::shared_ptr<const PackedModel>& packed() const { return packed_; }

  Decoder& decoder() { return decoder_; }
  const Decoder& decoder() const { return decoder_; }
  const torch::Tensor& head_weight() const;  ///< [V, H]
  std::vector<NamedTensor> parameters() const;
  void require_grad(bool on);
  LanguageModel freeze(torch::ScalarType dtype) const;
  LanguageModel clone() const;
  void to(torch::Device device);

 private:
  bool packed_weights_pay() const;

  Decoder decoder_;
  torch::Tensor own_head_;  // undefined when tied
  std::shared_ptr<const PackedModel> packed_;
};

/// A decoder with a scalar head without bias, Hugging Face's `score.weight`: reward models and critics.
class ScalarModel {
 public:
  ScalarModel(Decoder decoder, torch::Tensor score_weight);

  /// A fresh head, N(0, 1 / sqrt(H + 1)) scaled by `scale`, on a decoder (Stiennon et al. 2020, arXiv
  /// 2009.01325).
  static ScalarModel with_fresh_head(Decoder decoder, uint64_t seed, double scale = 1.0);

  /// [M] values of hidden rows [M, H], in float32 (float64 for float64).
  torch::Tensor values(const torch::Tensor& hidden) const;

  Decoder& decoder() { return decoder_; }
  const Decoder& decoder() const { return decoder_; }
  const torch::Tensor& score_weight() const { return score_weight_; }  ///< [1, H]
  std::vector<NamedTensor> parameters() const;
  void require_grad(bool on);
  ScalarModel freeze(torch::ScalarType dtype) const;
  ScalarModel clone() const;
  void to(torch::Device device);

 private:
  Decoder decoder_;
  torch::Tensor score_weight_;
};

}  // namespace rlhf
