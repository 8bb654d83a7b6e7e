#pragma once
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "formats/fields.h"
#include "formats/record_kind.h"

namespace rlhf {

/// Responses and what is known of them, before the rules of rankings are applied.
struct RankedResponses {
  Prompt prompt;
  std::vector<std::string> responses;
  std::vector<int> ranks;  ///< any integers, smaller is better
};

/// Checks and completes a ranking: K >= 2, no empty response, ranks made dense (1 = best); identical
/// responses are refused when ranked differently and merged into the first when tied, in `provenance` too.
/// `names` say which field each response came from. Throws BadRecord.
ImportRecord make_ranking(RankedResponses ranked, Provenance provenance,
                          const std::vector<std::string>& names);

/// A ranking of two: ranks {1, 2}, or a tie.
ImportRecord make_pair(RankedResponses ranked, Provenance provenance);

/// Dense ranks, 1 = best, from scores of which the greater is better.
std::vector<int> ranks_from_scores(const std::vector<double>& scores);

/// The answer in a completion to `prompt`: text, or for a chat prompt a list whose turns after those of the
/// prompt are exactly one message of the assistant. Throws BadRecord.
std::string answer_of(const nlohmann::json& completion, const Prompt& prompt, const std::string& where);

/// "completion", or "response" in a record that calls it so.
const char* completion_field(const nlohmann::json& record);

/// Every untied ordered pair (better, worse) of a ranking, by place in its responses.
std::vector<std::pair<std::size_t, std::size_t>> untied_pairs(const Ranking& ranking);

/// Every pair of responses, ties too, in their order.
std::vector<std::pair<std::size_t, std::size_t>> all_pairs(const Ranking& ranking);

/// The ranking in `record`. Throws BadRecord when it holds something else.
const Ranking& ranking_in(const ImportRecord& record);

/// A plain prompt, or the one turn of the user that a prompt is. Throws BadRecord for any other conversation.
const std::string& instruction_in(const Prompt& prompt);

/// A chat prompt as it is, a plain one as a turn of the user.
Conversation conversation_of(const Prompt& prompt);

/// "instruction" and, when it is there, "input" below it, as the Alpaca family asks. Throws BadRecord.
std::string alpaca_instruction(const nlohmann::json& record);

/// The model that made a response; empty when it is not known.
std::string model_of(const Provenance& provenance, std::size_t response);

/// The fields many data sets share: id, source, split, license, annotator, confidence, note.
Provenance provenance_of(const nlohmann::json& record);
/// Appends those that are set, in that order.
void write_provenance(const Provenance& provenance, nlohmann::ordered_json& into);

nlohmann::ordered_json messages_json(const Conversation& messages);
/// Text for a plain prompt, a list of messages for a chat prompt.
nlohmann::ordered_json prompt_json(const Prompt& prompt);
/// Text, or for a chat prompt a list with one message of the assistant.
nlohmann::ordered_json answer_json(const Prompt& prompt, const std::string& answer);

}  // namespace rlhf
