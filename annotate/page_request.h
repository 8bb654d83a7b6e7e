#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "storage/annotation_store.h"

namespace rlhf {

/// A request that is refused with this HTTP status; the words are for the person who made it.
class RefusedRequest : public std::runtime_error {
 public:
  RefusedRequest(int status, const std::string& words) : std::runtime_error(words), status_(status) {}
  int status() const { return status_; }

 private:
  int status_;
};

constexpr std::size_t kLongestBody = 256 * 1024;  ///< bytes of a request
constexpr std::size_t kLongestNote = 20000;       ///< bytes

enum class Verdict { kSubmitted, kSkipped, kNotRankable };

/// What the page says of a task: {"annotation": id, "ranks": [1, null, ...], "note": "...", "confidence": x
/// or null} and, unless it is a draft, "verdict": "submitted", "skipped" or "not_rankable".
struct PageAnswer {
  int64_t annotation = 0;
  Verdict verdict = Verdict::kSubmitted;
  Answer answer;
};

/// Throw RefusedRequest (400; 413 for a note that is too long) for anything else.
PageAnswer parse_draft(const std::string& body);
PageAnswer parse_answer(const std::string& body);

/// {"answer": id}: the answer to be taken back.
int64_t parse_undo(const std::string& body);

}  // namespace rlhf
