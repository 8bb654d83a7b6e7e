#include "data/export.h"

#include <vector>

#include "contract/error.h"
#include "formats/format.h"
#include "formats/record_writer.h"
#include "storage/database.h"
#include "storage/ledger_records.h"

namespace rlhf {

namespace {

/// Which records of the ledger a format can say. Single judgements include rankings, whose best response is a
/// good one.
std::vector<RecordKind> kinds_for(FormatKind kind) {
  switch (kind) {
    case FormatKind::kPrompts:
      return {RecordKind::kPrompt};
    case FormatKind::kDemonstrations:
      return {RecordKind::kDemonstration};
    case FormatKind::kRankings:
      return {RecordKind::kRanking};
    case FormatKind::kRatings:
      return {RecordKind::kRatedResponse, RecordKind::kRanking};
  }
  return {};
}

}  // namespace

DataExportResult export_data(const DataExportOptions& options) {
  Database database(options.db, IfAbsent::kRefuse);
  LedgerSelection selection;
  selection.split = options.split;
  selection.campaign = options.campaign;
  selection.source = options.source;
  if (std::error_code absent; std::filesystem::equivalent(options.output, options.db, absent))
    throw UserError("--output " + options.output + " is the ledger itself; name another file");
  RecordWriter writer(options.output, options.format);
  DataExportResult result;
  for (const RecordKind kind : kinds_for(format_by_name(options.format).kind)) {
    for_each_record(database, kind, selection, [&](ImportRecord&& record) {
      writer.write(record);
      ++result.records;
    });
  }
  writer.finish();
  result.lines = writer.lines();
  result.left_out = writer.left_out();
  return result;
}

}  // namespace rlhf
