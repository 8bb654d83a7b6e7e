#pragma once
#include <cstdint>
#include <functional>

namespace rlhf {

/// Calls part(begin, end) for shares of [0, count) from torch's threads, at least `grain` to a share; in the
/// caller's thread when that leaves one share. Which thread has what depends on the number of threads: what
/// must not, must not depend on shares.
void parallel_for(int64_t count, int64_t grain, const std::function<void(int64_t begin, int64_t end)>& part);

/// parallel_for over rows of `width` elements that a loop passes over once, so many to a share that a thread
/// is worth waking.
void parallel_rows(int64_t rows, int64_t width, const std::function<void(int64_t begin, int64_t end)>& part);

/// Calls one(task) for tasks [0, count), each once. Every thread of torch's begins with neighbouring ones of
/// its own and takes of the others' when it is done: a core that is slowed down by something else is not
/// waited for.
void parallel_tasks(int64_t count, const std::function<void(int64_t task)>& one);

/// How many threads a parallel_for has at most.
int64_t parallel_threads();

/// Of the caller among the threads of the parallel_for it is in, from 0; 0 outside.
int64_t parallel_thread();

}  // namespace rlhf
