#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "contract/demonstration.h"
#include "contract/prompt.h"
#include "contract/ranking.h"

namespace rlhf {

/// A value someone gave to one response under one aspect ("helpfulness", "overall", ...).
struct ResponseRating {
  std::size_t response = 0;  ///< place in the record's responses
  std::string aspect;
  double value = 0;
  bool operator==(const ResponseRating&) const = default;
};

/// What a data set says about a record beside the texts. Whatever is not known is empty.
struct Provenance {
  std::string source;     ///< data set or collection within it
  std::string source_id;  ///< the record's id there
  std::string split;      ///< the data set's own split
  std::string license;
  std::string annotator;             ///< who ranked or wrote it
  std::optional<double> confidence;  ///< the annotator's own, in the data set's scale
  std::string note;
  std::vector<std::string> response_models;  ///< one a response, or empty
  std::vector<std::string> response_ids;     ///< one a response, or empty
  std::vector<ResponseRating> ratings;
  bool operator==(const Provenance&) const = default;
};

/// One response judged by itself. The ratings are in Provenance::ratings; a thumb up or down (TRL's unpaired
/// preference) is the aspect "label" with 1 or 0.
struct RatedResponse {
  Prompt prompt;
  std::string response;
};

/// One record of any data format: what data files (formats/) and the ledger (storage/) exchange.
struct ImportRecord {
  std::variant<Prompt, Demonstration, Ranking, RatedResponse> content;
  Provenance provenance;
  std::string origin;  ///< "file:line"
};

}  // namespace rlhf
