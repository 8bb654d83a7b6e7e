#include "formats/output_file.h"

#include <filesystem>
#include <iostream>
#include <utility>

#include <unistd.h>

#include "contract/error.h"

namespace rlhf {

namespace fs = std::filesystem;

OutputFile::OutputFile(const std::string& path) : path_(path) {
  if (path.empty()) return;
  std::error_code unknown;  // a path that cannot be looked at is told when it is opened
  if (fs::is_symlink(path, unknown)) path_ = fs::weakly_canonical(path, unknown).string();
  if (!fs::is_other(path_, unknown)) temporary_ = path_ + ".partial-" + std::to_string(getpid());
  file_.open(temporary_.empty() ? path_ : temporary_, std::ios::binary);
  if (!file_) throw UserError("cannot write " + path + ", which --output names");
}

OutputFile::~OutputFile() {
  std::error_code ignored;
  if (!temporary_.empty()) fs::remove(temporary_, ignored);
}

std::ostream& OutputFile::stream() {
  return path_.empty() ? std::cout : file_;
}

void OutputFile::close() {
  stream().flush();
  if (!path_.empty()) file_.close();
  std::error_code error;
  if (stream() && !temporary_.empty()) fs::rename(std::exchange(temporary_, ""), path_, error);
  if (!stream() || error)
    throw WorldError("writing " + (path_.empty() ? "standard output" : path_) + " failed: is the disk full?");
}

}  // namespace rlhf
