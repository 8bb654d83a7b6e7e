#include "tests/support/temporary_folder.h"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>

namespace rlhf::test {

namespace fs = std::filesystem;

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "rlhf-test-XXXXXX").string();
  if (!mkdtemp(name.data())) throw std::runtime_error("cannot make a temporary folder");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_file(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

fs::path fixture(const std::string& name) {
  return fs::path(RLHF_SOURCE_DIR) / "tests" / "fixtures" / name;
}

fs::path shared_data(const std::string& name) {
  const char* folder = std::getenv("RLHF_SHARED_DATA");
  const fs::path path =
      (folder ? fs::path(folder) : fs::path(RLHF_SOURCE_DIR) / ".." / "shared" / "data") / name;
  if (fs::exists(path)) return path;
  std::cout << "SKIPPED: needs " << name << ", which is not in $RLHF_SHARED_DATA\n";
  return {};
}

}  // namespace rlhf::test
