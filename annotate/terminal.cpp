#include "annotate/terminal.h"

#include <chrono>
#include <cstdio>
#include <ostream>

#include "annotate/campaign_agreement.h"
#include "annotate/ranking_entry.h"
#include "contract/error.h"

namespace rlhf {

namespace {

constexpr const char* kHelp =
    "digits: order, best first   =: tie with the one before   Enter: place the last one\n"
    "u: take back   s, s: skip   x: cannot be ranked   ?: guidelines   q: save and quit\n";

class Sitting {
 public:
  Sitting(AnnotationStore& store, const TerminalOptions& options, const KeySource& keys, std::ostream& screen)
      : store_(store), options_(options), keys_(keys), screen_(screen) {}

  SittingResult run() {
    screen_ << kHelp;
    auto task = store_.next_task(options_.campaign.id, options_.annotator);
    while (task) {
      if (!answer(*task)) return result_;
      task = std::move(next_);
    }
    result_.finished = true;
    screen_ << "No task is left for you. Thank you.\n";
    return result_;
  }

 private:
  /// Takes keys until the task has its answer and next_ the task to go on with; false when the annotator
  /// quits.
  bool answer(const AnnotationTask& task) {
    RankingEntry entry = entry_for(task);
    show(task, entry);
    while (true) {
      const int key = keys_();
      const Step step = key < 0 ? Step::kQuit : entry.press(static_cast<char>(key));
      if (step == Step::kQuit) {
        keep_draft(task, entry);
        return false;
      }
      if (step == Step::kGuidelines) show_guidelines();
      if (step == Step::kMore) echo(entry);
      if (step == Step::kMore || step == Step::kGuidelines) continue;
      if (step == Step::kTakeBack) {
        if (take_back()) return true;
        continue;
      }
      close(task, entry, step);
      next_ = store_.next_task(options_.campaign.id, options_.annotator);
      return true;
    }
  }

  /// An answer taken back begins anew; a draft goes on.
  static RankingEntry entry_for(const AnnotationTask& task) {
    const auto ranks = given_ranks(task);
    for (const auto& rank : ranks) {
      if (!rank) return {ranks.size(), ranks};
    }
    return RankingEntry(ranks.size());
  }

  static std::vector<std::optional<int>> given_ranks(const AnnotationTask& task) {
    std::vector<std::optional<int>> ranks;
    for (const auto& item : task.items) ranks.push_back(item.rank);
    return ranks;
  }

  void close(const AnnotationTask& task, const RankingEntry& entry, Step step) {
    if (step == Step::kSubmit) {
      store_.submit(options_.annotator, task.annotation_id, {entry.ranks(), task.note, task.confidence});
      ++result_.submitted;
      screen_ << '\n' << entry.order() << "  kept\n";
    } else if (step == Step::kSkip) {
      store_.skip(options_.annotator, task.annotation_id);
      ++result_.skipped;
      screen_ << "\nskipped\n";
    } else {
      store_.not_rankable(options_.annotator, task.annotation_id);
      ++result_.not_rankable;
      screen_ << "\nnot rankable\n";
    }
  }

  bool take_back() {
    try {
      next_ = store_.undo(options_.campaign.id, options_.annotator);
    } catch (const UserError& reason) {
      screen_ << '\n' << reason.what() << '\n';
      return false;
    }
    if (!next_) {
      screen_ << "\nthere is no answer to take back\n";
      return false;
    }
    ++result_.taken_back;
    screen_ << "\nyour last answer is taken back; rank again\n";
    return true;
  }

  void keep_draft(const AnnotationTask& task, const RankingEntry& entry) {
    if (entry.order().empty()) {
      store_.lay_aside(options_.annotator, task.annotation_id);
    } else {
      store_.save_draft(options_.annotator, task.annotation_id, {entry.ranks(), task.note, task.confidence});
    }
    screen_ << "\nSaved. The same command goes on from here.\n";
  }

  void show(const AnnotationTask& task, const RankingEntry& entry) {
    screen_ << '\n' << progress_line() << '\n';
    if (task.prompt.is_chat()) {
      for (const Message& turn : task.prompt.messages) {
        screen_ << '\n' << printable(turn.role) << ": " << printable(turn.content) << '\n';
      }
    } else {
      screen_ << '\n' << printable(task.prompt.text) << '\n';
    }
    for (std::size_t i = 0; i < task.items.size(); ++i) {
      const auto& item = task.items[i];
      screen_ << "\n[" << i + 1 << "]" << (item.model.empty() ? "" : " " + printable(item.model)) << ' '
              << printable(item.text) << '\n';
    }
    screen_ << '\n';
    if (!entry.order().empty()) screen_ << "so far: " << entry.order() << '\n';
    screen_.flush();
  }

  std::string progress_line() {
    const CampaignProgress progress = store_.progress(options_.campaign.id);
    const std::chrono::duration<double, std::ratio<60>> minutes = std::chrono::steady_clock::now() - start_;
    const auto answered = result_.submitted + result_.skipped + result_.not_rankable - result_.taken_back;
    std::string line = "--- " + std::to_string(progress.done) + "/" + std::to_string(progress.tasks) +
                       " tasks done, " + std::to_string(answered) + " by you now";
    char text[64];
    if (answered > 0) {
      std::snprintf(text, sizeof text, ", %.1f a minute", static_cast<double>(answered) / minutes.count());
      line += text;
    }
    const VoteTable votes = campaign_agreement(store_.database(), options_.campaign.id);
    if (votes.told_apart() > 0) {
      std::snprintf(text, sizeof text, ", agreement %.0f %% of %lld pairs",
                    100.0 * static_cast<double>(votes.told_alike()) / static_cast<double>(votes.told_apart()),
                    static_cast<long long>(votes.told_apart()));
      line += text;
    }
    return line + " ---";
  }

  void show_guidelines() {
    const std::string& text = options_.campaign.guidelines;
    screen_ << '\n'
            << kHelp << (text.empty() ? "This campaign has no guidelines." : printable(text)) << "\n"
            << std::flush;
  }

  void echo(const RankingEntry& entry) {
    if (!entry.message().empty()) screen_ << '\n' << entry.message() << '\n';
    if (options_.interactive) screen_ << "\r\x1b[K" << entry.order();
    screen_.flush();
  }

  AnnotationStore& store_;
  const TerminalOptions& options_;
  const KeySource& keys_;
  std::ostream& screen_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::optional<AnnotationTask> next_;
  SittingResult result_;
};

}  // namespace

SittingResult annotate_in_terminal(AnnotationStore& store, const TerminalOptions& options,
                                   const KeySource& keys, std::ostream& screen) {
  return Sitting(store, options, keys, screen).run();
}

std::string printable(const std::string& text) {
  std::string safe;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool c1 =
        byte == 0xC2 && i + 1 < text.size() && (static_cast<unsigned char>(text[i + 1]) & 0xE0) == 0x80;
    if (c1) {
      safe += "\xEF\xBF\xBD";
      ++i;
    } else if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F) {
      safe += '^';
      safe += static_cast<char>(byte ^ 0x40);
    } else {
      safe += text[i];
    }
  }
  return safe;
}

}  // namespace rlhf
