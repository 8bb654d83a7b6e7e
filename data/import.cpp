#include "data/import.h"

#include <algorithm>
#include <fstream>
#include <optional>

#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "contract/sha256.h"
#include "data/scratch_ledger.h"
#include "formats/record_reader.h"
#include "storage/database.h"
#include "storage/ledger_import.h"

namespace rlhf {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxReasons = 10;

/// Rejected records on their way to a file that appears with the first of them.
class RejectedFile {
 public:
  explicit RejectedFile(fs::path path) : path_(std::move(path)) {}

  void write(const RejectedRecord& rejected) {
    if (path_.empty()) return;
    if (!file_.is_open()) file_.open(path_, std::ios::binary | std::ios::trunc);
    nlohmann::ordered_json line = {
        {"file", rejected.file}, {"line", rejected.line}, {"reason", rejected.reason}};
    line["record"] = rejected.text;
    // Bytes that are not UTF-8 cannot stand in JSON; they become U+FFFD.
    file_ << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    if (!file_) throw WorldError(path_.string() + ": cannot be written");
  }

 private:
  fs::path path_;
  std::ofstream file_;
};

class Importer {
 public:
  explicit Importer(const DataImportOptions& options) : options_(options), rejected_(options.rejected) {}

  void import_file(const std::string& path) {
    RecordFile file(path, options_.format);
    std::optional<LedgerImport> import;
    int64_t turned_away = 0;
    const auto reject = [&](const RejectedRecord& record) {
      rejected_.write(record);
      if (result_.first_reasons.size() < kMaxReasons) result_.first_reasons.push_back(record.message());
    };
    const auto accept = [&](ImportRecord record) {
      if (!import) import.emplace(ledger(), source_of(path, file.summary().format));
      const std::string origin = record.origin;
      try {
        import->add(std::move(record));
      } catch (const UserError& reason) {
        reject(refused_by_ledger(origin, reason.what()));
      }
    };
    file.read(accept, [&](const RejectedRecord& record) {
      ++turned_away;
      reject(record);
    });
    note_format(file.summary().format);
    if (!import) {
      result_.rejected += turned_away;
      return;
    }
    import->count_rejected(turned_away);
    const ImportCounts counts = import->finish();
    result_.imported += counts.imported;
    result_.already_present += counts.already_present;
    result_.rejected += counts.rejected;
  }

  const DataImportResult& result() const { return result_; }

 private:
  Database& ledger() {
    if (database_) return *database_;
    const bool absent = options_.dry_run && !fs::exists(options_.db);
    if (absent) scratch_.emplace();
    database_.emplace(absent ? scratch_->path() : options_.db);
    return *database_;
  }

  ImportSource source_of(const std::string& path, const std::string& format) const {
    return {path, path == "-" ? std::string() : sha256_file(path), format, options_.tool_version,
            options_.dry_run};
  }

  static RejectedRecord refused_by_ledger(const std::string& origin, const std::string& reason) {
    const std::size_t colon = origin.rfind(':');
    return {origin.substr(0, colon), std::stoll(origin.substr(colon + 1)), reason, {}};
  }

  void note_format(const std::string& format) {
    if (format.empty() || ("," + result_.format + ",").find("," + format + ",") != std::string::npos) return;
    result_.format += (result_.format.empty() ? "" : ",") + format;
  }

  const DataImportOptions& options_;
  RejectedFile rejected_;
  std::optional<ScratchLedger> scratch_;
  std::optional<Database> database_;
  DataImportResult result_;
};

}  // namespace

DataImportResult import_data(const DataImportOptions& options) {
  Importer importer(options);
  for (const std::string& file : options.files) importer.import_file(file);
  return importer.result();
}

}  // namespace rlhf
