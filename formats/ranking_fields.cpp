#include "formats/ranking_fields.h"

#include <algorithm>
#include <functional>
#include <map>
#include <unordered_map>

namespace rlhf {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

std::vector<int> dense_ranks(const std::vector<int>& ranks) {
  std::map<int, int> dense;
  for (const int rank : ranks) dense[rank] = 0;
  int next = 1;
  for (auto& [rank, value] : dense) value = next++;
  std::vector<int> result;
  for (const int rank : ranks) result.push_back(dense[rank]);
  return result;
}

/// Keeps the responses at `kept`, in provenance too.
void keep_only(const std::vector<std::size_t>& kept, RankedResponses& ranked, Provenance& provenance) {
  RankedResponses left{std::move(ranked.prompt), {}, {}};
  Provenance known = provenance;
  known.response_models.clear();
  known.response_ids.clear();
  known.ratings.clear();
  for (const std::size_t place : kept) {
    for (ResponseRating rating : provenance.ratings) {
      if (rating.response != place) continue;
      rating.response = left.responses.size();
      known.ratings.push_back(rating);
    }
    left.responses.push_back(std::move(ranked.responses[place]));
    left.ranks.push_back(ranked.ranks[place]);
    if (!provenance.response_models.empty())
      known.response_models.push_back(provenance.response_models[place]);
    if (!provenance.response_ids.empty()) known.response_ids.push_back(provenance.response_ids[place]);
  }
  ranked = std::move(left);
  provenance = std::move(known);
}

void merge_tied_copies(RankedResponses& ranked, Provenance& provenance,
                       const std::vector<std::string>& names) {
  std::unordered_map<std::string_view, std::size_t> first;
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < ranked.responses.size(); ++i) {
    const auto [found, fresh] = first.emplace(ranked.responses[i], i);
    if (fresh) {
      kept.push_back(i);
    } else if (ranked.ranks[found->second] != ranked.ranks[i]) {
      throw BadRecord(names[found->second] + " and " + names[i] + " are identical but ranked differently");
    }
  }
  if (kept.size() < 2) throw BadRecord("all responses are identical");
  if (kept.size() < ranked.responses.size()) {
    first.clear();
    keep_only(kept, ranked, provenance);
  }
}

}  // namespace

ImportRecord make_ranking(RankedResponses ranked, Provenance provenance,
                          const std::vector<std::string>& names) {
  if (ranked.responses.size() < 2) throw BadRecord("a ranking needs at least two responses");
  for (std::size_t i = 0; i < ranked.responses.size(); ++i) {
    ranked.responses[i] = filled(std::move(ranked.responses[i]), names[i]);
  }
  merge_tied_copies(ranked, provenance, names);
  Ranking ranking;
  ranking.prompt = std::move(ranked.prompt);
  ranking.responses = std::move(ranked.responses);
  ranking.ranks = dense_ranks(ranked.ranks);
  return {std::move(ranking), std::move(provenance), {}};
}

ImportRecord make_pair(RankedResponses ranked, Provenance provenance) {
  if (ranked.responses[0] == ranked.responses[1] && !ranked.responses[0].empty()) {
    throw BadRecord("fields 'chosen' and 'rejected' are identical");
  }
  return make_ranking(std::move(ranked), std::move(provenance),
                      {field_name("chosen"), field_name("rejected")});
}

std::vector<int> ranks_from_scores(const std::vector<double>& scores) {
  std::map<double, int, std::greater<>> order;
  for (const double score : scores) order[score] = 0;
  int next = 1;
  for (auto& [score, rank] : order) rank = next++;
  std::vector<int> ranks;
  for (const double score : scores) ranks.push_back(order[score]);
  return ranks;
}

std::string answer_of(const json& completion, const Prompt& prompt, const std::string& where) {
  if (completion.is_string()) return filled(completion.get<std::string>(), where);
  if (!completion.is_array()) {
    throw BadRecord(where + " must be text or a list of messages, not " + type_in_words(completion));
  }
  if (!prompt.is_chat()) throw BadRecord(where + " is a list of messages but the prompt is plain text");
  Conversation turns = messages_of(completion, where);
  // Some data sets repeat the prompt's turns in front of the answer.
  if (turns.size() > prompt.messages.size() &&
      std::equal(prompt.messages.begin(), prompt.messages.end(), turns.begin())) {
    turns.erase(turns.begin(), turns.begin() + static_cast<std::ptrdiff_t>(prompt.messages.size()));
  }
  if (turns.size() != 1 || turns[0].role != "assistant") {
    throw BadRecord(
        where + " must hold one message of the assistant after the prompt, not " +
        (turns.size() == 1 ? "one of '" + turns[0].role + "'" : std::to_string(turns.size()) + " messages"));
  }
  return filled(std::move(turns[0].content), where);
}

const char* completion_field(const json& record) {
  return record.contains("response") && !record.contains("completion") ? "response" : "completion";
}

std::vector<std::pair<std::size_t, std::size_t>> untied_pairs(const Ranking& ranking) {
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t i = 0; i < ranking.ranks.size(); ++i) {
    for (std::size_t j = 0; j < ranking.ranks.size(); ++j) {
      if (ranking.ranks[i] < ranking.ranks[j]) pairs.emplace_back(i, j);
    }
  }
  return pairs;
}

std::vector<std::pair<std::size_t, std::size_t>> all_pairs(const Ranking& ranking) {
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t i = 0; i < ranking.responses.size(); ++i) {
    for (std::size_t j = i + 1; j < ranking.responses.size(); ++j) pairs.emplace_back(i, j);
  }
  return pairs;
}

const Ranking& ranking_in(const ImportRecord& record) {
  const auto* ranking = std::get_if<Ranking>(&record.content);
  if (!ranking) throw BadRecord("a " + kind_name(record) + " holds no ranking");
  return *ranking;
}

const std::string& instruction_in(const Prompt& prompt) {
  if (!prompt.is_chat()) return prompt.text;
  if (prompt.messages.size() != 1 || prompt.messages[0].role != "user")
    throw BadRecord("the prompt is a conversation, not one instruction");
  return prompt.messages[0].content;
}

Conversation conversation_of(const Prompt& prompt) {
  return prompt.is_chat() ? prompt.messages : Conversation{{"user", prompt.text}};
}

std::string alpaca_instruction(const json& record) {
  std::string text = required_text(record, "instruction");
  if (const std::string input = text_or_empty(record, "input"); !input.empty()) text += "\n\n" + input;
  return filled(std::move(text), field_name("instruction"));
}

std::string model_of(const Provenance& provenance, std::size_t response) {
  return provenance.response_models.empty() ? std::string() : provenance.response_models[response];
}

Provenance provenance_of(const json& record) {
  Provenance known;
  for (const char* name : {"id", "prompt_id", "source_id"}) {
    if (known.source_id.empty()) known.source_id = text_or_empty(record, name);
  }
  known.source = text_or_empty(record, "source");
  known.split = text_or_empty(record, "split");
  known.license = text_or_empty(record, "license");
  known.annotator = text_or_empty(record, "annotator");
  known.confidence = number_if_present(record, "confidence");
  known.note = text_or_empty(record, "note");
  return known;
}

void write_provenance(const Provenance& provenance, ordered_json& into) {
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) into[name] = value;
  };
  add("id", provenance.source_id);
  add("source", provenance.source);
  add("split", provenance.split);
  add("license", provenance.license);
  add("annotator", provenance.annotator);
  if (provenance.confidence) into["confidence"] = *provenance.confidence;
  add("note", provenance.note);
}

ordered_json messages_json(const Conversation& messages) {
  ordered_json list = ordered_json::array();
  for (const Message& message : messages)
    list.push_back({{"role", message.role}, {"content", message.content}});
  return list;
}

ordered_json prompt_json(const Prompt& prompt) {
  return prompt.is_chat() ? messages_json(prompt.messages) : ordered_json(prompt.text);
}

ordered_json answer_json(const Prompt& prompt, const std::string& answer) {
  return prompt.is_chat() ? messages_json({Message{"assistant", answer}}) : ordered_json(answer);
}

}  // namespace rlhf
