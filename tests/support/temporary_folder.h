#pragma once
#include <filesystem>
#include <string>

namespace rlhf::test {

/// A fresh folder under the system's temporary folder, removed with everything in it at the end of the scope.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, const std::string& bytes);

/// tests/fixtures/<name> in the source tree.
std::filesystem::path fixture(const std::string& name);

/// A file of the shared test data ($RLHF_SHARED_DATA, else ../shared/data beside the checkout); empty when
/// absent, and then the absence is printed so that a skip is seen.
std::filesystem::path shared_data(const std::string& name);

}  // namespace rlhf::test
