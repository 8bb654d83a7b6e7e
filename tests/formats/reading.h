#pragma once
#include <string>
#include <vector>

#include "formats/record_reader.h"
#include "tests/support/temporary_folder.h"

namespace rlhf::test {

/// Everything a file holds, good and bad.
struct Reading {
  ReadSummary summary;
  std::vector<ImportRecord> records;
  std::vector<RejectedRecord> rejected;
};

inline Reading read_all(const std::string& path, const std::string& format = {},
                        const std::string& columns = {}) {
  Reading reading;
  reading.summary = read_records(
      path, {format, columns}, [&](ImportRecord record) { reading.records.push_back(std::move(record)); },
      [&](const RejectedRecord& record) { reading.rejected.push_back(record); });
  return reading;
}

inline Reading read_text(const std::string& text, const std::string& format = {},
                         const std::string& name = "data.jsonl", const std::string& columns = {}) {
  const TemporaryFolder folder;
  write_file(folder / name, text);
  return read_all((folder / name).string(), format, columns);
}

inline const Ranking& ranking(const Reading& reading, std::size_t i = 0) {
  return std::get<Ranking>(reading.records.at(i).content);
}

/// The reason of the only record, which must be bad.
inline std::string reason_of(const std::string& line, const std::string& format = {}) {
  const Reading reading = read_text(line, format);
  return reading.rejected.size() == 1 && reading.records.empty() ? reading.rejected[0].reason
                                                                 : "(not rejected)";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace rlhf::test
