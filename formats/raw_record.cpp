#include "formats/raw_record.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "formats/byte_reader.h"
#include "formats/csv_rows.h"
#include "formats/json_array.h"
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

/// '[' as the first byte that is neither white space nor part of a byte order mark.
bool holds_an_array(ByteReader& reader) {
  const std::string_view start = reader.look_ahead(4096);
  const auto found = start.find_first_not_of("\xEF\xBB\xBF \t\r\n");
  return found != std::string_view::npos && start[found] == '[';
}

}  // namespace

std::string data_extension(const std::string& path) {
  std::filesystem::path name = path;
  if (lower_case(name.extension().string()) == ".gz") name = name.stem();
  return lower_case(name.extension().string());
}

std::unique_ptr<RawRecords> open_raw_records(const std::string& path) {
  const std::string extension = data_extension(path);
  auto reader = std::make_unique<ByteReader>(path);
  if (extension == ".csv") return std::make_unique<CsvRows>(std::move(reader), ',');
  if (extension == ".tsv") return std::make_unique<CsvRows>(std::move(reader), '\t');
  if (holds_an_array(*reader)) return std::make_unique<JsonArray>(std::move(reader));
  return std::make_unique<JsonLines>(std::move(reader));
}

}  // namespace rlhf
