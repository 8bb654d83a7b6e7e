// Votes of Chatbot Arena. As CSV: model_a, model_b, prompt, response_a, response_b (JSON lists of turns),
// winner_model_a, winner_model_b, winner_tie. As JSON: model_a, model_b, winner, judge, conversation_a,
// conversation_b. Only votes whose two answers stand after the same turns are rankings; dialogues that parted
// earlier are rejected.
#include <algorithm>

#include "formats/format_list.h"
#include "formats/ranking_fields.h"

namespace rlhf {

using nlohmann::json;

namespace {

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
  return text_or_empty(record, field) == "1";
}

/// Ranks of a and b; what was said of a tie goes to `note`.
std::vector<int> vote(const json& record, std::string& note) {
  if (has(record, "winner")) {
    const std::string winner = required_text(record, "winner");
    if (winner == "model_a") return {1, 2};
    if (winner == "model_b") return {2, 1};
    if (!winner.starts_with("tie"))
      throw BadRecord("field 'winner' is '" + winner + "', not model_a, model_b or tie");
    if (winner != "tie") note = "both are bad";
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

}  // namespace

const Format kArena = {
    "arena", "Chatbot Arena votes, CSV or JSON", FormatKind::kRankings, is_arena, read_arena, nullptr};

}  // namespace rlhf
