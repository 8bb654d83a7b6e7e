#pragma once
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <thread>
#include <type_traits>
#include <vector>

namespace rlhf {

/// one(i) for i from 0 to `count`, in that order, computed by up to `threads` threads, which share `one`.
/// When calls throw, the error of the first of them in order is thrown once all are done.
template <typename One>
auto parallel_map(size_t count, int threads, const One& one) {
  using Result = std::invoke_result_t<const One&, size_t>;
  static_assert(!std::is_same_v<Result, bool>, "bits of a vector<bool> are not apart");
  std::vector<Result> results(count);
  std::vector<std::exception_ptr> errors(count);
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < count; i = next++) {
      try {
        results[i] = one(i);
      } catch (...) {
        errors[i] = std::current_exception();
      }
    }
  };
  {
    std::vector<std::jthread> helpers;
    const size_t useful = std::min(static_cast<size_t>(std::max(threads, 1)), count);
    for (size_t i = 1; i < useful; ++i) helpers.emplace_back(work);
    work();
  }
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  return results;
}

}  // namespace rlhf
