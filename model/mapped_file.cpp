#include "model/mapped_file.h"

#include <array>
#include <atomic>
#include <csignal>
#include <mutex>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "contract/error.h"

namespace rlhf {
namespace {

// Files beyond so many are mapped all the same; an unreadable page of theirs is a plain SIGBUS.
std::array<std::atomic<const MappedFile*>, 1024> mapped_files;

void on_unreadable_page(int signal, siginfo_t* info, void*) {
  for (const auto& entry : mapped_files) {
    const MappedFile* file = entry.load();
    const std::string_view complaint = file ? file->complaint(info->si_addr) : std::string_view();
    if (complaint.empty()) continue;
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, complaint.data(), complaint.size());
    ::_exit(1);
  }
  ::signal(signal, SIG_DFL);  // not ours: it ends the program as it would have
  ::raise(signal);
}

void watch_for_unreadable_pages() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action {};
    action.sa_sigaction = on_unreadable_page;
    action.sa_flags = SA_SIGINFO;
    ::sigaction(SIGBUS, &action, nullptr);
  });
}

void replace(const MappedFile* old, const MappedFile* file) {
  for (auto& entry : mapped_files) {
    const MappedFile* expected = old;
    if (entry.compare_exchange_strong(expected, file)) return;
  }
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path)
    : complaint_("rlhf: " + path.string() + ": was cut short while it was in use, or its disk fails\n") {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (file < 0 || ::fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    if (file >= 0) ::close(file);
    throw UserError(path.string() + ": cannot be read as a file");
  }
  size_ = static_cast<std::size_t>(status.st_size);
  if (size_ > 0) address_ = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  ::close(file);
  if (address_ == MAP_FAILED) throw WorldError(path.string() + ": cannot be mapped into memory");
  watch_for_unreadable_pages();
  replace(nullptr, this);
}

MappedFile::~MappedFile() {
  replace(this, nullptr);
  if (address_) ::munmap(address_, size_);
}

std::string_view MappedFile::complaint(const void* address) const {
  const auto* first = static_cast<const char*>(address_);
  const auto* at = static_cast<const char*>(address);
  return at >= first && at < first + size_ ? std::string_view(complaint_) : std::string_view();
}

}  // namespace rlhf
