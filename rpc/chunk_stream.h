#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "contract/checkpoint_store.h"
#include "contract/sha256.h"

namespace rlhf {

/// Bytes in one message of a stream. On loopback 64 KiB to 1 MiB made no difference; smaller costs calls.
inline constexpr std::size_t kChunkBytes = 256 << 10;

/// Largest chunk taken from a peer.
inline constexpr std::size_t kLargestChunk = 1 << 20;

/// Sends the files in `wanted` chunk by chunk; `send` throws to stop.
void send_files(const StoredCheckpoint& checkpoint, const std::vector<std::size_t>& wanted,
                const TakePiece& send);

/// The receiving end: checks the order of chunks, that each file is as long as announced and that its SHA-256
/// is the one announced, while the bytes go by. Every failure is a DamagedTransfer that names the file.
class FileReceiver {
 public:
  /// `manifest` must outlive the receiver. Each piece is handed to `take` before its file is known to be
  /// whole: keep nothing if an exception follows.
  FileReceiver(const CheckpointManifest& manifest, std::vector<std::size_t> wanted, TakePiece take);

  void add(std::size_t file, std::string_view chunk);
  /// Call when the stream ended: everything wanted must have come.
  void finish();

 private:
  void close_complete_files();

  const CheckpointManifest& manifest_;
  const std::vector<std::size_t> wanted_;
  const TakePiece take_;
  std::size_t next_ = 0;   // place in wanted_
  uint64_t received_ = 0;  // bytes of the file wanted_[next_]
  std::unique_ptr<Sha256> hash_;
};

}  // namespace rlhf
