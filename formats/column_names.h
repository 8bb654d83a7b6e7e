#pragma once
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace rlhf {

/// What a data file calls the fields of its format: "prompt=question,chosen=better" for a file whose prompts
/// stand in a column "question".
class ColumnNames {
 public:
  ColumnNames() = default;
  /// NAME=COLUMN, several separated by commas. Throws UserError when `text` is something else, or names one
  /// field or column twice.
  explicit ColumnNames(const std::string& text);

  /// Throws UserError when `header`, of the CSV file `file`, lacks a column that is named.
  void check_header(const std::string& file, const std::vector<std::string>& header) const;

  /// Gives the columns that `record`, an object, has their field's name; what stood under that name before
  /// goes.
  void rename(nlohmann::json& record) const;

  bool empty() const { return column_of_.empty(); }

 private:
  std::map<std::string, std::string> column_of_;  ///< by field
};

}  // namespace rlhf
