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

}  // namespace

RecordFile::RecordFile(const std::string& path, const ReadOptions& options)
    : path_(path), name_(path == "-" ? "standard input" : path), columns_(options.columns) {
  const std::string& format = options.format;
  if (format == kTextFormat || (format.empty() && data_extension(path) == ".txt")) {
    summary_.format = kTextFormat;
    return;
  }
  const bool is_table = format == kCsvFormat || format == kTsvFormat;
  if (!format.empty() && !is_table) {
    format_ = &format_by_name(format);
    forced_ = true;
    summary_.format = format;
  }
  raw_records_ = open_raw_records(path, is_table ? "." + format : data_extension(path));
  if (!raw_records_->columns().empty()) columns_.check_header(name_, raw_records_->columns());
}

RecordFile::~RecordFile() = default;

void RecordFile::read(const AcceptRecord& accept, const RejectRecord& reject) {
  if (!raw_records_) return read_text(accept, reject);
  RawRecord raw;
  while (raw_records_->next(raw)) read_record(raw, accept, reject);
}

void RecordFile::read_text(const AcceptRecord& accept, const RejectRecord& reject) {
  Demonstration document;
  document.origin = name_ + ":1";
  const std::string problem = read_text_file(path_, document.completion);
  if (!problem.empty()) return refuse({1, {}, nullptr, {}}, problem, reject);
  std::string origin = document.origin;
  pass({std::move(document), {}, std::move(origin)}, {1, {}, nullptr, {}}, accept, reject);
}

void RecordFile::read_record(RawRecord& raw, const AcceptRecord& accept, const RejectRecord& reject) {
  if (!raw.problem.empty()) return refuse(raw, raw.problem, reject);
  ReadRecords found;
  try {
    if (!raw.value.is_object())
      throw BadRecord("the record must be an object, not " + type_in_words(raw.value));
    columns_.rename(raw.value);
    format_for(raw.value).read(raw.value, found);
  } catch (const BadRecord& problem) {
    return refuse(raw, problem.what(), reject);
  }
  for (const std::string& reason : found.rejected) refuse(raw, reason, reject);
  for (ImportRecord& record : found.records) {
    record.origin = name_ + ":" + std::to_string(raw.line);
    if (auto* ranking = std::get_if<Ranking>(&record.content)) ranking->origin = record.origin;
    if (auto* demonstration = std::get_if<Demonstration>(&record.content))
      demonstration->origin = record.origin;
    pass(std::move(record), raw, accept, reject);
  }
}

void RecordFile::pass(ImportRecord record, const RawRecord& raw, const AcceptRecord& accept,
                      const RejectRecord& reject) {
  try {
    accept(std::move(record));
    ++summary_.records;
  } catch (const BadRecord& reason) {
    refuse(raw, reason.what(), reject);
  }
}

const Format& RecordFile::format_for(const nlohmann::json& value) {
  if (forced_ || (format_ && format_->matches(value))) return *format_;
  const Format* detected = detect_format(value);
  // A record of another kind is read as the file's format, whose message says what is wrong with it.
  if (format_) return detected && detected->kind == format_->kind ? *detected : *format_;
  if (!detected) {
    throw BadRecord("not a record of any known format; its fields: " + field_list(value) +
                    "; --columns NAME=COLUMN says what stands for prompt, chosen, ...");
  }
  format_ = detected;
  summary_.format = format_->name;
  return *format_;
}

void RecordFile::refuse(const RawRecord& raw, const std::string& reason, const RejectRecord& reject) {
  ++summary_.rejected;
  reject({name_, raw.line, reason, raw.text});
}

ReadSummary read_records(const std::string& path, const ReadOptions& options, const AcceptRecord& accept,
                         const RejectRecord& reject) {
  RecordFile file(path, options);
  file.read(accept, reject);
  return file.summary();
}

}  // namespace rlhf
