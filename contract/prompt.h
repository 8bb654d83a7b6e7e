#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "contract/token.h"

namespace rlhf {

/// One turn of a conversation, as chat templates see it.
struct Message {
  std::string role;  ///< "system", "user", "assistant", ...
  std::string content;
  bool operator==(const Message&) const = default;
};

using Conversation = std::vector<Message>;

/// What a policy is asked: plain text to be continued, or a conversation to be answered through the chat
/// template. Exactly one of the two is set; an empty `messages` means plain text.
struct Prompt {
  std::string text;
  Conversation messages;

  bool is_chat() const { return !messages.empty(); }
  bool operator==(const Prompt&) const = default;
};

/// A prompt as ids: what travels to a generator. Nothing is re-tokenised after this.
struct TokenizedPrompt {
  int64_t index = 0;  ///< position in the data set it came from
  std::vector<TokenId> token_ids;
};

}  // namespace rlhf
