#pragma once
#include <array>
#include <filesystem>
#include <string>
#include <string_view>

namespace rlhf {

/// SHA-256 (FIPS 180-4) fed in pieces; lower-case hexadecimal out.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::string_view bytes);
  /// Ends the hash; call once.
  std::string hex_digest();

 private:
  void* context_;
};

using Sha256Digest = std::array<unsigned char, 32>;

/// The digest itself, for many short texts.
Sha256Digest sha256_digest(std::string_view bytes);

std::string sha256_hex(std::string_view bytes);

/// Throws UserError when the file cannot be read.
std::string sha256_file(const std::filesystem::path& path);

}  // namespace rlhf
