#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>

#include <nlohmann/json.hpp>

#include "annotate/live_figures.h"
#include "annotate/page_links.h"
#include "storage/annotation_store.h"
#include "storage/database.h"

namespace rlhf {

/// Which part of a long text the page wants.
struct TextQuery {
  int64_t annotation = 0;
  bool of_response = false;  ///< else of the prompt's messages
  std::size_t index = 0;
  std::size_t offset = 0;
};

/// What the page may ask of the ledger, in JSON. Nothing that tells responses apart but their texts goes out:
/// no ids, no models in a blind campaign. Every call may be repeated when its reply was lost. Any thread;
/// calls that change something take turns. Throws RefusedRequest, what AnnotationStore throws, and WorldError
/// when the ledger cannot be written.
///
/// A state is {"task", "last_answer", "open", "figures"}: the task is null when none is left, else
/// {"annotation", "prompt": [{"role", text}], "responses": [{text, "rank", "model" where not blind}], "note",
/// "confidence"}; a text is {"text", "bytes", "next"}, its first piece, its whole size, and where to go on.
class PageApi {
 public:
  PageApi(const std::filesystem::path& ledger, const Campaign& campaign);

  /// {"annotator", "campaign", "guidelines", "k", "overlap", "blind"}
  nlohmann::ordered_json session(const PageAnnotator& annotator) const;

  /// The state, with the draft in hand or the next task.
  nlohmann::ordered_json next(int64_t annotator);

  /// {"kept": true}
  nlohmann::ordered_json draft(int64_t annotator, const std::string& body);

  /// Takes an answer; the state after it.
  nlohmann::ordered_json answer(int64_t annotator, const std::string& body);

  /// Takes the last answer back; the state with that task in it.
  nlohmann::ordered_json undo(int64_t annotator, const std::string& body);

  /// {"text", "next"}
  nlohmann::ordered_json text(int64_t annotator, const TextQuery& query);

  nlohmann::ordered_json figures(int64_t annotator) { return figures_.of(annotator); }

 private:
  nlohmann::ordered_json state(int64_t annotator, const std::optional<AnnotationTask>& task);

  Campaign campaign_;
  std::mutex mutex_;
  Database database_;
  AnnotationStore store_;
  LiveFigures figures_;
};

}  // namespace rlhf
