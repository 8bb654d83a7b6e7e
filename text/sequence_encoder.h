#pragma once
#include <optional>
#include <string>
#include <vector>

#include "contract/demonstration.h"
#include "contract/prompt.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace rlhf {

/// Ids and which of them are to be learnt.
struct SupervisedEncoding {
  std::vector<TokenId> token_ids;
  std::vector<uint8_t> supervised;  ///< one per id
  int64_t straddling = 0;           ///< supervised tokens that also cover unsupervised text
};

/// Turns prompts, responses and demonstrations into ids, the same way in every stage: plain text goes through
/// the tokenizer with its special tokens, conversations through the chat template and then the tokenizer
/// without them. Whole texts are tokenised, never parts that are then joined. Threads may share one.
class SequenceEncoder {
 public:
  explicit SequenceEncoder(Tokenizer tokenizer);

  const Tokenizer& tokenizer() const { return tokenizer_; }
  /// UserError when the model has no chat template, or one that cannot be used.
  const ChatTemplate& chat_template() const;

  /// What the policy sees before it answers: plain text without what the tokenizer puts behind a whole one; a
  /// conversation ends with the generation prompt.
  std::vector<TokenId> prompt(const Prompt& prompt) const;

  /// Prompt and response as the reward model sees them. The last id is the end-of-sequence token: appended to
  /// plain text unless it is there, and what the template puts after the answer's end is cut.
  std::vector<TokenId> prompt_and_response(const Prompt& prompt, const std::string& response) const;

  /// A demonstration with its supervised tokens: those that cover a byte of a supervised text, found by
  /// tokenising the whole text with offsets, and the end-of-sequence token appended to a plain completion.
  /// `border_by_prompt_length` cuts at the length of the prompt tokenised alone instead, as TRL does.
  SupervisedEncoding demonstration(const Demonstration& demonstration,
                                   bool border_by_prompt_length = false) const;

 private:
  SupervisedEncoding supervise_spans(const std::string& text, const std::vector<ByteSpan>& spans,
                                     bool chat) const;
  size_t prompt_length(const Demonstration& demonstration) const;  // of the prompt tokenised alone
  std::string render(const Conversation& messages, bool add_generation_prompt) const;

  Tokenizer tokenizer_;
  std::optional<ChatTemplate> chat_template_;
  std::string template_problem_;  // why the model's chat template cannot be used; empty when it can
};

}  // namespace rlhf
