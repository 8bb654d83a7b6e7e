#include "curves/append_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "contract/error.h"

namespace rlhf {
namespace {

[[noreturn]] void fail(const std::string& what, const std::filesystem::path& path) {
  throw WorldError("cannot " + what + " " + path.string() + ": " + std::strerror(errno));
}

void write_all(int descriptor, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("write", path);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void sync_descriptor(int descriptor, const std::filesystem::path& path) {
  // Pipes and some special files cannot be synced, and need not be.
  if (::fsync(descriptor) != 0 && errno != EINVAL && errno != EROFS) fail("sync", path);
}

int open_or_fail(const std::filesystem::path& path, int flags) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
  if (descriptor < 0) fail("open", path);
  return descriptor;
}

/// A descriptor that closes itself, for the short life of a replacement.
struct Descriptor {
  int value;
  ~Descriptor() { ::close(value); }
};

}  // namespace

AppendFile::AppendFile(std::filesystem::path path) : path_(std::move(path)) {
  open();
}

AppendFile::~AppendFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void AppendFile::open() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  descriptor_ = open_or_fail(path_, O_WRONLY | O_APPEND | O_CREAT);
}

void AppendFile::append(std::string_view bytes) {
  struct stat before {};
  if (::fstat(descriptor_, &before) != 0) fail("inspect", path_);
  try {
    write_all(descriptor_, bytes, path_);
  } catch (const WorldError&) {
    if (::ftruncate(descriptor_, before.st_size) != 0) fail("take back a failed write to", path_);
    throw;
  }
}

void AppendFile::sync() {
  sync_descriptor(descriptor_, path_);
}

void AppendFile::cut(uint64_t size) {
  if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) fail("cut", path_);
}

void AppendFile::replace(std::string_view bytes) {
  write_whole_file(path_, bytes);
  open();
}

void write_whole_file(const std::filesystem::path& path, std::string_view bytes) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  // Not named after the file: TensorBoard reads whatever has "tfevents" in its name.
  const std::filesystem::path temporary = folder / (".partial-" + std::to_string(::getpid()));
  {
    const Descriptor file{open_or_fail(temporary, O_WRONLY | O_CREAT | O_TRUNC)};
    write_all(file.value, bytes, temporary);
    sync_descriptor(file.value, temporary);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) fail("rename to", path);
  const Descriptor parent{open_or_fail(folder, O_RDONLY | O_DIRECTORY)};
  sync_descriptor(parent.value, folder);
}

std::string read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UserError("cannot read " + path.string() + ": " + std::strerror(errno));
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace rlhf
