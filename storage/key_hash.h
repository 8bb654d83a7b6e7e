#pragma once
#include <charconv>
#include <string>
#include <string_view>

#include "contract/sha256.h"

namespace rlhf {

/// SHA-256 over several parts. Every part ends in its own length, so that no two lists of parts run together
/// to the same bytes. For .cpp files of storage/ only.
class KeyHash {
 public:
  KeyHash& add(std::string_view part) {
    bytes_.append(part);
    bytes_ += "\n" + std::to_string(part.size()) + "\n";
    return *this;
  }
  Sha256Digest digest() const { return sha256_digest(bytes_); }

 private:
  std::string bytes_;
};

/// The shortest text that reads back as the same number.
inline std::string exact(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

}  // namespace rlhf
