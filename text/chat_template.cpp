#include "text/chat_template.h"

#include <algorithm>

#include "contract/error.h"

namespace rlhf {
namespace {

nlohmann::ordered_json to_json(const Conversation& messages) {
  auto list = nlohmann::ordered_json::array();
  for (const Message& message : messages)
    list.push_back({{"role", message.role}, {"content", message.content}});
  return list;
}

std::tm local_time_now() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  return local;
}

bool is_supervised(const Conversation& messages, std::size_t i, std::size_t first) {
  return i >= first && messages[i].role == "assistant";
}

}  // namespace

ChatTemplate ChatTemplate::compile(const std::string& source, nlohmann::ordered_json special_tokens,
                                   std::string origin) {
  return {JinjaTemplate::compile(source, std::move(origin)), source, std::move(special_tokens)};
}

JinjaOutput ChatTemplate::run(const nlohmann::ordered_json& messages,
                              const ChatRenderOptions& options) const {
  nlohmann::ordered_json variables = special_tokens_;
  variables["messages"] = messages;
  variables["tools"] = options.tools;
  variables["documents"] = nullptr;
  variables["add_generation_prompt"] = options.add_generation_prompt;
  variables.update(options.variables);
  return template_.render(variables, options.now ? *options.now : local_time_now());
}

std::string ChatTemplate::render(const Conversation& messages, const ChatRenderOptions& options) const {
  return run(to_json(messages), options).text;
}

std::string ChatTemplate::render_json(const nlohmann::ordered_json& messages,
                                      const ChatRenderOptions& options) const {
  return run(messages, options).text;
}

std::string ChatTemplate::eos_token() const {
  return special_tokens_.value("eos_token", std::string());
}

/// Where messages[turn] stands in `text`, the whole conversation rendered; nothing when the text before it or
/// its own text differs there from what the model sees while it writes.
std::optional<std::pair<std::size_t, std::size_t>> ChatTemplate::locate_turn(
    const Conversation& messages, std::size_t turn, const std::string& text,
    const ChatRenderOptions& options) const {
  const auto at = messages.begin() + static_cast<std::ptrdiff_t>(turn);
  ChatRenderOptions asking = options;
  asking.add_generation_prompt = true;
  const std::string before = render({messages.begin(), at}, asking);
  if (!text.starts_with(before)) return std::nullopt;

  std::string through = turn + 1 == messages.size() ? text : render({messages.begin(), at + 1}, options);
  // Some templates close a conversation with the end-of-sequence token, which then stands after the last turn
  // only.
  const std::string eos = eos_token();
  if (!text.starts_with(through) && !eos.empty() && through.ends_with(eos))
    through.resize(through.size() - eos.size());
  if (!text.starts_with(through) || through.size() <= before.size()) return std::nullopt;
  return std::pair(before.size(), through.size());
}

SupervisedText ChatTemplate::render_supervised(const Conversation& messages,
                                               std::size_t first_supervised_message,
                                               const ChatRenderOptions& options) const {
  ChatRenderOptions whole = options;
  whole.add_generation_prompt = false;
  std::size_t turns = 0;
  for (std::size_t i = 0; i < messages.size(); ++i)
    turns += is_supervised(messages, i, first_supervised_message);
  if (turns == 0) throw UserError("the conversation has no assistant turn to learn from");
  if (template_.marks_generations()) return supervise_by_marks(messages, first_supervised_message, whole);

  SupervisedText result{render(messages, whole), {}, 0};
  bool last_found = false;
  std::string reason;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (!is_supervised(messages, i, first_supervised_message)) continue;
    last_found = false;
    try {
      if (const auto span = locate_turn(messages, i, result.text, whole)) {
        result.spans.push_back(*span);
        last_found = true;
      }
      reason = "its text changes with what follows or with the generation prompt";
    } catch (const UserError& refused) {  // the template refuses the conversation up to this turn
      reason = refused.what();
    }
    if (!last_found) ++result.unlocated_turns;
  }
  if (!last_found)
    throw UserError("the chat template does not show where the last assistant turn begins: " + reason);
  return result;
}

SupervisedText ChatTemplate::supervise_by_marks(const Conversation& messages,
                                                std::size_t first_supervised_message,
                                                const ChatRenderOptions& options) const {
  JinjaOutput output = run(to_json(messages), options);
  if (output.generations.empty()) {
    throw UserError("the chat template marks no assistant turn of this conversation with {% generation %}");
  }
  SupervisedText result{std::move(output.text), std::move(output.generations), 0};
  const auto unsupervised = std::count_if(
      messages.begin(),
      messages.begin() + static_cast<std::ptrdiff_t>(std::min(first_supervised_message, messages.size())),
      [](const Message& message) { return message.role == "assistant"; });
  if (unsupervised == 0) return result;
  const auto turns = std::count_if(messages.begin(), messages.end(),
                                   [](const Message& message) { return message.role == "assistant"; });
  if (static_cast<std::size_t>(turns) != result.spans.size()) {
    throw UserError("the chat template marks " + std::to_string(result.spans.size()) +
                    " {% generation %} blocks for " + std::to_string(turns) +
                    " assistant turns, so the first ones cannot be left out");
  }
  result.spans.erase(result.spans.begin(), result.spans.begin() + unsupervised);
  return result;
}

}  // namespace rlhf
