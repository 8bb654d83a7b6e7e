#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "storage/connection.h"

// For .cpp files of storage/ only.

namespace rlhf {

/// What a finished annotation says: what its seal is made of. Rows that have hashes of their own (prompts,
/// responses) stand here by their numbers.
struct SealedAnnotation {
  struct Place {
    int64_t position = 0;
    std::optional<int64_t> rank;
  };

  int64_t prompt_id = 0;
  std::optional<int64_t> task_id, annotator_id, import_id;
  std::optional<double> margin, confidence;
  std::string note, source_id;  ///< empty: NULL
  std::optional<int64_t> submitted_ms, submitted_tick;
  std::map<int64_t, Place> places;                            ///< by response
  std::map<std::pair<int64_t, std::string>, double> ratings;  ///< by response and aspect

  Sha256Digest seal() const;
};

/// Reads what is, or is to be, sealed.
class SealReader {
 public:
  explicit SealReader(SQLite::Database& db);
  SealedAnnotation read(int64_t annotation);

 private:
  SQLite::Statement head_, places_, ratings_;
};

}  // namespace rlhf
