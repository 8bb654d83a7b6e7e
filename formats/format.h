#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "formats/record_kind.h"

namespace rlhf {

/// What one record of a file holds: usually one ImportRecord, none or many for a message tree.
struct ReadRecords {
  std::vector<ImportRecord> records;
  std::vector<std::string> rejected;  ///< parts of the record that cannot be used, with the reason
};

using JsonObjects = std::vector<nlohmann::ordered_json>;

/// One data format. A format is one row of the table and one file; nothing else knows it.
struct Format {
  std::string_view name;     ///< as --format takes it
  std::string_view summary;  ///< one line for help
  FormatKind kind;
  /// Whether a record looks like this format, by its fields; whether they hold what they must is
  /// read's to say, so that its message names the field.
  bool (*matches)(const nlohmann::json& record);
  /// Appends what the record holds. Throws BadRecord with the field and the reason.
  void (*read)(const nlohmann::json& record, ReadRecords& into);
  /// Appends the JSON objects that say `record` in this format, keys in the format's own order. Throws
  /// BadRecord when the format cannot say it. nullptr for a format that is only read.
  void (*write)(const ImportRecord& record, JsonObjects& into);
};

/// Every format, the more telling ones first: detection takes the first that matches.
const std::vector<Format>& formats();

/// nullptr when no format matches.
const Format* detect_format(const nlohmann::json& record);

/// Throws UserError that lists the names when there is no such format.
const Format& format_by_name(std::string_view name);

}  // namespace rlhf
