#include "model/dropout.h"

#include <cmath>
#include <stdexcept>

#include "model/parallel.h"

namespace rlhf {
namespace {

/// SplitMix64's output function (Steele et al. 2014, doi 10.1145/2714064.2660195): a bijection that mixes
/// well enough for one draw per counter.
uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

/// [N, width] of 0 or 1 / (1 - rate), on the CPU whatever the device, so that all devices draw alike.
torch::Tensor dropout_mask(int64_t width, double rate, const std::vector<uint64_t>& keys,
                           const std::vector<int64_t>& offsets, uint64_t stream) {
  if (keys.size() + 1 != offsets.size()) throw std::invalid_argument("dropout needs one key a sequence");
  if (!(rate < 1)) throw std::invalid_argument("a dropout rate must be below 1");
  torch::Tensor mask = torch::empty({offsets.back(), width}, torch::kFloat32);
  float* out = mask.data_ptr<float>();
  const float kept = static_cast<float>(1.0 / (1.0 - rate));
  const auto threshold = static_cast<uint64_t>(std::ldexp(rate, 32));
  parallel_for(static_cast<int64_t>(keys.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      const uint64_t key = mix(keys[static_cast<std::size_t>(s)] ^ mix(stream));
      const int64_t first = offsets[static_cast<std::size_t>(s)] * width;
      const int64_t count = offsets[static_cast<std::size_t>(s) + 1] * width - first;
      for (int64_t i = 0; i < count; ++i) {
        const uint64_t draw = mix(key + static_cast<uint64_t>(i)) >> 32;
        out[first + i] = draw < threshold ? 0.0f : kept;
      }
    }
  });
  return mask;
}

}  // namespace

torch::Tensor keyed_dropout(const torch::Tensor& x, double rate, const std::vector<uint64_t>& keys,
                            const std::vector<int64_t>& offsets, uint64_t stream) {
  if (rate <= 0) return x;
  return x * dropout_mask(x.size(1), rate, keys, offsets, stream).to(x.options());
}

torch::Tensor keyed_row_dropout(const torch::Tensor& x, double rate, const std::vector<uint64_t>& keys,
                                const std::vector<int64_t>& offsets, uint64_t stream) {
  if (rate <= 0) return x;
  return x * dropout_mask(1, rate, keys, offsets, stream).to(x.options());
}

}  // namespace rlhf
