#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "storage/annotation_store.h"
#include "storage/connection.h"

// Steps of the annotation store. For .cpp files of storage/ only; call inside a WriteTransaction.

namespace rlhf {

/// An annotation as far as the rules about it need to know.
struct AnnotationState {
  int64_t id = 0, annotator_id = 0, task_id = 0, campaign_id = 0, prompt_id = 0;
  std::string status;
};

/// Throws NoSuchAnnotation when there is none, or it is another annotator's.
AnnotationState annotation_state(SQLite::Database& db, int64_t annotator, int64_t annotation);

/// The same, or where that draft was given away or laid aside, the living annotation of the same annotator
/// and task, if there is one by now.
AnnotationState standing_annotation(SQLite::Database& db, int64_t annotator, int64_t annotation);

/// What an annotator is shown, ranks so far included.
AnnotationTask read_task(SQLite::Database& db, int64_t annotation);

/// A new draft of `task` for `annotator` with the responses in the order given; returns its id.
int64_t add_draft(SQLite::Database& db, int64_t task, int64_t annotator,
                  const std::vector<int64_t>& response_ids);

/// The task's responses in an order drawn from (campaign's seed, task, annotator).
std::vector<int64_t> shuffled_items(SQLite::Database& db, int64_t task, int64_t annotator);

/// Writes the answer into the draft.
void write_answer(SQLite::Database& db, const AnnotationTask& draft, const Answer& answer);

/// Gives a draft its end: "submitted", "skipped" or "not_rankable"; closes the task when it has all its
/// answers.
void finish_draft(SQLite::Database& db, const AnnotationState& draft, const std::string& status,
                  const std::string& note);

}  // namespace rlhf
