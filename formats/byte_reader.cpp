#include "formats/byte_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <unistd.h>
#include <zlib.h>

#include "contract/error.h"

namespace rlhf {

namespace {

constexpr unsigned kBufferBytes = 256 * 1024;

gzFile open_file(const std::string& path) {
  if (path == "-") return gzdopen(dup(STDIN_FILENO), "rb");
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    throw UserError(path + ": is a folder; name the files in it");
  if (!std::filesystem::exists(path, error)) throw UserError(path + ": no such file");
  return gzopen(path.c_str(), "rb");
}

}  // namespace

ByteReader::ByteReader(const std::string& path)
    : path_(path == "-" ? "standard input" : path), file_(open_file(path)) {
  if (!file_) throw UserError(path_ + ": cannot be read: " + std::strerror(errno));
  gzbuffer(file_, kBufferBytes);
}

ByteReader::~ByteReader() {
  gzclose(file_);
}

std::size_t ByteReader::read(char* into, std::size_t size) {
  if (ahead_.empty()) return read_file(into, size);
  const std::size_t taken = std::min(size, ahead_.size());
  std::memcpy(into, ahead_.data(), taken);
  ahead_.erase(0, taken);
  return taken;
}

std::string_view ByteReader::look_ahead(std::size_t size) {
  try {
    while (ahead_.size() < size) {
      std::string chunk(size - ahead_.size(), '\0');
      const std::size_t got = read_file(chunk.data(), chunk.size());
      if (got == 0) break;
      ahead_.append(chunk, 0, got);
    }
  } catch (const UserError&) {
    // zlib keeps the error and gives it again to the read that comes to the damage.
  }
  return std::string_view(ahead_).substr(0, size);
}

std::size_t ByteReader::read_file(char* into, std::size_t size) {
  const auto wanted = static_cast<unsigned>(std::min<std::size_t>(size, 1U << 30));
  const int got = gzread(file_, into, wanted);
  int code = Z_OK;
  const char* message = gzerror(file_, &code);
  if (got < 0 || (got == 0 && code != Z_OK && code != Z_STREAM_END)) {
    if (code == Z_ERRNO) throw WorldError(path_ + ": reading failed: " + std::strerror(errno));
    throw UserError("the gzip data are damaged or cut short (" + std::string(message) + ")");
  }
  return static_cast<std::size_t>(got);
}

}  // namespace rlhf
