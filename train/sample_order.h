#pragma once
#include <cstdint>
#include <vector>

namespace rlhf {

/// Philox-like counter-based draws: a 64-bit value that is a function of its key alone (SplitMix64's
/// finaliser over the key's words, https://prng.di.unimi.it/splitmix64.c), so nothing need be saved to
/// resume.
uint64_t keyed_random(uint64_t seed, uint64_t stream, uint64_t counter);

/// The order of `size` samples in one epoch: a permutation that depends on (seed, epoch, size) alone.
std::vector<int64_t> epoch_order(uint64_t seed, int64_t epoch, int64_t size);

/// Walks a data set epoch after epoch in shuffled order. The cursor is the number of samples drawn, so a
/// resumed run starts where the checkpoint says without replaying. The last batch of an epoch is filled from
/// the next epoch.
class SampleOrder {
 public:
  SampleOrder(uint64_t seed, int64_t size) : seed_(seed), size_(size) {}

  /// Sample indices drawn at positions [begin, begin + count) of the endless sequence of epochs.
  std::vector<int64_t> draw(int64_t begin, int64_t count);
  double epoch_at(int64_t drawn) const { return static_cast<double>(drawn) / static_cast<double>(size_); }

 private:
  uint64_t seed_;
  int64_t size_;
  int64_t cached_epoch_ = -1;
  std::vector<int64_t> cached_order_;
};

}  // namespace rlhf
