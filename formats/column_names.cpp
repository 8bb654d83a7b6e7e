#include "formats/column_names.h"

#include <algorithm>
#include <set>
#include <sstream>

#include "contract/error.h"

namespace rlhf {

ColumnNames::ColumnNames(const std::string& text) {
  std::set<std::string> columns;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const std::size_t equals = part.find('=');
    const std::string field = part.substr(0, equals);
    const std::string column = equals == std::string::npos ? std::string() : part.substr(equals + 1);
    if (field.empty() || column.empty())
      throw UserError("--columns '" + part + "': give NAME=COLUMN, as in prompt=question,chosen=better");
    if (!column_of_.emplace(field, column).second)
      throw UserError("--columns names the field '" + field + "' twice");
    if (!columns.insert(column).second) throw UserError("--columns names the column '" + column + "' twice");
  }
}

void ColumnNames::check_header(const std::string& file, const std::vector<std::string>& header) const {
  for (const auto& [field, column] : column_of_) {
    if (std::find(header.begin(), header.end(), column) != header.end()) continue;
    std::string names;
    for (const std::string& name : header) names += (names.empty() ? "" : ", ") + name;
    throw UserError(file + ":1: no column is called '" + column + "', as --columns says of '" + field +
                    "'; there are: " + names);
  }
}

void ColumnNames::rename(nlohmann::json& record) const {
  std::map<std::string, nlohmann::json> renamed;
  for (const auto& [field, column] : column_of_) {
    const auto found = record.find(column);
    if (found == record.end()) continue;
    renamed[field] = std::move(*found);
    record.erase(found);
  }
  for (auto& [field, value] : renamed) record[field] = std::move(value);
}

}  // namespace rlhf
