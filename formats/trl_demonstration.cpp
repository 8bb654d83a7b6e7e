// TRL's types for supervised data: language modelling, prompt-only, prompt-completion, each as text or as
// messages (https://huggingface.co/docs/trl/dataset_formats).
#include <algorithm>
#include <array>

#include "formats/format_list.h"
#include "formats/ranking_fields.h"

namespace rlhf {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

const Demonstration& demonstration_in(const ImportRecord& record, Demonstration::Form form,
                                      const char* wanted) {
  const auto* found = std::get_if<Demonstration>(&record.content);
  if (!found || found->form != form)
    throw BadRecord("a " + kind_name(record) + " of this kind is not " + wanted);
  return *found;
}

void add(Demonstration demonstration, const json& record, ReadRecords& into) {
  into.records.push_back({std::move(demonstration), provenance_of(record), {}});
}

bool is_language_modeling(const json& record) {
  return record.contains("text") || record.contains("messages");
}

void read_language_modeling(const json& record, ReadRecords& into) {
  Demonstration demonstration;
  if (has(record, "messages")) {
    demonstration.form = Demonstration::Form::kConversation;
    demonstration.prompt.messages = messages_of(record["messages"], field_name("messages"));
  } else {
    demonstration.completion = filled(required_text(record, "text"), field_name("text"));
  }
  add(std::move(demonstration), record, into);
}

void write_language_modeling(const ImportRecord& record, JsonObjects& into) {
  const auto* found = std::get_if<Demonstration>(&record.content);
  if (!found) throw BadRecord("a " + kind_name(record) + " is not a text or a conversation");
  ordered_json line;
  if (found->form == Demonstration::Form::kConversation) {
    line["messages"] = messages_json(found->prompt.messages);
  } else {
    line["text"] = found->prompt.text + found->completion;
  }
  write_provenance(record.provenance, line);
  into.push_back(std::move(line));
}

/// Never what has an answer beside the prompt under a name we do not know: it would be dropped unseen.
bool is_prompt_only(const json& record) {
  constexpr std::array kAnswers = {"output", "completions", "response_1", "response_a"};
  return record.contains("prompt") && std::none_of(kAnswers.begin(), kAnswers.end(),
                                                   [&](const char* name) { return record.contains(name); });
}

void read_prompt_only(const json& record, ReadRecords& into) {
  into.records.push_back(
      {prompt_of(required(record, "prompt"), field_name("prompt")), provenance_of(record), {}});
}

const Prompt& prompt_in(const ImportRecord& record) {
  if (const auto* prompt = std::get_if<Prompt>(&record.content)) return *prompt;
  if (const auto* ranking = std::get_if<Ranking>(&record.content)) return ranking->prompt;
  if (const auto* rated = std::get_if<RatedResponse>(&record.content)) return rated->prompt;
  return demonstration_in(record, Demonstration::Form::kPromptCompletion, "a prompt").prompt;
}

void write_prompt_only(const ImportRecord& record, JsonObjects& into) {
  ordered_json line;
  line["prompt"] = prompt_json(prompt_in(record));
  write_provenance(record.provenance, line);
  into.push_back(std::move(line));
}

bool is_prompt_completion(const json& record) {
  return record.contains("completion") || (record.contains("prompt") && has(record, "response"));
}

void read_prompt_completion(const json& record, ReadRecords& into) {
  Demonstration demonstration;
  demonstration.prompt = prompt_of(required(record, "prompt"), field_name("prompt"));
  const char* field = completion_field(record);
  const json& completion = required(record, field);
  const std::string where = field_name(field);
  if (demonstration.prompt.is_chat() && completion.is_array()) {
    // Several turns may follow the prompt; the assistant's among them are supervised.
    demonstration.form = Demonstration::Form::kConversation;
    demonstration.first_supervised_message = demonstration.prompt.messages.size();
    for (Message& message : messages_of(completion, where)) {
      demonstration.prompt.messages.push_back(std::move(message));
    }
  } else if (demonstration.prompt.is_chat()) {
    demonstration.form = Demonstration::Form::kConversation;
    demonstration.first_supervised_message = demonstration.prompt.messages.size();
    const std::string answer = answer_of(completion, demonstration.prompt, where);
    demonstration.prompt.messages.push_back({"assistant", answer});
  } else {
    demonstration.form = Demonstration::Form::kPromptCompletion;
    demonstration.completion = answer_of(completion, demonstration.prompt, where);
  }
  add(std::move(demonstration), record, into);
}

void write_prompt_completion(const ImportRecord& record, JsonObjects& into) {
  const auto* found = std::get_if<Demonstration>(&record.content);
  if (!found || found->form == Demonstration::Form::kText) {
    throw BadRecord("a " + kind_name(record) + " is not a prompt with a completion");
  }
  ordered_json line;
  if (found->form == Demonstration::Form::kPromptCompletion) {
    line["prompt"] = found->prompt.text;
    line["completion"] = found->completion;
  } else {
    const auto border = static_cast<std::ptrdiff_t>(found->first_supervised_message);
    const Conversation& all = found->prompt.messages;
    if (border == 0) throw BadRecord("the whole conversation is supervised: there is no prompt");
    line["prompt"] = messages_json({all.begin(), all.begin() + border});
    line["completion"] = messages_json({all.begin() + border, all.end()});
  }
  write_provenance(record.provenance, line);
  into.push_back(std::move(line));
}

}  // namespace

const Format kTrlLanguageModeling = {
    "trl-language-modeling",     R"(TRL language modelling: {"text"} or {"messages"})",
    FormatKind::kDemonstrations, is_language_modeling,
    read_language_modeling,      write_language_modeling};
const Format kTrlPromptOnly = {"trl-prompt-only",    R"(TRL prompts: {"prompt"}, text or messages)",
                               FormatKind::kPrompts, is_prompt_only,
                               read_prompt_only,     write_prompt_only};
const Format kTrlPromptCompletion = {
    "trl-prompt-completion",     R"(TRL demonstrations: {"prompt", "completion"}, texts or messages)",
    FormatKind::kDemonstrations, is_prompt_completion,
    read_prompt_completion,      write_prompt_completion};

}  // namespace rlhf
