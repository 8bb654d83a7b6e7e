#include "train/sample_order.h"

#include <numeric>
#include <utility>

namespace rlhf {
namespace {

uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

// An unbiased draw from [0, bound): the high word of a 64x64-bit product, rejecting the short first interval
// (Lemire 2019, arXiv 1805.10941).
uint64_t bounded(uint64_t seed, uint64_t stream, uint64_t& counter, uint64_t bound) {
  __extension__ using Wide = unsigned __int128;
  const uint64_t threshold = (0 - bound) % bound;
  for (;;) {
    const Wide product = static_cast<Wide>(keyed_random(seed, stream, counter++)) * bound;
    if (static_cast<uint64_t>(product) >= threshold) return static_cast<uint64_t>(product >> 64);
  }
}

}  // namespace

uint64_t keyed_random(uint64_t seed, uint64_t stream, uint64_t counter) {
  return mix(mix(mix(seed) ^ stream) ^ counter);
}

std::vector<int64_t> epoch_order(uint64_t seed, int64_t epoch, int64_t size) {
  std::vector<int64_t> order(static_cast<size_t>(size));
  std::iota(order.begin(), order.end(), int64_t{0});
  uint64_t counter = 0;
  for (size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[bounded(seed, static_cast<uint64_t>(epoch), counter, i)]);
  return order;
}

std::vector<int64_t> SampleOrder::draw(int64_t begin, int64_t count) {
  std::vector<int64_t> samples;
  samples.reserve(static_cast<size_t>(count));
  for (int64_t position = begin; position < begin + count; ++position) {
    const int64_t epoch = position / size_;
    if (epoch != cached_epoch_) {
      cached_order_ = epoch_order(seed_, epoch, size_);
      cached_epoch_ = epoch;
    }
    samples.push_back(cached_order_[static_cast<size_t>(position % size_)]);
  }
  return samples;
}

}  // namespace rlhf
