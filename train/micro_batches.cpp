#include "train/micro_batches.h"

#include <algorithm>
#include <cmath>

namespace rlhf {

Share share_of(int64_t count, int64_t rank, int64_t world_size) {
  return {count * rank / world_size, count * (rank + 1) / world_size};
}

std::vector<Share> micro_batches(Share share, int64_t size) {
  std::vector<Share> cuts;
  for (int64_t begin = share.begin; begin < share.end; begin += size)
    cuts.push_back({begin, std::min(begin + size, share.end)});
  return cuts;
}

int64_t total_steps(int64_t max_steps, double epochs, int64_t samples, int64_t batch) {
  if (max_steps > 0) return max_steps;
  const double steps_an_epoch = std::ceil(static_cast<double>(samples) / static_cast<double>(batch));
  return std::max<int64_t>(1, static_cast<int64_t>(std::ceil(epochs * steps_an_epoch)));
}

}  // namespace rlhf
