#include "cli/training_data.h"

#include <cmath>
#include <filesystem>
#include <iostream>

#include "contract/data_hash.h"
#include "contract/sha256.h"
#include "storage/run_folder.h"

namespace rlhf {
namespace {

namespace fs = std::filesystem;

/// The folder of the run that is gone on with: --output_dir, or where the checkpoint given lies.
fs::path begun_in(const RunFlags& run) {
  const fs::path checkpoint = run.resume_from_checkpoint;
  if (data_of_run(run.output_dir).empty() && fs::is_directory(checkpoint))
    return fs::canonical(checkpoint).parent_path();
  return run.output_dir;
}

/// Where the ledger stood when the run of this folder began; nothing for a new run, or one on files.
std::optional<LedgerPosition> recorded_position(const fs::path& folder) {
  LedgerPosition position;
  bool found = false;
  for (const RunData& part : data_of_run(folder)) {
    if (part.ledger.empty()) continue;
    found = true;
    if (part.kind == RecordKind::kRanking) position.tick = part.selection.through_tick.value_or(0);
    if (part.kind == RecordKind::kPrompt) position.last_prompt = part.selection.through_row.value_or(0);
    if (part.kind == RecordKind::kDemonstration)
      position.last_demonstration = part.selection.through_row.value_or(0);
  }
  return found ? std::optional(position) : std::nullopt;
}

LedgerPosition position_for(const DatasetFlags& flags, const fs::path& folder) {
  Database ledger(flags.db, IfAbsent::kRefuse);
  const LedgerPosition now = ledger_position(ledger);
  const std::optional<LedgerPosition> then = recorded_position(folder);
  if (!then) return now;
  const bool more = (then->tick > 0 && now.tick > then->tick) ||
                    (then->last_prompt > 0 && now.last_prompt > then->last_prompt) ||
                    (then->last_demonstration > 0 && now.last_demonstration > then->last_demonstration);
  if (more)
    std::cerr << flags.db << " has grown since the run in " << folder.string()
              << " began; the run keeps to what it began with. Another --output_dir trains on all of it.\n";
  return *then;
}

/// Numbers of the first process for all.
LedgerPosition agreed(LedgerPosition position, Collective& collective) {
  std::vector<double> numbers(3, 0.0);
  if (collective.is_first())
    numbers = {static_cast<double>(position.tick), static_cast<double>(position.last_prompt),
               static_cast<double>(position.last_demonstration)};
  collective.all_reduce_sum(numbers);
  return {std::llround(numbers[0]), std::llround(numbers[1]), std::llround(numbers[2])};
}

std::vector<DataFile> described(const std::vector<std::string>& files) {
  std::vector<DataFile> described;
  for (const std::string& file : files) {
    const bool regular = fs::is_regular_file(file);
    described.push_back({regular ? fs::absolute(file).lexically_normal().string() : file,
                         regular ? sha256_file(file) : std::string()});
  }
  return described;
}

}  // namespace

TrainingData::TrainingData(const DatasetFlags& flags, const RunFlags& run, Collective& collective)
    : flags_(flags) {
  if (flags_.db.empty()) return;
  const LedgerPosition position =
      collective.is_first() ? position_for(flags_, begun_in(run)) : LedgerPosition{};
  flags_.as_of = agreed(position, collective);
}

template <class Record>
std::vector<Record> TrainingData::note(const std::string& role, RecordKind kind,
                                       std::vector<Record> records) {
  if (records.empty()) return records;
  RunData part;
  part.role = role;
  part.kind = kind;
  const bool eval = role == "eval";
  const std::vector<std::string>& files = eval ? flags_.eval_dataset : flags_.dataset;
  if (files.empty()) {
    part.ledger = fs::absolute(flags_.db).lexically_normal().string();
    part.selection = flags_.selection(kind, eval ? flags_.eval_split : flags_.split);
  } else {
    part.files = described(files);
  }
  part.records = static_cast<int64_t>(records.size());
  part.sha256 = data_hash(records);
  parts_.push_back(std::move(part));
  return records;
}

std::vector<Demonstration> TrainingData::demonstrations() {
  return note("train", RecordKind::kDemonstration, flags_.demonstrations());
}
std::vector<Demonstration> TrainingData::eval_demonstrations() {
  return note("eval", RecordKind::kDemonstration, flags_.eval_demonstrations());
}
std::vector<Ranking> TrainingData::rankings() {
  return note("train", RecordKind::kRanking, flags_.rankings());
}
std::vector<Ranking> TrainingData::eval_rankings() {
  return note("eval", RecordKind::kRanking, flags_.eval_rankings());
}
std::vector<Prompt> TrainingData::prompts() {
  return note("train", RecordKind::kPrompt, flags_.prompts());
}
std::vector<Prompt> TrainingData::eval_prompts() {
  return note("eval", RecordKind::kPrompt, flags_.eval_prompts());
}

}  // namespace rlhf
