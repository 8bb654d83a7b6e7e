#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "formats/char_reader.h"
#include "formats/raw_record.h"

namespace rlhf {

/// Rows of a CSV file as objects of strings under the header's names (RFC 4180: quotes, doubled quotes, line
/// breaks in quotes; a byte order mark and CRLF are tolerated).
class CsvRows : public RawRecords {
 public:
  /// Throws UserError when the file is empty, or the header has an empty or a doubled name.
  CsvRows(std::unique_ptr<ByteReader> reader, char separator);
  bool next(RawRecord& record) override;
  const std::vector<std::string>& columns() const override { return names_; }

 private:
  struct Row {
    int64_t line = 0;
    std::string text;
    std::vector<std::string> cells;
    std::string problem;
  };

  bool next_row(Row& row);
  void read_header();

  CharReader chars_;
  char separator_;
  std::vector<std::string> names_;
  bool ended_ = false;
};

/// ';' when the header, the first line of `start`, has one outside quotes and no comma, as spreadsheets write
/// where the comma stands in numbers; else ','.
char csv_separator(std::string_view start);

}  // namespace rlhf
