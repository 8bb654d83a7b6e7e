#pragma once
#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "model/bfloat16.h"

namespace rlhf {

/// A weight matrix laid out for products with few rows on a CPU, as in decoding, where reading the weights is
/// most of the work. Immutable; may be shared by threads.
class PackedMatrix {
 public:
  PackedMatrix() = default;
  /// Copies weight [out, in] (any floating dtype, on the CPU) as `dtype`, float32 or bfloat16.
  PackedMatrix(const torch::Tensor& weight, torch::ScalarType dtype);

  int64_t inner() const { return inner_; }
  int64_t columns() const { return columns_; }

 private:
  friend class PackedProduct;
  torch::Tensor
      panels_;  // [panels, inner, 32] float32 or [panels, inner / 2, 32, 2] bfloat16, padded with zeros
  int64_t inner_ = 0, columns_ = 0;
};

/// Computes out = x weight^T + bias for packed weights, with a buffer of its own for the input that grows to
/// what it was asked for once. Uses torch's threads; the bits do not depend on their number, nor a row's on
/// the other rows.
class PackedProduct {
 public:
  /// x [rows, in] float32 with rows `x_stride` apart; out [rows, out] float32, contiguous; bias [out] float32
  /// or nullptr.
  void operator()(const PackedMatrix& weight, const float* x, int64_t rows, int64_t x_stride,
                  const float* bias, float* out);

 private:
  void arrange(const float* x, int64_t rows, int64_t x_stride, const PackedMatrix& weight);

  std::vector<float> floats_;           // blocks of rows, [inner][rows of the block]
  std::vector<cpu::Bfloat16> bfloats_;  // blocks of rows, [inner / 2][rows of the block][2]
};

}  // namespace rlhf
