#pragma once
#include <cstddef>
#include <ctime>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "contract/prompt.h"
#include "text/jinja.h"

namespace rlhf {

struct ChatRenderOptions {
  /// End with what begins an assistant turn, so that the model answers.
  bool add_generation_prompt = false;
  /// JSON schemas of functions the model may call, as transformers takes them; null means none.
  nlohmann::ordered_json tools = nullptr;
  /// More variables of the template, e.g. {"enable_thinking": false}; they win over all others.
  nlohmann::ordered_json variables = nlohmann::ordered_json::object();
  /// What strftime_now formats; the current local time when not set. Set it where a run must repeat.
  std::optional<std::tm> now;
};

/// A rendered conversation and which bytes of it the assistant said.
struct SupervisedText {
  std::string text;
  std::vector<std::pair<std::size_t, std::size_t>>
      spans;                        ///< [begin, end) of assistant turns, in order, end of turn included
  std::size_t unlocated_turns = 0;  ///< assistant turns that cannot be supervised in this text
};

/// A model's chat template: turns a conversation into the text the model was trained on.
/// Rendering is const and may be done by several threads at once.
class ChatTemplate {
 public:
  /// `special_tokens` are variables such as {"bos_token": "<s>", "eos_token": "</s>"}; `origin` names the
  /// template in messages. Throws UserError for a template that does not parse.
  static ChatTemplate compile(const std::string& source,
                              nlohmann::ordered_json special_tokens = nlohmann::ordered_json::object(),
                              std::string origin = "chat template");

  /// The template of a model folder: chat_template.jinja, else "chat_template" of tokenizer_config.json (a
  /// string, or a list of named ones of which "default" is taken); special tokens from tokenizer_config.json,
  /// and from special_tokens_map.json what that leaves out. Nothing when the folder has none. Throws
  /// UserError for files that cannot be used.
  static std::optional<ChatTemplate> from_folder(const std::filesystem::path& folder);
  /// The same from the contents of the files, where present; `origin` stands before their names in messages.
  static std::optional<ChatTemplate> from_files(const std::optional<std::string>& chat_template_jinja,
                                                const std::optional<std::string>& tokenizer_config_json,
                                                const std::optional<std::string>& special_tokens_map_json,
                                                const std::string& origin);

  /// Equal to transformers' apply_chat_template(tokenize=False), byte for byte. Throws UserError with the
  /// line of the template, also when the template itself refuses the conversation.
  std::string render(const Conversation& messages, const ChatRenderOptions& options = {}) const;
  /// For messages that carry more than role and content, e.g. tool calls: a list of objects.
  std::string render_json(const nlohmann::ordered_json& messages,
                          const ChatRenderOptions& options = {}) const;

  /// Renders without a generation prompt and finds the assistant turns from `first_supervised_message` on: by
  /// the template's {% generation %} blocks when it has them, else by rendering the conversation up to each
  /// turn, so that a span begins where the model would begin to write. A turn whose text changes once others
  /// follow (Qwen3 drops the thinking of earlier turns) was never seen like that by a model that writes it:
  /// it is counted, not supervised. Throws UserError when the last assistant turn cannot be found, or there
  /// is none.
  SupervisedText render_supervised(const Conversation& messages, std::size_t first_supervised_message = 0,
                                   const ChatRenderOptions& options = {}) const;

  /// For a hash of what a model was trained with.
  const std::string& source() const { return source_; }

 private:
  ChatTemplate(JinjaTemplate compiled, std::string source, nlohmann::ordered_json special_tokens)
      : template_(std::move(compiled)),
        source_(std::move(source)),
        special_tokens_(std::move(special_tokens)) {}

  JinjaOutput run(const nlohmann::ordered_json& messages, const ChatRenderOptions& options) const;
  std::optional<std::pair<std::size_t, std::size_t>> locate_turn(const Conversation& messages,
                                                                 std::size_t turn, const std::string& text,
                                                                 const ChatRenderOptions& options) const;
  SupervisedText supervise_by_marks(const Conversation& messages, std::size_t first_supervised_message,
                                    const ChatRenderOptions& options) const;
  std::string eos_token() const;

  JinjaTemplate template_;
  std::string source_;
  nlohmann::ordered_json special_tokens_;
};

}  // namespace rlhf
