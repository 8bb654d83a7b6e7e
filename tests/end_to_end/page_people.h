#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace rlhf::test {

/// What one of them sent, and what came back.
struct SentAnswer {
  int64_t annotation = 0;
  std::vector<int> ranks;  ///< in the order shown
  bool acknowledged = false;
  bool taken_back = false;  ///< an undo was sent for it, acknowledged or not
};

/// People at the page of `rlhf annotate`, a thread each: they take tasks, keep drafts, rank by chance, take
/// an answer back now and then, and remember what the server said it has. When it dies they stop; an answer
/// that was not acknowledged is sent again to the next server, as the page's outbox does.
class PagePeople {
 public:
  explicit PagePeople(std::vector<std::string> names, uint64_t seed);
  ~PagePeople();

  /// `first_line` is what the server printed: its address and their links.
  void go_to(const std::string& first_line);
  /// Everybody ends what they are at, which a dead server has ended for them.
  void leave();

  /// Every answer sent so far.
  std::vector<SentAnswer> answers() const;
  /// Replies that should not have come.
  std::vector<std::string> surprises() const;

 private:
  struct Person {
    std::string name;
    std::mt19937_64 random;
    std::vector<SentAnswer> sent;
    bool owes = false;  ///< the last of `sent` is not acknowledged yet
    std::thread thread;
  };

  class Visit;
  void record(Person& person, const SentAnswer& answer);

  mutable std::mutex mutex_;
  std::vector<Person> people_;
  std::vector<std::string> surprises_;
  std::atomic<bool> leaving_{false};
};

}  // namespace rlhf::test
