#pragma once
#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "model/kv_cache.h"

namespace rlhf {

/// How the rows of a packed batch are laid out for LibTorch's attention (our own takes them as they lie):
/// sequences of similar length side by side, padded on the right, which a causal mask makes harmless. Made
/// once a pass and shared by its layers.
class PackedLayout {
 public:
  PackedLayout(const std::vector<int64_t>& offsets, torch::Device device);

  struct Group {
    int64_t sequences = 0;
    int64_t longest = 0;
  };

  const std::vector<int64_t>& offsets() const { return offsets_; }  ///< of the sequences' rows
  const std::vector<Group>& groups() const { return groups_; }      ///< by falling length
  int64_t longest() const { return groups_.front().longest; }
  /// True when all sequences have one length: rows are then places, and the index tensors are undefined.
  bool uniform() const { return !row_of_place_.defined(); }
  const torch::Tensor& row_of_place() const {
    return row_of_place_;
  }  ///< [places] int64, padding repeats a row
  const torch::Tensor& place_of_row() const { return place_of_row_; }  ///< [N] int64
  const torch::Tensor& is_real() const { return is_real_; }            ///< [places, 1, 1] bool: not padding

 private:
  std::vector<int64_t> offsets_;
  std::vector<Group> groups_;
  torch::Tensor row_of_place_, place_of_row_, is_real_;
};

/// Whether model/causal_attention.h computes in `dtype` on this machine.
bool causal_attention_pays(torch::ScalarType dtype);

/// Causal attention of every sequence of a packed batch to itself: q [N, heads, d], k and v [N, kv_heads, d]
/// of one dtype; [N, heads, d] out. Query head h reads key head h / (heads / kv_heads). Differentiable.
torch::Tensor packed_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                               const PackedLayout& layout, double scale);

/// Where one decoding step reads and writes a cache. Made once a step and shared by its layers.
class CacheStep {
 public:
  /// The step that appends one token to each of `slots`. std::invalid_argument when a slot is full.
  CacheStep(const KvCache& cache, const std::vector<int64_t>& slots, torch::Device device,
            torch::ScalarType mask_dtype);

  const torch::Tensor& positions() const { return positions_; }  ///< [B] int64: where the new token goes
  int64_t longest() const { return longest_; }  ///< tokens of the longest slot, the new one included

  /// Writes k and v [B, kv_heads, d] at the new positions and attends q [B, heads, d] over each slot's past
  /// and the new token; [B, heads, d] out.
  torch::Tensor attend(KvCache& cache, int64_t layer, const torch::Tensor& q, const torch::Tensor& k,
                       const torch::Tensor& v, double scale) const;

 private:
  torch::Tensor slots_, positions_;  // [B] int64
  torch::Tensor mask_;               // [B, 1, 1, longest] 0 or -inf; undefined when all lengths are equal
  int64_t first_slot_ = -1;          // of a contiguous run of slots; -1 when they are scattered
  int64_t count_ = 0, longest_ = 0;
};

/// Writes k and v [N, kv_heads, d] at (slot, position) of every row.
void write_cache(KvCache& cache, int64_t layer, const torch::Tensor& slot_of_row,
                 const torch::Tensor& positions, const torch::Tensor& k, const torch::Tensor& v);

}  // namespace rlhf
