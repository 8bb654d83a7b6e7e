#include "model/parallel.h"

#include <algorithm>
#include <atomic>
#include <vector>

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

void parallel_tasks(int64_t count, const std::function<void(int64_t task)>& one) {
  struct alignas(64) Share {
    std::atomic<int64_t> next;
    int64_t end;
  };
  const int64_t threads = std::min(count, parallel_threads());
  std::vector<Share> shares(static_cast<std::size_t>(threads));
  const auto share = [&](int64_t i) -> Share& { return shares[static_cast<std::size_t>(i % threads)]; };
  for (int64_t i = 0; i < threads; ++i) {
    share(i).next = count * i / threads;
    share(i).end = count * (i + 1) / threads;
  }
  parallel_for(threads, 1, [&](int64_t first, int64_t last) {
    for (int64_t own = first; own < last; ++own) {
      for (int64_t i = own; i < own + threads; ++i) {
        Share& from = share(i);
        for (int64_t task = from.next++; task < from.end; task = from.next++) one(task);
      }
    }
  });
}

int64_t parallel_threads() {
  return at::get_num_threads();
}

int64_t parallel_thread() {
  return at::get_thread_num();
}

}  // namespace rlhf
