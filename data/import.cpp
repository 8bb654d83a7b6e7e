#include "data/import.h"

#include <fstream>
#include <optional>

#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "contract/sha256.h"
#include "data/scratch_ledger.h"
#include "formats/fields.h"
#include "formats/record_reader.h"
#include "storage/database.h"
#include "storage/ledger_import.h"

namespace rlhf {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxReasons = 10;

/// Rejected records on their way to a file, which is empty when there are none.
class RejectedFile {
 public:
  explicit RejectedFile(const DataImportOptions& options) : path_(options.rejected) {
    if (path_.empty()) return;
    for (const std::string& other : options.files) refuse_to_overwrite(other);
    refuse_to_overwrite(options.db);
    file_.open(path_, std::ios::binary | std::ios::trunc);
    check();
  }

  void write(const RejectedRecord& rejected) {
    if (path_.empty()) return;
    nlohmann::ordered_json line = {
        {"file", rejected.file}, {"line", rejected.line}, {"reason", rejected.reason}};
    line["record"] = rejected.text;
    // Bytes that are not UTF-8 cannot stand in JSON; they become U+FFFD.
    file_ << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    check();
  }

  void finish() {
    if (path_.empty()) return;
    file_.flush();
    check();
  }

 private:
  void check() const {
    if (!file_) throw WorldError(path_.string() + ": cannot be written");
  }

  void refuse_to_overwrite(const fs::path& other) const {
    std::error_code absent;
    if (fs::equivalent(path_, other, absent))
      throw UserError("--rejected " + path_.string() + " would overwrite what is read; name another file");
  }

  fs::path path_;
  std::ofstream file_;
};

class Importer {
 public:
  explicit Importer(const DataImportOptions& options) : options_(options), rejected_(options) {}

  void import_file(const std::string& path) {
    RecordFile file(path, {options_.format, options_.columns});
    std::optional<LedgerImport> import;
    int64_t refused_by_ledger = 0;
    const auto accept = [&](ImportRecord record) {
      if (!import) import.emplace(ledger(), source_of(path, file.summary().format));
      try {
        import->add(std::move(record));
      } catch (const UserError& reason) {
        ++refused_by_ledger;
        throw BadRecord(reason.what());
      }
    };
    file.read(accept, [&](const RejectedRecord& record) {
      rejected_.write(record);
      if (result_.first_reasons.size() < kMaxReasons) result_.first_reasons.push_back(record.message());
    });
    const ReadSummary& summary = file.summary();
    note_format(summary.format);
    if (summary.records + summary.rejected == 0) result_.empty_files.push_back(path);
    if (!import) {
      result_.rejected += summary.rejected;
      return;
    }
    import->count_rejected(summary.rejected - refused_by_ledger);
    const ImportCounts counts = import->finish();
    result_.imported += counts.imported;
    result_.already_present += counts.already_present;
    result_.rejected += counts.rejected;
  }

  const DataImportResult& finish() {
    rejected_.finish();
    return result_;
  }

 private:
  Database& ledger() {
    if (database_) return *database_;
    const bool absent = options_.dry_run && !fs::exists(options_.db);
    if (absent) scratch_.emplace();
    database_.emplace(absent ? scratch_->path() : options_.db);
    return *database_;
  }

  ImportSource source_of(const std::string& path, const std::string& format) const {
    // A pipe is read once, by the import itself.
    return {path, fs::is_regular_file(path) ? sha256_file(path) : std::string(), format,
            options_.tool_version, options_.dry_run};
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
  return importer.finish();
}

}  // namespace rlhf
