// K ranked responses as a spreadsheet holds them, a column each: {"prompt", "response_1", "rank_1",
// "response_2", "rank_2", ...}, 1 = best, equal = tie, with "model_1", ... where models are known. A row may
// have fewer responses than there are columns: both cells are empty then.
#include "formats/format_list.h"
#include "formats/ranking_fields.h"
#include "formats/utf8.h"

namespace rlhf {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

std::string numbered(const char* name, std::size_t number) {
  return std::string(name) + "_" + std::to_string(number);
}

bool is_kwise_columns(const json& record) {
  return record.contains("prompt") && record.contains("response_1") && record.contains("rank_1");
}

bool is_empty(const json& record, const std::string& field) {
  return is_blank(text_or_empty(record, field.c_str()));
}

void read_kwise_columns(const json& record, ReadRecords& into) {
  RankedResponses ranked{prompt_of(required(record, "prompt"), field_name("prompt")), {}, {}};
  Provenance known = provenance_of(record);
  std::vector<std::string> names;
  bool any_model = false;
  for (std::size_t i = 1; record.contains(numbered("response", i)); ++i) {
    const std::string response = numbered("response", i), rank = numbered("rank", i);
    if (is_empty(record, response) && is_empty(record, rank)) continue;
    names.push_back(field_name(response));
    ranked.responses.push_back(required_text(record, response.c_str()));
    if (is_empty(record, rank)) throw BadRecord(field_name(rank) + " is empty");
    ranked.ranks.push_back(integer_of(record[rank], field_name(rank)));
    known.response_models.push_back(text_or_empty(record, numbered("model", i).c_str()));
    any_model = any_model || !known.response_models.back().empty();
  }
  if (!any_model) known.response_models.clear();
  into.records.push_back(make_ranking(std::move(ranked), std::move(known), names));
}

void write_kwise_columns(const ImportRecord& record, JsonObjects& into) {
  const Ranking& ranking = ranking_in(record);
  ordered_json line;
  line["prompt"] = prompt_json(ranking.prompt);
  for (std::size_t i = 0; i < ranking.responses.size(); ++i) {
    line[numbered("response", i + 1)] = ranking.responses[i];
    line[numbered("rank", i + 1)] = ranking.ranks[i];
    if (const std::string model = model_of(record.provenance, i); !model.empty())
      line[numbered("model", i + 1)] = model;
  }
  write_provenance(record.provenance, line);
  into.push_back(std::move(line));
}

}  // namespace

const Format kKwiseColumns = {
    "kwise-columns",       R"(K ranked responses in columns: {"prompt", "response_1", "rank_1", ...})",
    FormatKind::kRankings, is_kwise_columns,
    read_kwise_columns,    write_kwise_columns};

}  // namespace rlhf
