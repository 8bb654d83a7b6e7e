#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace rlhf {

/// Raised by any change that an older peer would misread. Carried by every call; a difference is refused.
inline constexpr int kProtocolVersion = 2;

/// Largest message either side takes. Checkpoints travel in chunks far below it.
inline constexpr int kLargestMessage = 64 << 20;

/// What a checkpoint on its way in may announce; looked at before anything is allocated.
struct TransferLimits {
  std::size_t files = 4096;
  uint64_t file_bytes = uint64_t{64} << 30;
  uint64_t total_bytes = uint64_t{256} << 30;
};

/// How long a peer may take. Every call has a deadline; a peer that vanished is noticed by keep-alive pings
/// earlier.
struct Deadlines {
  std::chrono::milliseconds call{30'000};         ///< a short question
  std::chrono::milliseconds transfer{3'600'000};  ///< a whole checkpoint
  std::chrono::milliseconds score{600'000};       ///< one request to a reward model
};

}  // namespace rlhf
