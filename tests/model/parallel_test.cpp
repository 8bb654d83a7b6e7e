#include "model/parallel.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <torch/utils.h>

#include "tests/support/catch.h"

namespace rlhf {

TEST_CASE("parallel_for covers every index once, in as many threads as torch has") {
  const int before = torch::get_num_threads();
  for (const int threads : {1, 2, 3}) {
    torch::set_num_threads(threads);
    std::vector<int> visits(12, 0);
    std::set<std::thread::id> seen;
    std::mutex mutex;
    parallel_for(12, 4, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) ++visits[static_cast<size_t>(i)];
      const std::lock_guard lock(mutex);
      seen.insert(std::this_thread::get_id());
      CHECK(parallel_thread() < threads);
    });
    CHECK(visits == std::vector<int>(12, 1));
    CHECK(seen.size() == static_cast<size_t>(threads));
  }
  torch::set_num_threads(before);
}

TEST_CASE("parallel_tasks runs every task once, and nobody waits for a thread that is slow") {
  const int before = torch::get_num_threads();
  for (const int threads : {1, 2, 3}) {
    torch::set_num_threads(threads);
    for (const int64_t count : {0, 1, 2, 100}) {
      std::vector<int> visits(static_cast<size_t>(count), 0);
      parallel_tasks(count, [&](int64_t task) { ++visits[static_cast<size_t>(task)]; });
      CHECK(visits == std::vector<int>(static_cast<size_t>(count), 1));
    }
  }
  // The thread that has task 0 does not go on before all others are done: somebody else did the rest of its
  // own.
  torch::set_num_threads(2);
  constexpr int64_t kTasks = 100;
  std::atomic<int64_t> done = 0;
  int64_t done_before_first = -1;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  parallel_tasks(kTasks, [&](int64_t task) {
    while (task == 0 && done < kTasks - 1 && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    if (task == 0) done_before_first = done;
    ++done;
  });
  CHECK(done == kTasks);
  CHECK(done_before_first == kTasks - 1);
  torch::set_num_threads(before);
}

}  // namespace rlhf
