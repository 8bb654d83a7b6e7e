#include "curves/tensorboard_events.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <vector>

#include <unistd.h>

#include "curves/event_record.h"
#include "curves/json_lines.h"

namespace rlhf {
namespace {

namespace fs = std::filesystem;

constexpr char kPrefix[] = "events.out.tfevents.";

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  std::string host = name.data();
  std::replace(host.begin(), host.end(), '/', '_');
  return host.empty() ? "localhost" : host;
}

std::string folder_name() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%b%d_%H-%M-%S", &local);
  return std::string(text.data()) + "_" + host_name();
}

/// By name, which is by time: events.out.tfevents.<ten digits>.<host>.<pid>.<number>
std::vector<fs::path> event_files(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with(kPrefix)) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// The folder whose newest event file is the newest; `runs`/<now> when there is none.
fs::path choose_folder(const fs::path& runs) {
  fs::path best;
  fs::path newest;
  if (fs::is_directory(runs)) {
    for (const auto& entry : fs::directory_iterator(runs)) {
      if (!entry.is_directory()) continue;
      const auto files = event_files(entry.path());
      if (files.empty() || files.back().filename() <= newest) continue;
      best = entry.path();
      newest = files.back().filename();
    }
  }
  return best.empty() ? runs / folder_name() : best;
}

/// Seconds in ten digits, later than every file already in the folder, so that names sort by age.
int64_t next_stamp(const fs::path& folder) {
  int64_t stamp = std::time(nullptr);
  for (const auto& file : event_files(folder)) {
    const std::string digits = file.filename().string().substr(sizeof(kPrefix) - 1, 10);
    stamp = std::max<int64_t>(stamp, std::strtoll(digits.c_str(), nullptr, 10) + 1);
  }
  return stamp;
}

std::string tag_of(const std::string& metric) {
  return metric.starts_with("eval_") ? "eval/" + metric.substr(5) : "train/" + metric;
}

}  // namespace

TensorBoardEvents::TensorBoardEvents(const fs::path& run_folder)
    : folder_(choose_folder(run_folder / "runs")) {
  fs::create_directories(folder_);
  const auto files = event_files(folder_);
  if (files.empty()) {
    start_file("");
    return;
  }
  file_ = std::make_unique<AppendFile>(files.back());
  const std::string bytes = read_bytes(files.back());
  RecordReader reader(bytes);
  for (std::string_view record, event; reader.next(record, event);) {
  }
  if (reader.position() < bytes.size()) file_->cut(reader.position());
}

void TensorBoardEvents::start_file(const std::string& events) {
  const double now = now_seconds();
  const std::string name = kPrefix + std::to_string(next_stamp(folder_)) + "." + host_name() + "." +
                           std::to_string(::getpid()) + ".0";
  write_whole_file(folder_ / name, framed_record(version_event(now)) + events);
  file_ = std::make_unique<AppendFile>(folder_ / name);
}

void TensorBoardEvents::log(int64_t step, const Metrics& metrics) {
  Metrics tagged;
  for (const auto& [name, value] : metrics) tagged.emplace_back(tag_of(name), value);
  file_->append(framed_record(scalars_event(now_seconds(), step, tagged)));
}

void TensorBoardEvents::log_sample(int64_t step, const std::string& prompt, const std::string& response,
                                   double score) {
  sample_index_ = step == sample_step_ ? sample_index_ + 1 : 0;
  sample_step_ = step;
  log_text(step, "samples/" + std::to_string(sample_index_),
           "**prompt**\n\n" + verbatim_markdown(prompt) + "\n\n**response**, score " + json_number(score) +
               "\n\n" + verbatim_markdown(response));
}

void TensorBoardEvents::log_text(int64_t step, const std::string& tag, const std::string& markdown) {
  file_->append(framed_record(text_event(now_seconds(), step, tag, markdown)));
}

void TensorBoardEvents::truncate_after(int64_t step) {
  const auto files = event_files(folder_);
  std::string kept;
  bool rewrite = files.size() > 1;
  for (const auto& path : files) {
    const std::string bytes = read_bytes(path);
    RecordReader reader(bytes);
    for (std::string_view record, event; reader.next(record, event);) {
      const EventHead head = read_event_head(event);
      // A session starts where a rewriting has put all that was kept: a crash may have left the older files.
      if (head.is_session_start) kept.clear();
      if (head.is_session_start || head.is_version) continue;
      if (head.step <= step) kept.append(record);
      rewrite |= head.step > step;
    }
  }
  sample_step_ = -1;
  if (!rewrite) return;
  start_file(framed_record(session_start_event(now_seconds(), 0)) + kept);
  for (const auto& path : files) fs::remove(path);
}

void TensorBoardEvents::flush() {
  file_->sync();
}

std::string verbatim_markdown(const std::string& text) {
  std::string block = "    ";
  for (const char c : text) {
    block += c;
    if (c == '\n') block += "    ";
  }
  return block;
}

}  // namespace rlhf
