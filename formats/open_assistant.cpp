// Open-Assistant message trees: {"message_tree_id", "prompt": {"message_id", "text", "role", "rank",
// "replies": [...]}}. Every group of answers to one message that was ranked in full is a ranking; rank 0 is
// best, deleted messages do not count (https://github.com/LAION-AI/Open-Assistant, arXiv 2304.07327).
#include "formats/format_list.h"
#include "formats/ranking_fields.h"

namespace rlhf {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

bool is_open_assistant(const json& record) {
  return has(record, "message_tree_id");
}

std::string chat_role(const std::string& role) {
  if (role == "prompter") return "user";
  if (role == "assistant") return role;
  throw BadRecord("a message has role '" + role + "', which is neither prompter nor assistant");
}

bool is_true(const json& message, const char* field) {
  return has(message, field) && message[field].is_boolean() && message[field].get<bool>();
}

class TreeReader {
 public:
  TreeReader(Provenance tree, ReadRecords& into) : tree_(std::move(tree)), into_(into) {}

  /// As deep as the tree, which kMaxJsonDepth bounds.
  void walk(const json& message) {
    path_.push_back({chat_role(required_text(message, "role")), required_text(message, "text")});
    if (has(message, "replies")) {
      const json& replies = required_list(message, "replies");
      read_group(message, replies);
      for (const json& reply : replies) {
        if (!is_true(reply, "deleted")) walk(reply);
      }
    }
    path_.pop_back();
  }

 private:
  /// Groups nobody ranked are passed over; groups ranked in part, and those that break the rules, are
  /// rejected.
  void read_group(const json& parent, const json& replies) {
    std::vector<const json*> answers;
    std::size_t ranked = 0;
    for (const json& reply : replies) {
      if (is_true(reply, "deleted") || text_or_empty(reply, "role") != "assistant") continue;
      answers.push_back(&reply);
      if (has(reply, "rank")) ++ranked;
    }
    if (answers.size() < 2 || ranked == 0) return;
    const std::string id = text_or_empty(parent, "message_id");
    try {
      if (ranked < answers.size()) {
        throw BadRecord(std::to_string(answers.size() - ranked) + " of " + std::to_string(answers.size()) +
                        " answers have no rank");
      }
      add_ranking(id, answers);
    } catch (const BadRecord& problem) {
      into_.rejected.push_back("the answers to message " + id + ": " + problem.what());
    }
  }

  void add_ranking(const std::string& parent_id, const std::vector<const json*>& answers) {
    RankedResponses group{{{}, path_}, {}, {}};
    Provenance known = tree_;
    known.source_id = parent_id;
    std::vector<std::string> names;
    bool any_model = false;
    for (const json* answer : answers) {
      names.push_back("message " + text_or_empty(*answer, "message_id"));
      group.responses.push_back(required_text(*answer, "text"));
      group.ranks.push_back(integer_of((*answer)["rank"], "the rank of " + names.back()));
      known.response_ids.push_back(text_or_empty(*answer, "message_id"));
      known.response_models.push_back(text_or_empty(*answer, "model_name"));
      any_model = any_model || !known.response_models.back().empty();
    }
    if (!any_model) known.response_models.clear();
    into_.records.push_back(make_ranking(std::move(group), std::move(known), names));
  }

  Provenance tree_;
  ReadRecords& into_;
  Conversation path_;
};

void read_tree(const json& record, ReadRecords& into) {
  required_text(record, "message_tree_id");
  if (!has(record, "prompt")) {
    throw BadRecord(
        "field 'prompt' is missing: a file of single messages has no rankings; take the one of trees");
  }
  const json& root = record["prompt"];
  if (!root.is_object()) throw BadRecord("field 'prompt' must be a message, not " + type_in_words(root));
  Provenance tree;
  tree.source = text_or_empty(record, "source");
  tree.annotator = text_or_empty(record, "annotator");
  TreeReader(std::move(tree), into).walk(root);
}

ordered_json message_json(const std::string& id, const std::string& text, const std::string& role) {
  return {{"message_id", id},
          {"text", text},
          {"role", role},
          {"deleted", false},
          {"replies", ordered_json::array()}};
}

ordered_json ranked_answer(const ImportRecord& record, std::size_t i, const std::string& tree_id) {
  const Provenance& known = record.provenance;
  const Ranking& ranking = ranking_in(record);
  const bool named = !known.response_ids.empty() && !known.response_ids[i].empty();
  ordered_json answer = message_json(named ? known.response_ids[i] : tree_id + "-answer-" + std::to_string(i),
                                     ranking.responses[i], "assistant");
  answer["rank"] = ranking.ranks[i] - 1;
  if (!known.response_models.empty() && !known.response_models[i].empty()) {
    answer["synthetic"] = true;
    answer["model_name"] = known.response_models[i];
  }
  return answer;
}

/// One tree a ranking: a chain of the prompt's messages, the ranked answers as the replies to its last.
void write_tree(const ImportRecord& record, JsonObjects& into) {
  const Ranking& ranking = ranking_in(record);
  const Conversation path = conversation_of(ranking.prompt);
  const std::string id = record.provenance.source_id.empty() ? record.origin : record.provenance.source_id;
  ordered_json chain;
  for (std::size_t i = path.size(); i-- > 0;) {
    if (path[i].role != "user" && path[i].role != "assistant") {
      throw BadRecord("a turn of '" + path[i].role + "' has no place in an Open-Assistant tree");
    }
    const bool last = i + 1 == path.size();
    ordered_json message = message_json(last ? id : id + "-" + std::to_string(i), path[i].content,
                                        path[i].role == "user" ? "prompter" : "assistant");
    if (last) {
      for (std::size_t k = 0; k < ranking.responses.size(); ++k)
        message["replies"].push_back(ranked_answer(record, k, id));
    } else {
      message["replies"].push_back(std::move(chain));
    }
    chain = std::move(message);
  }
  ordered_json tree = {
      {"message_tree_id", id}, {"tree_state", "ready_for_export"}, {"prompt", std::move(chain)}};
  if (!record.provenance.source.empty()) tree["source"] = record.provenance.source;
  if (!record.provenance.annotator.empty()) tree["annotator"] = record.provenance.annotator;
  into.push_back(std::move(tree));
}

}  // namespace

const Format kOpenAssistant = {"oasst",
                               "Open-Assistant message trees with ranked replies",
                               FormatKind::kRankings,
                               is_open_assistant,
                               read_tree,
                               write_tree};

}  // namespace rlhf
