#include "formats/record_reader.h"

#include "contract/error.h"
#include "formats/fields.h"
#include "formats/format.h"
#include "formats/raw_record.h"
#include "formats/text_file.h"

namespace rlhf {

namespace {

std::string field_list(const nlohmann::json& record) {
  std::string names;
  for (const auto& [name, value] : record.items()) {
    if (names.size() > 200) return names + ", ...";
    names += (names.empty() ? "" : ", ") + name;
  }
  return names.empty() ? "none" : names;
}

class RecordsOfOneFile {
 public:
  RecordsOfOneFile(const std::string& path, const std::string& format, const AcceptRecord& accept,
                   const RejectRecord& reject)
      : file_(path == "-" ? "standard input" : path), accept_(accept), reject_(reject) {
    if (format.empty()) return;
    format_ = &format_by_name(format);
    forced_ = true;
    summary_.format = format;
  }

  void read(RawRecord& raw) {
    if (!raw.problem.empty()) return refuse(raw, raw.problem);
    ReadRecords found;
    try {
      if (!raw.value.is_object())
        throw BadRecord("the record must be an object, not " + type_in_words(raw.value));
      format_for(raw.value).read(raw.value, found);
    } catch (const BadRecord& problem) {
      return refuse(raw, problem.what());
    }
    for (const std::string& reason : found.rejected) refuse(raw, reason);
    for (ImportRecord& record : found.records) {
      record.origin = file_ + ":" + std::to_string(raw.line);
      if (auto* ranking = std::get_if<Ranking>(&record.content)) ranking->origin = record.origin;
      if (auto* demonstration = std::get_if<Demonstration>(&record.content))
        demonstration->origin = record.origin;
      ++summary_.records;
      accept_(std::move(record));
    }
  }

  const ReadSummary& summary() const { return summary_; }

 private:
  const Format& format_for(const nlohmann::json& value) {
    if (forced_ || (format_ && format_->matches(value))) return *format_;
    const Format* detected = detect_format(value);
    // A record of another kind is read as the file's format, whose message says what is wrong with it.
    if (format_) return detected && detected->kind == format_->kind ? *detected : *format_;
    if (!detected) {
      throw BadRecord("not a record of any known format; its fields: " + field_list(value) +
                      " (--format names one)");
    }
    format_ = detected;
    summary_.format = format_->name;
    return *format_;
  }

  void refuse(const RawRecord& raw, const std::string& reason) {
    ++summary_.rejected;
    reject_({file_, raw.line, reason, raw.text});
  }

  std::string file_;
  const AcceptRecord& accept_;
  const RejectRecord& reject_;
  const Format* format_ = nullptr;
  bool forced_ = false;
  ReadSummary summary_;
};

ReadSummary read_text_record(const std::string& path, const AcceptRecord& accept,
                             const RejectRecord& reject) {
  ReadSummary summary{kTextFormat, 0, 0};
  Demonstration document;
  document.origin = (path == "-" ? "standard input" : path) + ":1";
  const std::string problem = read_text_file(path, document.completion);
  if (!problem.empty()) {
    ++summary.rejected;
    reject({path, 1, problem, {}});
    return summary;
  }
  ++summary.records;
  std::string origin = document.origin;
  accept({std::move(document), {}, std::move(origin)});
  return summary;
}

}  // namespace

ReadSummary read_records(const std::string& path, const std::string& format, const AcceptRecord& accept,
                         const RejectRecord& reject) {
  if (format == kTextFormat || (format.empty() && data_extension(path) == ".txt")) {
    return read_text_record(path, accept, reject);
  }
  RecordsOfOneFile records(path, format, accept, reject);
  const auto raw_records = open_raw_records(path);
  RawRecord raw;
  while (raw_records->next(raw)) records.read(raw);
  return records.summary();
}

}  // namespace rlhf
