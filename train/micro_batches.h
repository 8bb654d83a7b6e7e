#pragma once
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace rlhf {

/// This process's part of a global batch of `count` samples: an even, contiguous cut. Losses are divided by
/// the count of the whole, so the cut changes nothing but rounding.
struct Share {
  int64_t begin = 0;
  int64_t end = 0;
};
Share share_of(int64_t count, int64_t rank, int64_t world_size);

/// Cuts [share.begin, share.end) into runs of at most `size`.
std::vector<Share> micro_batches(Share share, int64_t size);

/// The samples at the places that a part of `indices` names.
template <typename Sample>
std::vector<const Sample*> pick(const std::vector<Sample>& samples, const std::vector<int64_t>& indices,
                                Share part) {
  std::vector<const Sample*> picked;
  for (int64_t i = part.begin; i < part.end; ++i)
    picked.push_back(&samples[static_cast<std::size_t>(indices[static_cast<std::size_t>(i)])]);
  return picked;
}

/// Optimizer steps of a run: max_steps when above 0, else whole epochs of `samples` in batches of `batch`.
int64_t total_steps(int64_t max_steps, double epochs, int64_t samples, int64_t batch);

}  // namespace rlhf
