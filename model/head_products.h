#pragma once
#include <optional>

#include <torch/types.h>

#include "model/packed_matrix.h"

namespace rlhf {

/// The matrix products of a language-model head, weight [V, H], for chunks of C rows: LibTorch's, or our own
/// on a CPU where they pay. A weight that has to be laid out is so once for all chunks; it must not
/// change meanwhile.
class HeadProducts {
 public:
  HeadProducts(const torch::Tensor& weight, torch::ScalarType dtype);

  /// What logits and their gradients are stored in: with our own products float32 whatever `dtype` is.
  torch::ScalarType logits_dtype() const { return packed_ ? torch::kFloat32 : dtype_; }

  /// Into out [C, V], contiguous, of hidden [C, H] in `dtype`.
  void logits(const torch::Tensor& hidden, torch::Tensor& out);
  torch::Tensor hidden_gradient(const torch::Tensor& gradient);  ///< [C, H] of the logits' gradient [C, V]
  /// sum [V, H] += gradient^T hidden.
  void add_weight_gradient(const torch::Tensor& gradient, const torch::Tensor& hidden,
                           torch::Tensor& sum) const;

 private:
  torch::Tensor weight_;
  torch::ScalarType dtype_;
  bool packed_;
  std::optional<PackedMatrix> for_logits_, for_hidden_;
};

}  // namespace rlhf
