#include "storage/atomic_folder.h"

#include <cerrno>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "contract/error.h"
#include "log/log.h"
#include "storage/file_descriptor.h"

namespace rlhf {

namespace fs = std::filesystem;

namespace {

constexpr char kPartial[] = ".partial-";

[[noreturn]] void fail(const std::string& what, const fs::path& path, int error = errno) {
  throw WorldError("cannot " + what + " " + path.string() + ": " + std::strerror(error));
}

void sync_descriptor(int fd, const fs::path& path) {
  while (fsync(fd) != 0)
    if (errno != EINTR) fail("make durable", path);
}

void sync_folder(const fs::path& path) {
  FileDescriptor fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) fail("open", path);
  while (fsync(fd.get()) != 0) {
    if (errno == EINVAL) return;  // some network file systems have no fsync for folders
    if (errno != EINTR) fail("make durable", path);
  }
}

void sync_tree(const fs::path& folder) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.is_symlink() || !(entry.is_regular_file() || entry.is_directory()))
      throw std::logic_error(entry.path().string() + " is neither a file nor a folder");
    if (entry.is_directory()) {
      sync_tree(entry.path());
      continue;
    }
    FileDescriptor fd(open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) fail("open", entry.path());
    sync_descriptor(fd.get(), entry.path());
  }
  sync_folder(folder);
}

void make_folders_durably(const fs::path& folder) {
  if (folder.empty() || fs::is_directory(folder)) return;
  if (fs::exists(folder)) throw UserError(folder.string() + " is a file, where a folder is needed");
  make_folders_durably(folder.parent_path());
  if (mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST) fail("make the folder", folder);
  sync_folder(folder.parent_path());
}

/// A path as it is on disk: links followed, no trailing slash.
fs::path resolved(const fs::path& path) {
  fs::path plain = fs::weakly_canonical(fs::absolute(path));
  if (!plain.has_filename()) plain = plain.parent_path();
  if (!plain.has_filename()) throw UserError(path.string() + " cannot be written as a folder");
  return plain;
}

fs::path partial_name(const fs::path& destination) {
  static thread_local std::mt19937_64 random{std::random_device{}()};
  return destination.parent_path() /
         ("." + destination.filename().string() + kPartial + std::to_string(random()));
}

bool is_partial(const fs::path& path) {
  const std::string name = path.filename().string();
  const std::size_t at = name.rfind(kPartial);
  if (name.empty() || name[0] != '.' || at == std::string::npos || at == 0) return false;
  const std::string digits = name.substr(at + std::strlen(kPartial));
  return !digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos;
}

/// A folder or file under a temporary name. It is locked while its maker lives, which tells leftovers of the
/// killed from the work of the living. Removed at the end of the scope.
class Partial {
 public:
  Partial(const fs::path& destination, bool folder) : path_(partial_name(destination)) {
    if (folder && mkdir(path_.c_str(), 0777) != 0) fail("make the folder", path_);
    const int flags = folder ? O_RDONLY | O_DIRECTORY : O_WRONLY | O_CREAT | O_EXCL;
    fd_ = FileDescriptor(open(path_.c_str(), flags | O_CLOEXEC, 0666));
    if (!fd_) fail("open", path_);
    flock(fd_.get(), LOCK_EX | LOCK_NB);
  }
  ~Partial() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Partial(const Partial&) = delete;
  Partial& operator=(const Partial&) = delete;

  const fs::path& path() const { return path_; }
  int descriptor() const { return fd_.get(); }

 private:
  fs::path path_;
  FileDescriptor fd_;
};

void write_all(int fd, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("write", path);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  sync_descriptor(fd, path);
}

[[noreturn]] void refuse_existing(const fs::path& destination) {
  throw UserError(destination.string() + " exists and is not an empty folder; choose another or remove it");
}

void move_into_place(const fs::path& from, const fs::path& destination, IfExists if_exists) {
  if (rename(from.c_str(), destination.c_str()) == 0) return;
  const bool occupied = errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR;
  if (!occupied) fail("rename to", destination);
  if (if_exists == IfExists::kRefuse) refuse_existing(destination);
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, destination.c_str(), RENAME_EXCHANGE) == 0) return;
  if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP) fail("replace", destination);
  // No exchange on this file system: two steps, between which the destination is absent but never half there.
  remove_folder_atomically(destination);
  if (rename(from.c_str(), destination.c_str()) != 0) fail("rename to", destination);
}

}  // namespace

void write_folder_atomically(const fs::path& destination_as_given,
                             const std::function<void(const fs::path&)>& write_files, IfExists if_exists) {
  try {
    const fs::path destination = resolved(destination_as_given);
    const bool occupied =
        fs::exists(destination) && !(fs::is_directory(destination) && fs::is_empty(destination));
    if (occupied && if_exists == IfExists::kRefuse) refuse_existing(destination_as_given);
    make_folders_durably(destination.parent_path());
    Partial partial(destination, true);
    write_files(partial.path());
    sync_tree(partial.path());
    move_into_place(partial.path(), destination, if_exists);
    sync_folder(destination.parent_path());
  } catch (const std::system_error& error) {  // of streams and of std::filesystem
    throw WorldError("cannot write " + destination_as_given.string() + ": " + error.what());
  }
}

void write_file_durably(const fs::path& path, std::string_view bytes) {
  FileDescriptor fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!fd) fail("create", path);
  write_all(fd.get(), bytes, path);
}

void write_file_atomically(const fs::path& destination, std::string_view bytes) {
  Partial partial(fs::absolute(destination), false);
  write_all(partial.descriptor(), bytes, partial.path());
  if (rename(partial.path().c_str(), destination.c_str()) != 0) fail("rename to", destination);
  sync_folder(fs::absolute(destination).parent_path());
}

void write_new_file_atomically(const fs::path& destination,
                               const std::function<void(const fs::path&)>& write) {
  const fs::path absolute = resolved(destination);
  make_folders_durably(absolute.parent_path());
  if (fs::exists(absolute))
    throw UserError(destination.string() + " exists; choose another name or remove it");
  Partial partial(absolute, false);
  write(partial.path());
  sync_descriptor(partial.descriptor(), partial.path());
  int error =
      renameat2(AT_FDCWD, partial.path().c_str(), AT_FDCWD, absolute.c_str(), RENAME_NOREPLACE) ? errno : 0;
  if (error == EINVAL || error == ENOSYS)  // not on this file system: nobody else was there a moment ago
    error = rename(partial.path().c_str(), absolute.c_str()) ? errno : 0;
  if (error == EEXIST) throw UserError(destination.string() + " exists; choose another name or remove it");
  if (error) fail("create", destination, error);
  sync_folder(absolute.parent_path());
}

void remove_folder_atomically(const fs::path& folder) {
  const fs::path absolute = fs::absolute(folder);
  const fs::path doomed = partial_name(absolute);
  if (rename(absolute.c_str(), doomed.c_str()) != 0) fail("remove", folder);
  std::error_code error;
  fs::remove_all(doomed, error);
  if (error) log::warn("cannot remove " + doomed.string() + ": " + error.message());
}

void remove_leftovers(const fs::path& parent) noexcept {
  try {
    std::vector<fs::path> found;
    for (const fs::directory_entry& entry : fs::directory_iterator(parent))
      if (is_partial(entry.path()) && !entry.is_symlink()) found.push_back(entry.path());
    for (const fs::path& path : found) {
      FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
      if (fd && flock(fd.get(), LOCK_EX | LOCK_NB) != 0) continue;  // its writer lives
      std::error_code error;
      fs::remove_all(path, error);
      if (error) log::warn("cannot remove " + path.string() + ": " + error.message());
    }
  } catch (const std::exception& error) {
    log::warn(std::string("leftovers of a killed run stay: ") + error.what());
  }
}

}  // namespace rlhf
