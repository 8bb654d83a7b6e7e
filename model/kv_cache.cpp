#include "model/kv_cache.h"

#include "model/huge_pages.h"

namespace rlhf {

KvCache::KvCache(const ModelConfig& config, int64_t slots, int64_t capacity, torch::ScalarType dtype,
                 torch::Device device)
    : lengths_(static_cast<std::size_t>(slots), 0), capacity_(capacity) {
  const std::vector<int64_t> sizes = {2 * config.num_hidden_layers, slots, config.num_key_value_heads,
                                      capacity, config.head_dim};
  const torch::Tensor all = device.is_cpu() ? empty_in_huge_pages(sizes, dtype)
                                            : torch::empty(sizes, torch::dtype(dtype).device(device));
  // Zeros, not garbage: positions past a slot's length are masked, but 0 * NaN would still be NaN.
  all.zero_();
  for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    keys_.push_back(all[2 * layer]);
    values_.push_back(all[2 * layer + 1]);
  }
}

}  // namespace rlhf
