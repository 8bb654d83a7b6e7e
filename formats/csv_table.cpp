#include "formats/csv_table.h"

#include <algorithm>
#include <cstdlib>

#include "contract/error.h"
#include "formats/fields.h"

namespace rlhf {

namespace {

[[noreturn]] void fail() {
  throw WorldError("the temporary file of a CSV export cannot be written or read; is the disk full?");
}

/// A line without its break; false at the end.
bool read_line(std::FILE* file, std::string& line) {
  char* text = nullptr;
  std::size_t capacity = 0;
  const ssize_t length = getline(&text, &capacity, file);
  if (length > 0) line.assign(text, static_cast<std::size_t>(length) - 1);
  std::free(text);
  if (std::ferror(file)) fail();
  return length > 0;
}

}  // namespace

CsvTable::CsvTable(char separator) : separator_(separator), waiting_(std::tmpfile()) {
  if (!waiting_) fail();
}

void CsvTable::add(const nlohmann::ordered_json& object) {
  for (const auto& [name, value] : object.items()) {
    if (value.is_structured()) throw BadRecord("field '" + name + "' is a list, which a cell cannot hold");
  }
  for (const auto& [name, value] : object.items()) {
    if (std::find(columns_.begin(), columns_.end(), name) == columns_.end()) columns_.push_back(name);
  }
  const std::string line = object.dump() + "\n";
  if (std::fwrite(line.data(), 1, line.size(), waiting_.get()) != line.size()) fail();
}

void CsvTable::pour(const std::function<void(const std::string&)>& write) {
  if (columns_.empty()) return;
  write(row(columns_));
  if (std::fseek(waiting_.get(), 0, SEEK_SET) != 0) fail();
  for (std::string line; read_line(waiting_.get(), line);) {
    const auto object = nlohmann::json::parse(line);
    std::vector<std::string> cells;
    for (const std::string& column : columns_) cells.push_back(text_or_empty(object, column.c_str()));
    write(row(cells));
  }
}

std::string CsvTable::row(const std::vector<std::string>& cells) const {
  std::string text;
  for (const std::string& cell : cells) {
    if (&cell != &cells.front()) text += separator_;
    // An empty cell alone on its line would be an empty line, which readers pass over.
    const bool quoted = cell.find_first_of(std::string("\"\r\n") + separator_) != std::string::npos ||
                        (cell.empty() && cells.size() == 1);
    if (!quoted) {
      text += cell;
      continue;
    }
    text += '"';
    for (const char c : cell) text += c == '"' ? std::string("\"\"") : std::string(1, c);
    text += '"';
  }
  return text + "\n";
}

}  // namespace rlhf
