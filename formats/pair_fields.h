#pragma once
#include <utility>

#include <nlohmann/json.hpp>

#include "formats/ranking_fields.h"

namespace rlhf {

// What data sets of pairs {"chosen", "rejected"} say beside the texts.

/// The shared fields and "chosen_model", "rejected_model", "score_chosen", "score_rejected", also under
/// Argilla's names "chosen-model", "chosen-rating" and kin.
Provenance pair_provenance(const nlohmann::json& record);

/// The ranking of a pair that was read, with its "margin" when it has one. Throws BadRecord.
ImportRecord pair_record(RankedResponses pair, const nlohmann::json& record);

/// Appends what is known of a pair of the ranking: margin, models, scores, the shared fields.
void write_pair_provenance(const ImportRecord& record, std::pair<std::size_t, std::size_t> pair,
                           nlohmann::ordered_json& into);

/// The untied pairs of the ranking in `record`, better first. Throws BadRecord when there is none.
std::vector<std::pair<std::size_t, std::size_t>> pairs_to_write(const ImportRecord& record);

}  // namespace rlhf
