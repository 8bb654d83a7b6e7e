#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "contract/record.h"
#include "formats/csv_table.h"

namespace rlhf {

/// Writes records as JSON lines: UTF-8, one '\n' each, keys in the format's order; as CSV or TSV with a
/// header when the name says so (".csv", ".tsv"); compressed when it ends in ".gz"; to standard output for
/// "-", and straight into a pipe or a device. A file appears under its name only when finish() returns;
/// before that, and when anything fails, whatever stood there stays.
class RecordWriter {
 public:
  /// Throws UserError when the format does not exist or is only read, WorldError when the file cannot be
  /// made.
  RecordWriter(const std::string& path, const std::string& format);
  ~RecordWriter();
  RecordWriter(const RecordWriter&) = delete;
  RecordWriter& operator=(const RecordWriter&) = delete;

  /// A record that the format, or a row of cells, cannot say is left out and counted by reason. Throws
  /// WorldError when writing fails.
  void write(const ImportRecord& record);
  /// Makes the file durable under its name.
  void finish();

  int64_t lines() const { return lines_; }
  const std::map<std::string, int64_t>& left_out() const { return left_out_; }

 private:
  class Sink;
  const struct Format& format_;
  std::unique_ptr<Sink> sink_;
  std::unique_ptr<CsvTable> table_;  ///< none for JSON lines
  int64_t lines_ = 0;
  std::map<std::string, int64_t> left_out_;
};

}  // namespace rlhf
