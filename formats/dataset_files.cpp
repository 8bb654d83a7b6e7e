#include "formats/dataset_files.h"

#include <algorithm>

#include "contract/error.h"
#include "formats/fields.h"
#include "formats/record_kind.h"
#include "formats/record_reader.h"

namespace rlhf {

namespace {

constexpr std::size_t kMaxReasons = 10;

/// Reads all files; `use` takes what it wants of a record and throws BadRecord for one it cannot use.
template <typename Use>
DatasetReport read_dataset(const DatasetFileOptions& options, const Use& use) {
  DatasetReport report;
  const auto skip = [&](const std::string& message) {
    if (!options.skip_bad_lines) {
      throw UserError(message + "\nMend the line, or pass --skip_bad_lines to leave such lines out.");
    }
    ++report.skipped;
    if (report.reasons.size() < kMaxReasons) report.reasons.push_back(message);
  };
  const auto accept = [&](ImportRecord record) {
    use(std::move(record));
    ++report.records;
  };
  for (const std::string& file : options.files) {
    read_records(file, {options.format, options.columns}, accept,
                 [&](const RejectedRecord& rejected) { skip(rejected.message()); });
  }
  if (report.records > 0) return report;
  std::string names;
  for (const std::string& file : options.files) names += (names.empty() ? "" : ", ") + file;
  throw UserError(names + ": no usable record" +
                  (report.reasons.empty() ? std::string("; the data are empty")
                                          : "; the first problem: " + report.reasons[0]));
}

bool has_assistant_turn(const Demonstration& demonstration) {
  const Conversation& turns = demonstration.prompt.messages;
  const auto first = turns.begin() + static_cast<std::ptrdiff_t>(demonstration.first_supervised_message);
  return std::any_of(first, turns.end(), [](const Message& turn) { return turn.role == "assistant"; });
}

Prompt prompt_of_demonstration(Demonstration demonstration) {
  if (demonstration.form == Demonstration::Form::kText)
    throw BadRecord("a text has no prompt; give field 'prompt'");
  Conversation& turns = demonstration.prompt.messages;
  while (!turns.empty() && turns.back().role == "assistant") turns.pop_back();
  if (demonstration.form == Demonstration::Form::kConversation && turns.empty()) {
    throw BadRecord("the conversation has no turn before the assistant's");
  }
  return std::move(demonstration.prompt);
}

}  // namespace

std::vector<Prompt> PromptFiles::prompts() {
  std::vector<Prompt> found;
  report_ = read_dataset(options_, [&](ImportRecord record) {
    if (auto* prompt = std::get_if<Prompt>(&record.content)) {
      found.push_back(std::move(*prompt));
    } else if (auto* ranking = std::get_if<Ranking>(&record.content)) {
      found.push_back(std::move(ranking->prompt));
    } else if (auto* rated = std::get_if<RatedResponse>(&record.content)) {
      found.push_back(std::move(rated->prompt));
    } else {
      found.push_back(prompt_of_demonstration(std::get<Demonstration>(std::move(record.content))));
    }
  });
  return found;
}

std::vector<Demonstration> DemonstrationFiles::demonstrations() {
  std::vector<Demonstration> found;
  report_ = read_dataset(options_, [&](ImportRecord record) {
    auto* demonstration = std::get_if<Demonstration>(&record.content);
    if (!demonstration) {
      throw BadRecord("a " + kind_name(record) +
                      R"( is not a demonstration; give {"text"}, {"prompt", "completion"} or {"messages"})");
    }
    if (demonstration->form == Demonstration::Form::kConversation && !has_assistant_turn(*demonstration)) {
      throw BadRecord("the conversation has no turn of the assistant to learn from");
    }
    found.push_back(std::move(*demonstration));
  });
  return found;
}

std::vector<Ranking> PreferenceFiles::rankings() {
  std::vector<Ranking> found;
  read([&](ImportRecord record) { found.push_back(std::get<Ranking>(std::move(record.content))); });
  return found;
}

std::vector<ImportRecord> PreferenceFiles::records() {
  std::vector<ImportRecord> found;
  read([&](ImportRecord record) {
    if (record.provenance.source.empty())
      record.provenance.source = record.origin.substr(0, record.origin.rfind(':'));
    found.push_back(std::move(record));
  });
  return found;
}

void PreferenceFiles::read(const std::function<void(ImportRecord)>& take) {
  report_ = read_dataset(options_, [&](ImportRecord record) {
    if (!std::holds_alternative<Ranking>(record.content)) {
      throw BadRecord(
          "a " + kind_name(record) +
          R"( is not a ranking; give {"prompt", "chosen", "rejected"} or {"prompt", "responses", "ranks"})");
    }
    take(std::move(record));
  });
}

}  // namespace rlhf
