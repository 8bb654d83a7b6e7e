// K responses to one prompt and their order, as InstructGPT collects them (arXiv 2203.02155; no file format
// was published): {"prompt", "responses": [text or {"text", "model", "id", "ratings"}], "ranks": [1, 2, 2]},
// 1 = best, equal = tie. "ranking" (places best first, a list among them is a tie), "scores" (greater is
// better), and
// {"prompt", "chosen": text, "rejected": [texts]} are read too. Nothing a ranking carries is lost when
// written.
#include "formats/format_list.h"
#include "formats/ranking_fields.h"

namespace rlhf {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

bool is_kwise(const json& record) {
  if (record.contains("responses")) return record.contains("prompt");
  return record.contains("prompt") && has_text(record, "chosen") && has_list(record, "rejected");
}

std::vector<int> given_ranks(const json& list, std::size_t count) {
  std::vector<int> ranks;
  for (std::size_t i = 0; i < list.size(); ++i) {
    ranks.push_back(integer_of(list[i], "rank " + std::to_string(i) + " of field 'ranks'"));
    if (ranks.back() < 0) throw BadRecord("rank " + std::to_string(i) + " of field 'ranks' is negative");
  }
  if (ranks.size() != count) {
    throw BadRecord("field 'ranks' has " + std::to_string(ranks.size()) + " entries for " +
                    std::to_string(count) + " responses");
  }
  return ranks;
}

void place(const json& value, int rank, std::vector<int>& ranks) {
  const int response = integer_of(value, "an entry of field 'ranking'");
  if (response < 0 || static_cast<std::size_t>(response) >= ranks.size()) {
    throw BadRecord("field 'ranking' names response " + std::to_string(response) + ", there are " +
                    std::to_string(ranks.size()) + " (the first is 0)");
  }
  int& slot = ranks[static_cast<std::size_t>(response)];
  if (slot != 0) throw BadRecord("field 'ranking' names response " + std::to_string(response) + " twice");
  slot = rank;
}

std::vector<int> ranks_from_order(const json& order, std::size_t count) {
  std::vector<int> ranks(count, 0);
  int rank = 1;
  for (const json& entry : order) {
    if (entry.is_array()) {
      for (const json& tied : entry) place(tied, rank, ranks);
    } else {
      place(entry, rank, ranks);
    }
    ++rank;
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (ranks[i] == 0) throw BadRecord("field 'ranking' leaves out response " + std::to_string(i));
  }
  return ranks;
}

std::vector<int> ranks_of(const json& record, std::size_t count) {
  if (has(record, "ranks")) return given_ranks(required_list(record, "ranks"), count);
  if (has(record, "ranking")) return ranks_from_order(required_list(record, "ranking"), count);
  if (!has(record, "scores")) throw BadRecord("field 'ranks' is missing");
  std::vector<double> scores;
  for (const json& score : required_list(record, "scores"))
    scores.push_back(number_of(score, "an entry of field 'scores'"));
  if (scores.size() != count) {
    throw BadRecord("field 'scores' has " + std::to_string(scores.size()) + " entries for " +
                    std::to_string(count) + " responses");
  }
  return ranks_from_scores(scores);
}

void read_response(const json& value, const std::string& where, RankedResponses& ranked, Provenance& known) {
  if (!value.is_object()) {
    ranked.responses.push_back(answer_of(value, ranked.prompt, where));
    known.response_models.emplace_back();
    known.response_ids.emplace_back();
    return;
  }
  if (!has(value, "text")) throw BadRecord(where + " has no 'text'");
  if (has(value, "ratings") && value["ratings"].is_object()) {
    for (const auto& [aspect, rating] : value["ratings"].items()) {
      known.ratings.push_back({ranked.responses.size(), aspect, number_of(rating, "a rating of " + where)});
    }
  }
  ranked.responses.push_back(answer_of(value["text"], ranked.prompt, where));
  known.response_models.push_back(text_or_empty(value, "model"));
  known.response_ids.push_back(text_or_empty(value, "id"));
}

void forget_if_all_empty(std::vector<std::string>& list) {
  for (const std::string& entry : list) {
    if (!entry.empty()) return;
  }
  list.clear();
}

/// {"prompt", "chosen", "rejected": [...]}: one best response, the others tied behind it.
void read_best_of(const json& record, RankedResponses ranked, ReadRecords& into) {
  std::vector<std::string> names = {field_name("chosen")};
  ranked.responses = {answer_of(required(record, "chosen"), ranked.prompt, names[0])};
  ranked.ranks = {1};
  const json& rejected = required_list(record, "rejected");
  for (std::size_t i = 0; i < rejected.size(); ++i) {
    names.push_back("entry " + std::to_string(i) + " of field 'rejected'");
    ranked.responses.push_back(answer_of(rejected[i], ranked.prompt, names.back()));
    ranked.ranks.push_back(2);
  }
  into.records.push_back(make_ranking(std::move(ranked), provenance_of(record), names));
}

void read_kwise(const json& record, ReadRecords& into) {
  RankedResponses ranked;
  ranked.prompt = prompt_of(required(record, "prompt"), field_name("prompt"));
  if (!has(record, "responses") && has(record, "chosen"))
    return read_best_of(record, std::move(ranked), into);
  Provenance known = provenance_of(record);
  std::vector<std::string> names;
  const json& responses = required_list(record, "responses");
  for (std::size_t i = 0; i < responses.size(); ++i) {
    names.push_back("response " + std::to_string(i));
    read_response(responses[i], names.back(), ranked, known);
  }
  forget_if_all_empty(known.response_models);
  forget_if_all_empty(known.response_ids);
  ranked.ranks = ranks_of(record, ranked.responses.size());
  ImportRecord made = make_ranking(std::move(ranked), std::move(known), names);
  if (has(record, "margin")) {
    if (std::get<Ranking>(made.content).responses.size() != 2)
      throw BadRecord("field 'margin' is for two responses only");
    std::get<Ranking>(made.content).margin = required_number(record, "margin");
  }
  into.records.push_back(std::move(made));
}

ordered_json response_json(const ImportRecord& record, std::size_t i) {
  const Provenance& known = record.provenance;
  ordered_json ratings;
  for (const ResponseRating& rating : known.ratings) {
    if (rating.response == i) ratings[rating.aspect] = rating.value;
  }
  const std::string& text = ranking_in(record).responses[i];
  if (known.response_models.empty() && known.response_ids.empty() && ratings.empty()) return text;
  ordered_json response = {{"text", text}};
  if (!known.response_models.empty() && !known.response_models[i].empty())
    response["model"] = known.response_models[i];
  if (!known.response_ids.empty() && !known.response_ids[i].empty()) response["id"] = known.response_ids[i];
  if (!ratings.empty()) response["ratings"] = ratings;
  return response;
}

void write_kwise(const ImportRecord& record, JsonObjects& into) {
  const Ranking& ranking = ranking_in(record);
  ordered_json line;
  line["prompt"] = prompt_json(ranking.prompt);
  line["responses"] = ordered_json::array();
  for (std::size_t i = 0; i < ranking.responses.size(); ++i)
    line["responses"].push_back(response_json(record, i));
  line["ranks"] = ranking.ranks;
  if (ranking.margin) line["margin"] = *ranking.margin;
  write_provenance(record.provenance, line);
  into.push_back(std::move(line));
}

}  // namespace

const Format kKwise = {"kwise",
                       R"(K ranked responses: {"prompt", "responses", "ranks"}, 1 = best, equal = tie)",
                       FormatKind::kRankings,
                       is_kwise,
                       read_kwise,
                       write_kwise};

}  // namespace rlhf
