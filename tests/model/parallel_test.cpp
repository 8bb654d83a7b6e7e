#include "model/parallel.h"

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

}  // namespace rlhf
