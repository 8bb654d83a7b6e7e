#pragma once
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace rlhf {

/// Flat objects on their way to a CSV file (RFC 4180, lines ending in '\n'). They wait in a temporary file,
/// because the header must name every column that any of them has.
class CsvTable {
 public:
  /// Throws WorldError when there can be no temporary file.
  explicit CsvTable(char separator);

  /// Throws BadRecord when the object holds a list or an object, WorldError when the disk fails.
  void add(const nlohmann::ordered_json& object);

  /// Calls `write` with the header and then each row, in the order they came. Columns stand in the order in
  /// which they were first seen.
  void pour(const std::function<void(const std::string&)>& write);

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  std::string row(const std::vector<std::string>& cells) const;

  char separator_;
  std::vector<std::string> columns_;
  std::unique_ptr<std::FILE, CloseFile> waiting_;  ///< one object a line
};

}  // namespace rlhf
