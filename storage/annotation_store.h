#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "contract/error.h"
#include "contract/prompt.h"
#include "storage/database.h"
#include "storage/ledger_records.h"

namespace rlhf {

/// A piece of work given to people: rank K responses to each of some prompts.
struct Campaign {
  int64_t id = 0;  ///< set by the store
  std::string name;
  std::string guidelines;
  int k = 4;          ///< responses a task
  int overlap = 1;    ///< people who answer each task
  bool blind = true;  ///< models are not named
  uint64_t seed = 0;  ///< of the order in which responses are shown
  bool open = true;
};

struct TaskSpec {
  int64_t prompt_id = 0;
  std::vector<int64_t> response_ids;  ///< two or more, distinct, to this prompt
  double priority = 0;                ///< higher is handed out first
  std::string reason;                 ///< why it was chosen: "random", "disagreement", ...
  std::vector<int> gold_ranks;        ///< known answer, one a response: a check; empty: none
};

/// A task in the hands of one annotator. Responses stand in the order to show them, which is kept.
struct AnnotationTask {
  int64_t annotation_id = 0;  ///< names this answer in the calls below
  int64_t task_id = 0;
  Prompt prompt;
  struct Item {
    int64_t response_id = 0;
    std::string text;
    std::string model;  ///< empty when the campaign is blind, or it is not known
    std::optional<int> rank;
  };
  std::vector<Item> items;
  std::string note;
  std::optional<double> confidence;
};

/// What an annotator says: one rank an item, in the order of AnnotationTask::items.
struct Answer {
  std::vector<std::optional<int>> ranks;  ///< dense, 1 is best, equal is a tie; all are needed to submit
  std::string note;
  std::optional<double> confidence;
};

struct CampaignProgress {
  int64_t tasks = 0;
  int64_t done = 0;       ///< answered by as many people as the campaign asks for
  int64_t in_hand = 0;    ///< tasks someone has a draft of
  int64_t submitted = 0;  ///< answers, all annotators
  int64_t skipped = 0;
  int64_t not_rankable = 0;
};

/// One annotator's part in a campaign.
struct AnnotatorProgress {
  int64_t submitted = 0;
  int64_t skipped = 0;
  int64_t not_rankable = 0;
  std::vector<double> last_times_ms;  ///< from being shown a task to answering it, of the last 20 answers
};

/// The annotation does not exist, or is another annotator's.
class NoSuchAnnotation : public UserError {
 public:
  using UserError::UserError;
};

/// Ranks that are none: too few, not dense, below 1.
class UnfitRanks : public UserError {
 public:
  using UserError::UserError;
};

/// Hands tasks out and takes answers in. Every call is one transaction, and nothing that was submitted is
/// lost or changed: an answer taken back is superseded by the next.
///
/// A task is in the hands of at most `overlap` people at once; a check, whose answer is known, is given to
/// everybody. A draft nobody touched for `draft_expiry_ms`
/// is handed to the next who asks; should its owner submit after all, that answer counts too: work is not
/// thrown away. Calls that repeat an earlier one, because its reply was lost, change nothing. Throws
/// UserError for what comes too late, and its kinds above.
class AnnotationStore {
 public:
  explicit AnnotationStore(Database& database, int64_t draft_expiry_ms = 60 * 60 * 1000);

  Database& database() { return database_; }

  /// Adds the campaign, or finds the one of this name. Throws UserError when k, overlap, blind or seed differ
  /// from it.
  Campaign open_campaign(const Campaign& campaign);
  std::optional<Campaign> find_campaign(const std::string& name);
  std::vector<Campaign> campaigns();
  void close_campaign(int64_t campaign);

  /// Adds tasks that the campaign does not have; returns how many those were.
  int64_t add_tasks(int64_t campaign, const std::vector<TaskSpec>& tasks);

  /// Whether somebody chose tasks for the campaign (`rlhf data select`), so that not all that was sampled
  /// belongs to it.
  bool has_chosen_tasks(int64_t campaign);

  /// One task for each prompt of `split` that has `k` different sampled responses of the model (of any when
  /// empty), in the order in which the prompts came; the first k responses. What is in the campaign already
  /// is left out.
  std::vector<TaskSpec> tasks_from_samples(const Campaign& campaign, const std::string& split,
                                           const std::string& model_hash);

  /// `kind`: "human", "simulated" or "model". Finds or adds.
  int64_t annotator(const std::string& handle, const std::string& kind,
                    const std::string& params_json = "{}");

  /// The kind of this annotator; empty when there is none.
  std::string annotator_kind(const std::string& handle);

  /// The draft the annotator holds, else the next task they have not seen; nothing when there is none left
  /// for them.
  std::optional<AnnotationTask> next_task(int64_t campaign, int64_t annotator);

  /// What the annotator is shown, or was, under this annotation.
  AnnotationTask task(int64_t annotator, int64_t annotation);

  /// Keeps what there is so far.
  void save_draft(int64_t annotator, int64_t annotation, const Answer& answer);

  /// Posting the same answer twice is well; another answer to what is submitted is a UserError (take it back
  /// first).
  void submit(int64_t annotator, int64_t annotation, const Answer& answer);

  /// Gives a draft back to the pile at once, for anyone, its annotator too: someone quits with nothing
  /// entered.
  void lay_aside(int64_t annotator, int64_t annotation);

  /// The annotator passes; the task goes to others.
  void skip(int64_t annotator, int64_t annotation, const std::string& note = "");

  /// The responses cannot be compared: an answer, unlike a skip.
  void not_rankable(int64_t annotator, int64_t annotation, const std::string& note = "");

  /// The answer that undo() would take back.
  std::optional<int64_t> last_answer(int64_t campaign, int64_t annotator);

  /// Takes the annotator's last answer in the campaign back: it is superseded by the draft returned, which
  /// starts with the same order, ranks and note. A draft in hand with nothing entered goes back to the pile,
  /// another comes next again. Nothing when there is no answer. Who names the `answer` may ask twice: one
  /// that is taken back already gives its draft, one that is not the last is a UserError.
  std::optional<AnnotationTask> undo(int64_t campaign, int64_t annotator, std::optional<int64_t> answer = {});

  CampaignProgress progress(int64_t campaign);
  AnnotatorProgress annotator_progress(int64_t campaign, int64_t annotator);

  /// Runs all calls that `work` makes as one transaction, thousands of times faster than one each: for
  /// simulated raters, who cannot be disappointed when all of it is rolled back because `work` throws.
  void in_one_transaction(const std::function<void()>& work);

 private:
  template <class Work>
  auto transact(Work&& work);

  Database& database_;
  bool in_transaction_ = false;
  int64_t draft_expiry_ms_;
};

}  // namespace rlhf
