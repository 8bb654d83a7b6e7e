#include "text/sequence_encoder.h"

#include <algorithm>
#include <ctime>

#include "contract/error.h"

namespace rlhf {
namespace {

std::optional<std::string> file_of(const Tokenizer& tokenizer, const std::string& name) {
  const auto found = tokenizer.to_files().find(name);
  if (found == tokenizer.to_files().end()) return std::nullopt;
  return found->second;
}

// Some templates print the date; a run must give the same ids on every day and machine.
std::tm fixed_date() {
  std::tm date{};
  date.tm_year = 2024 - 1900;
  date.tm_mday = 1;
  return date;
}

bool is_end(const Tokenizer& tokenizer, TokenId id) {
  return std::find(tokenizer.eos_ids().begin(), tokenizer.eos_ids().end(), id) != tokenizer.eos_ids().end();
}

void append_end(const Tokenizer& tokenizer, std::vector<TokenId>& ids) {
  if (!tokenizer.eos_id())
    throw UserError("the tokenizer names no end-of-sequence token (eos_token in tokenizer_config.json)");
  if (ids.empty() || !is_end(tokenizer, ids.back())) ids.push_back(*tokenizer.eos_id());
}

}  // namespace

SequenceEncoder::SequenceEncoder(Tokenizer tokenizer) : tokenizer_(std::move(tokenizer)) {
  try {
    chat_template_ = ChatTemplate::from_files(file_of(tokenizer_, "chat_template.jinja"),
                                              file_of(tokenizer_, "tokenizer_config.json"),
                                              file_of(tokenizer_, "special_tokens_map.json"), "the model's ");
  } catch (const UserError& error) {
    template_problem_ = error.what();  // nothing to those who have no conversations
  }
}

const ChatTemplate& SequenceEncoder::chat_template() const {
  if (!template_problem_.empty()) throw UserError(template_problem_);
  if (!chat_template_)
    throw UserError(
        "the data holds conversations, but the model has no chat template: add chat_template.jinja to its "
        "folder, or use "
        "plain prompts");
  return *chat_template_;
}

std::string SequenceEncoder::render(const Conversation& messages, bool add_generation_prompt) const {
  ChatRenderOptions options;
  options.add_generation_prompt = add_generation_prompt;
  options.now = fixed_date();
  return chat_template().render(messages, options);
}

std::vector<TokenId> SequenceEncoder::prompt(const Prompt& prompt) const {
  if (!prompt.is_chat()) {
    std::vector<TokenId> ids = tokenizer_.encode(prompt.text);
    ids.resize(ids.size() - tokenizer_.suffix_ids().size());  // a text that goes on has not ended
    return ids;
  }
  return tokenizer_.encode(render(prompt.messages, true), {.add_special_tokens = false});
}

std::vector<TokenId> SequenceEncoder::prompt_and_response(const Prompt& prompt,
                                                          const std::string& response) const {
  if (!prompt.is_chat()) {
    std::vector<TokenId> ids = tokenizer_.encode(prompt.text + response);
    append_end(tokenizer_, ids);
    return ids;
  }
  Conversation messages = prompt.messages;
  messages.push_back({"assistant", response});
  std::vector<TokenId> ids = tokenizer_.encode(render(messages, false), {.add_special_tokens = false});
  // Templates often print a newline after the end of a turn; a policy stops at the end itself.
  const auto last_end =
      std::find_if(ids.rbegin(), ids.rend(), [&](TokenId id) { return is_end(tokenizer_, id); });
  if (last_end != ids.rend() && last_end - ids.rbegin() <= 2) ids.erase(last_end.base(), ids.end());
  append_end(tokenizer_, ids);
  return ids;
}

SupervisedEncoding SequenceEncoder::supervise_spans(const std::string& text,
                                                    const std::vector<ByteSpan>& spans, bool chat) const {
  const Encoding encoding = tokenizer_.encode_with_offsets(text, {.add_special_tokens = !chat});
  SupervisedEncoding result;
  result.token_ids = encoding.ids;
  size_t span = 0;
  for (const ByteSpan& token : encoding.spans) {
    while (span < spans.size() && spans[span].end <= token.begin) ++span;
    const bool covered = span < spans.size() && token.begin < token.end && token.end > spans[span].begin;
    result.supervised.push_back(covered);
    if (covered && (token.begin < spans[span].begin || token.end > spans[span].end)) ++result.straddling;
  }
  return result;
}

SupervisedEncoding SequenceEncoder::demonstration(const Demonstration& d,
                                                  bool border_by_prompt_length) const {
  SupervisedEncoding encoding;
  if (d.form == Demonstration::Form::kConversation) {
    ChatRenderOptions options;
    options.now = fixed_date();
    const SupervisedText text =
        chat_template().render_supervised(d.prompt.messages, d.first_supervised_message, options);
    std::vector<ByteSpan> spans;
    for (const auto& [begin, end] : text.spans) spans.push_back({begin, end});
    encoding = supervise_spans(text.text, spans, true);
  } else {
    const std::string prompt = d.prompt.is_chat() ? render(d.prompt.messages, true) : d.prompt.text;
    const std::string text = prompt + d.completion;
    encoding = supervise_spans(text, {{prompt.size(), text.size()}}, d.prompt.is_chat());
    append_end(tokenizer_, encoding.token_ids);
    // The end-of-sequence token is learnt: appended here or by the tokenizer, or written out in the text.
    encoding.supervised.resize(encoding.token_ids.size());
    encoding.supervised.back() = 1;
  }
  if (border_by_prompt_length) {
    const size_t border = std::min(prompt_length(d), encoding.supervised.size());
    std::fill_n(encoding.supervised.begin(), border, uint8_t{0});
    std::fill(encoding.supervised.begin() + static_cast<std::ptrdiff_t>(border), encoding.supervised.end(),
              uint8_t{1});
  }
  return encoding;
}

size_t SequenceEncoder::prompt_length(const Demonstration& d) const {
  if (d.form == Demonstration::Form::kText) return 0;
  if (d.form == Demonstration::Form::kPromptCompletion) return prompt(d.prompt).size();
  const auto first = d.prompt.messages.begin();
  return prompt({"", Conversation(first, first + static_cast<std::ptrdiff_t>(d.first_supervised_message))})
      .size();
}

}  // namespace rlhf
