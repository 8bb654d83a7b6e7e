#pragma once
#include <cstdint>
#include <vector>

#include <torch/types.h>

namespace rlhf {

/// Borders of B sequences laid end to end in a packed [N, ...] tensor: sequence s is rows [begin(s), end(s)).
/// There is no padding, so every row is a valid token and no mask is needed. Sequences are never empty.
class Segments {
 public:
  Segments() = default;
  /// Throws std::invalid_argument for a length below 1.
  static Segments of_lengths(const std::vector<int64_t>& lengths);

  int64_t count() const { return static_cast<int64_t>(offsets_.size()) - 1; }  ///< B
  int64_t total() const { return offsets_.back(); }                            ///< N
  int64_t begin(int64_t s) const { return offsets_[static_cast<size_t>(s)]; }
  int64_t end(int64_t s) const { return offsets_[static_cast<size_t>(s) + 1]; }
  int64_t length(int64_t s) const { return end(s) - begin(s); }
  int64_t longest() const;
  const std::vector<int64_t>& offsets() const { return offsets_; }  ///< B + 1 borders, the first 0
  std::vector<int64_t> lengths() const;                             ///< B

  /// [B] int64: the last row of each sequence.
  torch::Tensor last_rows(torch::Device device = torch::kCPU) const;
  /// [n] int64: the rows of the chosen sequences, in the order chosen.
  torch::Tensor rows(const std::vector<int64_t>& chosen, torch::Device device = torch::kCPU) const;
  /// The borders of the chosen sequences once their rows are taken out.
  Segments select(const std::vector<int64_t>& chosen) const;

  /// [B] sums and means of a [N] tensor over each sequence, in its dtype and on its device.
  torch::Tensor sums(const torch::Tensor& packed) const;
  torch::Tensor means(const torch::Tensor& packed) const;

  bool operator==(const Segments&) const = default;

 private:
  std::vector<int64_t> offsets_{0};
};

}  // namespace rlhf
