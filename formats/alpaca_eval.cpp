// AlpacaEval's annotations: {"instruction", "output_1", "generator_1", "output_2", "generator_2",
// "annotator", "preference"}, preference running from 1 (the first is better) to 2 (the second is), 1.5, or 0
// in older files, being a tie (https://github.com/tatsu-lab/alpaca_eval).
#include "formats/format_list.h"
#include "formats/ranking_fields.h"

namespace rlhf {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

constexpr const char* kPreference = "preference for the second";

bool is_alpaca_eval(const json& record) {
  return record.contains("instruction") && record.contains("output_1");
}

std::vector<int> ranks_of(double preference) {
  if (preference != 0 && (preference < 1 || preference > 2))
    throw BadRecord("field 'preference' is " + json(preference).dump() + ", not between 1 and 2");
  if (preference > 1.5) return {2, 1};
  return preference != 0 && preference < 1.5 ? std::vector<int>{1, 2} : std::vector<int>{1, 1};
}

void read_alpaca_eval(const json& record, ReadRecords& into) {
  const double preference = required_number(record, "preference");
  Provenance known = provenance_of(record);
  if (known.source.empty()) known.source = text_or_empty(record, "dataset");
  known.response_models = {text_or_empty(record, "generator_1"), text_or_empty(record, "generator_2")};
  known.ratings = {{0, kPreference, preference}};
  RankedResponses ranked{{{}, {{"user", alpaca_instruction(record)}}},
                         {required_text(record, "output_1"), required_text(record, "output_2")},
                         ranks_of(preference)};
  into.records.push_back(
      make_ranking(std::move(ranked), std::move(known), {field_name("output_1"), field_name("output_2")}));
}

/// What was said when it was read from AlpacaEval, else what the ranks say.
double preference_of(const ImportRecord& record, std::pair<std::size_t, std::size_t> pair) {
  const Ranking& ranking = ranking_in(record);
  for (const ResponseRating& rating : record.provenance.ratings) {
    if (rating.aspect == kPreference && ranking.responses.size() == 2) return rating.value;
  }
  const int first = ranking.ranks[pair.first], second = ranking.ranks[pair.second];
  return first == second ? 1.5 : first < second ? 1.0 : 2.0;
}

void write_alpaca_eval(const ImportRecord& record, JsonObjects& into) {
  const Ranking& ranking = ranking_in(record);
  const std::string& instruction = instruction_in(ranking.prompt);
  for (const auto& pair : all_pairs(ranking)) {
    ordered_json line;
    line["instruction"] = instruction;
    line["output_1"] = ranking.responses[pair.first];
    line["generator_1"] = model_of(record.provenance, pair.first);
    line["output_2"] = ranking.responses[pair.second];
    line["generator_2"] = model_of(record.provenance, pair.second);
    line["preference"] = preference_of(record, pair);
    write_provenance(record.provenance, line);
    into.push_back(std::move(line));
  }
}

}  // namespace

const Format kAlpacaEval = {"alpaca-eval",         "AlpacaEval annotations of two outputs",
                            FormatKind::kRankings, is_alpaca_eval,
                            read_alpaca_eval,      write_alpaca_eval};

}  // namespace rlhf
