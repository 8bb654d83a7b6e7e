#pragma once
#include <fstream>
#include <ostream>
#include <string>

namespace rlhf {

/// What a command writes with --output FILE: appears under its name when close() returns; before that, and
/// when anything fails, whatever stood there stays. Pipes and devices are written straight, and so is
/// standard output, which an empty name means.
class OutputFile {
 public:
  /// UserError when the file cannot be made.
  explicit OutputFile(const std::string& path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  std::ostream& stream();
  /// WorldError when what was written did not get there.
  void close();

 private:
  std::string path_;
  std::string temporary_;  // empty when the target is written straight
  std::ofstream file_;
};

}  // namespace rlhf
