#include "tests/ppo/thread_collective.h"

#include <thread>

namespace rlhf::test {

void run_processes(int64_t count, const std::function<void(Collective&)>& process) {
  ThreadGroup group(count);
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < count; ++rank) {
    threads.emplace_back([&, rank] {
      ThreadCollective collective(group, rank);
      process(collective);
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace rlhf::test
