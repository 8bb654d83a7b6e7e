#include "formats/raw_record.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "formats/byte_reader.h"
#include "formats/csv_rows.h"
#include "formats/foreign_file.h"
#include "formats/json_elements.h"
#include "formats/line_reader.h"
#include "formats/utf8.h"

namespace rlhf {

namespace {

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

class JsonLines : public RawRecords {
 public:
  explicit JsonLines(std::unique_ptr<ByteReader> reader) : lines_(std::move(reader)) {}

  bool next(RawRecord& record) override {
    Line line;
    while (lines_.next(line)) {
      if (line.problem.empty() && is_blank(line.text)) continue;
      record = {line.number, std::move(line.text), nullptr, std::move(line.problem)};
      if (record.problem.empty()) parse_json(record);
      return true;
    }
    return false;
  }

 private:
  LineReader lines_;
};

constexpr std::size_t kStartBytes = 4096;

std::unique_ptr<RawRecords> open_json(std::unique_ptr<ByteReader> reader) {
  const std::string_view start = reader->look_ahead(kStartBytes);
  const auto first = std::min(start.find_first_not_of("\xEF\xBB\xBF \t\r\n"), start.size());
  const auto second = std::min(start.find_first_not_of(" \t\r\n", first + 1), start.size());
  const bool is_array = first < start.size() && start[first] == '[';
  // A key on the line below its bracket: jq and json.dump(indent=...) write so.
  const bool is_pretty = second < start.size() && start[first] == '{' && start[second] == '"' &&
                         start.substr(first, second - first).find('\n') != std::string_view::npos;
  if (is_array) return std::make_unique<JsonElements>(std::move(reader), JsonElements::Layout::kArray);
  if (is_pretty) return std::make_unique<JsonElements>(std::move(reader), JsonElements::Layout::kObjects);
  return std::make_unique<JsonLines>(std::move(reader));
}

}  // namespace

std::string data_extension(const std::string& path) {
  std::filesystem::path name = path;
  if (lower_case(name.extension().string()) == ".gz") name = name.stem();
  return lower_case(name.extension().string());
}

const std::vector<std::string>& RawRecords::columns() const {
  static const std::vector<std::string> kNone;
  return kNone;
}

std::unique_ptr<RawRecords> open_raw_records(const std::string& path, const std::string& extension) {
  auto reader = std::make_unique<ByteReader>(path);
  refuse_foreign_file(*reader);
  if (extension == ".csv") {
    const char separator = csv_separator(reader->look_ahead(kStartBytes));
    return std::make_unique<CsvRows>(std::move(reader), separator);
  }
  if (extension == ".tsv") return std::make_unique<CsvRows>(std::move(reader), '\t');
  return open_json(std::move(reader));
}

std::unique_ptr<RawRecords> open_raw_records(const std::string& path) {
  return open_raw_records(path, data_extension(path));
}

}  // namespace rlhf
