#include "formats/csv_rows.h"

#include <set>
#include <utility>

#include "contract/error.h"
#include "formats/line_reader.h"
#include "formats/utf8.h"

namespace rlhf {

char csv_separator(std::string_view start) {
  bool quoted = false, semicolon = false;
  for (const char c : start) {
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == ',') return ',';
    if (c == '\n') break;
    semicolon = semicolon || c == ';';
  }
  return semicolon ? ';' : ',';
}

CsvRows::CsvRows(std::unique_ptr<ByteReader> reader, char separator)
    : chars_(std::move(reader)), separator_(separator) {
  read_header();
}

void CsvRows::read_header() {
  Row row;
  if (!next_row(row))
    throw UserError(chars_.path() + ": the file is empty; its first row must name the columns");
  if (row.problem.empty()) row.problem = utf8_problem(row.text);
  if (!row.problem.empty()) throw UserError(chars_.path() + ":1: in the header: " + row.problem);
  std::set<std::string> seen;
  for (const std::string& name : row.cells) {
    if (name.empty()) throw UserError(chars_.path() + ":1: the header has a column without a name");
    if (!seen.insert(name).second)
      throw UserError(chars_.path() + ":1: the header names column '" + name + "' twice");
  }
  names_ = std::move(row.cells);
}

bool CsvRows::next_row(Row& row) {
  row = {};
  if (ended_) return false;
  row.line = chars_.line();
  row.cells.emplace_back();
  enum class State { kPlain, kQuoted, kAfterQuote } state = State::kPlain;
  bool too_long = false, cell_begins = true;
  int c = chars_.take();
  for (; c >= 0; c = chars_.take()) {
    const char byte = static_cast<char>(c);
    if (state != State::kQuoted && byte == '\n') break;
    if (row.text.size() >= kMaxLineBytes) {  // goes on to the row's end, and keeps nothing of it
      too_long = true;
      row.cells = {""};
    } else {
      row.text += byte;
    }
    std::string& cell = row.cells.back();
    const bool first = std::exchange(cell_begins, false);
    if (state == State::kQuoted) {
      if (byte == '"') {
        state = State::kAfterQuote;
      } else {
        cell += byte;
      }
    } else if (byte == separator_) {
      row.cells.emplace_back();
      state = State::kPlain;
      cell_begins = true;
    } else if (byte == '"' && state == State::kAfterQuote) {
      cell += '"';
      state = State::kQuoted;
    } else if (byte == '"' && first) {
      state = State::kQuoted;
    } else {
      cell += byte;
    }
  }
  ended_ = c < 0;
  if (ended_ && row.text.empty()) return false;
  if (!too_long && !row.text.empty() && row.text.back() == '\r') {
    row.text.pop_back();
    if (state != State::kQuoted) row.cells.back().pop_back();
  }
  if (too_long) row.problem = "longer than " + std::to_string(kMaxLineBytes) + " bytes";
  if (state == State::kQuoted && !too_long) row.problem = "a quoted cell is not closed before the file ends";
  return true;
}

bool CsvRows::next(RawRecord& record) {
  Row row;
  try {
    do {
      if (!next_row(row)) return false;
    } while (row.problem.empty() && is_blank(row.text));
  } catch (const UserError& damage) {
    ended_ = true;
    row.line = chars_.line();
    row.problem = damage.what();
  }
  record = {row.line, std::move(row.text), nullptr, std::move(row.problem)};
  if (record.problem.empty()) record.problem = utf8_problem(record.text);
  if (record.problem.empty() && row.cells.size() != names_.size()) {
    record.problem =
        "has " + std::to_string(row.cells.size()) + " cells, the header " + std::to_string(names_.size());
  }
  if (!record.problem.empty()) return true;
  record.value = nlohmann::json::object();
  for (std::size_t i = 0; i < names_.size(); ++i) record.value[names_[i]] = std::move(row.cells[i]);
  return true;
}

}  // namespace rlhf
