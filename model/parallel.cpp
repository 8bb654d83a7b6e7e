#include "model/parallel.h"

#include <algorithm>

#include <ATen/Parallel.h>

#ifndef INTRA_OP_PARALLEL
#error "ATen's parallel_for is serial in a file that is not compiled with OpenMP"
#endif

namespace rlhf {

void parallel_for(int64_t count, int64_t grain, const std::function<void(int64_t begin, int64_t end)>& part) {
  at::parallel_for(0, count, grain, part);
}

void parallel_rows(int64_t rows, int64_t width, const std::function<void(int64_t begin, int64_t end)>& part) {
  constexpr int64_t kElementsWorthAThread = 1 << 15;
  parallel_for(rows, std::max<int64_t>(1, kElementsWorthAThread / std::max<int64_t>(width, 1)), part);
}

int64_t parallel_threads() {
  return at::get_num_threads();
}

int64_t parallel_thread() {
  return at::get_thread_num();
}

}  // namespace rlhf
