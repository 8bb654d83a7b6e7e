#pragma once
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>

#include "storage/annotation_store.h"

namespace rlhf {

/// The next key, -1 when there are no more.
using KeySource = std::function<int()>;

struct TerminalOptions {
  Campaign campaign;
  int64_t annotator = 0;
  bool interactive = false;  ///< a person looks on: the order entered so far is shown after each key
};

/// What one sitting came to.
struct SittingResult {
  int64_t submitted = 0;
  int64_t skipped = 0;
  int64_t not_rankable = 0;
  int64_t taken_back = 0;
  bool finished = false;  ///< no task is left for this annotator; else they quit
};

/// Hands one annotator task after task: shows the prompt and the responses in the order the ledger drew for
/// this annotator, takes keys (annotate/ranking_entry.h), writes each answer into the ledger at once.
/// Quitting, or the end of the keys, keeps what was entered as a draft. Throws what AnnotationStore throws.
SittingResult annotate_in_terminal(AnnotationStore& store, const TerminalOptions& options,
                                   const KeySource& keys, std::ostream& screen);

/// `text` with control characters made visible, so that a response cannot steer the terminal. Line breaks and
/// tabs stay.
std::string printable(const std::string& text);

}  // namespace rlhf
