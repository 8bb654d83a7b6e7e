#include "rpc/chunk_stream.h"

#include <string>
#include <utility>

#include "rpc/error.h"

namespace rlhf {

void send_files(const StoredCheckpoint& checkpoint, const std::vector<std::size_t>& wanted,
                const TakePiece& send) {
  for (const std::size_t file : wanted)
    checkpoint.read(file, kChunkBytes, [&](std::string_view piece) { send(file, piece); });
}

FileReceiver::FileReceiver(const CheckpointManifest& manifest, std::vector<std::size_t> wanted,
                           TakePiece take)
    : manifest_(manifest),
      wanted_(std::move(wanted)),
      take_(std::move(take)),
      hash_(std::make_unique<Sha256>()) {
  close_complete_files();
}

void FileReceiver::add(std::size_t file, std::string_view chunk) {
  if (next_ == wanted_.size() || file != wanted_[next_])
    throw DamagedTransfer("a chunk came of file " + std::to_string(file) +
                          ", which is not the one to come next");
  const ManifestEntry& entry = manifest_.files[file];
  if (chunk.empty() || chunk.size() > kLargestChunk)
    throw DamagedTransfer("a chunk of " + entry.name + " has " + std::to_string(chunk.size()) + " bytes");
  if (chunk.size() > entry.size - received_)
    throw DamagedTransfer(entry.name + " is longer than the " + std::to_string(entry.size) +
                          " bytes announced");
  hash_->update(chunk);
  received_ += chunk.size();
  take_(file, chunk);
  close_complete_files();
}

void FileReceiver::close_complete_files() {
  while (next_ < wanted_.size() && received_ == manifest_.files[wanted_[next_]].size) {
    const ManifestEntry& entry = manifest_.files[wanted_[next_]];
    if (hash_->hex_digest() != entry.sha256)
      throw DamagedTransfer(entry.name + " arrived damaged: its SHA-256 is not the " +
                            entry.sha256.substr(0, 12) + "... announced");
    hash_ = std::make_unique<Sha256>();
    received_ = 0;
    ++next_;
  }
}

void FileReceiver::finish() {
  if (next_ == wanted_.size()) return;
  const ManifestEntry& entry = manifest_.files[wanted_[next_]];
  throw DamagedTransfer("the transfer was cut short: " + entry.name + " ended after " +
                        std::to_string(received_) + " of " + std::to_string(entry.size) + " bytes");
}

}  // namespace rlhf
