// Votes of Chatbot Arena. As CSV: model_a, model_b, prompt, response_a, response_b (JSON lists of turns),
// winner_model_a, winner_model_b, winner_tie. As JSON: model_a, model_b, winner, judge, conversation_a,
// conversation_b. Only votes whose two answers stand after the same turns are rankings; dialogues that parted
// earlier are rejected.
#include <algorithm>
#include <utility>

#include "formats/format_list.h"
#include "formats/ranking_fields.h"

namespace rlhf {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

constexpr const char* kBothBad = "tie (bothbad)";
constexpr const char* kBothAreBad = "both are bad";

bool has_turn_lists(const json& record) {
  return record.contains("prompt") && record.contains("response_a") && record.contains("response_b");
}

bool is_arena(const json& record) {
  if (!has(record, "model_a") || !has(record, "model_b")) return false;
  return has_turn_lists(record) || has_list(record, "conversation_a");
}

std::vector<std::string> turn_list(const json& record, const char* field) {
  json turns = required(record, field);
  if (turns.is_string()) {
    turns = json::parse(turns.get_ref<const std::string&>(), nullptr, false);
    if (turns.is_discarded()) throw BadRecord(field_name(field) + " is not a JSON list of turns");
  }
  if (!turns.is_array())
    throw BadRecord(field_name(field) + " must be a list of turns, not " + type_in_words(turns));
  std::vector<std::string> texts;
  for (const json& turn : turns) texts.push_back(text_of(turn, "a turn of " + field_name(field)));
  return texts;
}

Conversation dialogue(const std::vector<std::string>& questions, const std::vector<std::string>& answers) {
  if (questions.size() != answers.size()) throw BadRecord("questions and answers differ in number");
  Conversation turns;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    turns.push_back({"user", questions[i]});
    turns.push_back({"assistant", answers[i]});
  }
  return turns;
}

bool is_one(const json& record, const char* field) {
  return has(record, field) && truth_of(record[field], field_name(field));
}

/// Ranks of a and b; what was said of a tie goes to `note`.
std::vector<int> vote(const json& record, std::string& note) {
  if (has(record, "winner")) {
    const std::string winner = required_text(record, "winner");
    if (winner == "model_a") return {1, 2};
    if (winner == "model_b") return {2, 1};
    if (winner != "tie" && winner != kBothBad && winner != "both_bad")
      throw BadRecord("field 'winner' is '" + winner + "', not model_a, model_b, tie or tie (bothbad)");
    if (winner != "tie") note = kBothAreBad;
    return {1, 1};
  }
  const bool a = is_one(record, "winner_model_a");
  const bool b = is_one(record, "winner_model_b");
  const bool tie = is_one(record, "winner_tie");
  if (static_cast<int>(a) + static_cast<int>(b) + static_cast<int>(tie) != 1) {
    throw BadRecord("exactly one of winner_model_a, winner_model_b and winner_tie must be 1");
  }
  if (tie) return {1, 1};
  return a ? std::vector<int>{1, 2} : std::vector<int>{2, 1};
}

void read_arena(const json& record, ReadRecords& into) {
  Conversation a;
  Conversation b;
  if (has_turn_lists(record)) {
    const auto questions = turn_list(record, "prompt");
    a = dialogue(questions, turn_list(record, "response_a"));
    b = dialogue(questions, turn_list(record, "response_b"));
  } else {
    a = messages_of(required(record, "conversation_a"), field_name("conversation_a"));
    b = messages_of(required(record, "conversation_b"), field_name("conversation_b"));
  }
  const auto [end, other] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  if (end == a.end() && other == b.end()) throw BadRecord("both answers are identical");
  if (a.size() != b.size() || a.end() - end != 1 || end->role != "assistant") {
    throw BadRecord("the dialogues part before the last answer: the answers do not share a prompt");
  }
  Provenance known = provenance_of(record);
  if (known.source_id.empty()) known.source_id = text_or_empty(record, "question_id");
  if (known.annotator.empty()) known.annotator = text_or_empty(record, "judge");
  known.response_models = {text_or_empty(record, "model_a"), text_or_empty(record, "model_b")};
  RankedResponses ranked{{{}, {a.begin(), end}}, {end->content, other->content}, vote(record, known.note)};
  into.records.push_back(make_ranking(std::move(ranked), std::move(known), {"answer a", "answer b"}));
}

ordered_json dialogue_json(const Ranking& ranking, std::size_t i) {
  Conversation turns = conversation_of(ranking.prompt);
  turns.push_back({"assistant", ranking.responses[i]});
  return messages_json(turns);
}

/// Each pair of responses is a vote.
void write_arena(const ImportRecord& record, JsonObjects& into) {
  const Ranking& ranking = ranking_in(record);
  Provenance rest = record.provenance;  // what has no place of its own
  const bool both_bad = rest.note == kBothAreBad;
  const std::string id = std::exchange(rest.source_id, {}), judge = std::exchange(rest.annotator, {});
  if (both_bad) rest.note.clear();
  for (const auto& [a, b] : all_pairs(ranking)) {
    ordered_json line;
    if (!id.empty()) line["question_id"] = id;
    line["model_a"] = model_of(rest, a);
    line["model_b"] = model_of(rest, b);
    line["winner"] = ranking.ranks[a] < ranking.ranks[b]   ? "model_a"
                     : ranking.ranks[b] < ranking.ranks[a] ? "model_b"
                     : both_bad                            ? kBothBad
                                                           : "tie";
    if (!judge.empty()) line["judge"] = judge;
    line["conversation_a"] = dialogue_json(ranking, a);
    line["conversation_b"] = dialogue_json(ranking, b);
    write_provenance(rest, line);
    into.push_back(std::move(line));
  }
}

}  // namespace

const Format kArena = {
    "arena", "Chatbot Arena votes, CSV or JSON", FormatKind::kRankings, is_arena, read_arena, write_arena};

}  // namespace rlhf
