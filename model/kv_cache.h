#pragma once
#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "model/model_config.h"

namespace rlhf {

/// Keys and values of past tokens for a fixed number of slots, one sequence a slot. Allocated once; a slot is
/// reused by resetting its length.
class KvCache {
 public:
  KvCache(const ModelConfig& config, int64_t slots, int64_t capacity, torch::ScalarType dtype,
          torch::Device device);

  torch::Tensor& keys(int64_t layer) {
    return keys_[static_cast<size_t>(layer)];
  }  ///< [slots, kv_heads, capacity, head_dim]
  torch::Tensor& values(int64_t layer) { return values_[static_cast<size_t>(layer)]; }  ///< the same shape
  int64_t slots() const { return static_cast<int64_t>(lengths_.size()); }
  int64_t capacity() const { return capacity_; }
  int64_t length(int64_t slot) const { return lengths_[static_cast<size_t>(slot)]; }
  void set_length(int64_t slot, int64_t length) { lengths_[static_cast<size_t>(slot)] = length; }

 private:
  std::vector<torch::Tensor> keys_, values_;  // one a layer, all of them in one piece of memory
  std::vector<int64_t> lengths_;
  int64_t capacity_;
};

}  // namespace rlhf
