#pragma once
#include <string>

#include "text/tokenizer.h"

namespace rlhf {

/// Turns ids into text as they come. A character that is split over tokens is held back until it is whole, so
/// that every piece handed out is valid UTF-8, and all pieces together are Tokenizer::decode of all ids. One
/// thread.
class StreamingDecoder {
 public:
  explicit StreamingDecoder(Tokenizer tokenizer, bool skip_special_tokens = true)
      : tokenizer_(std::move(tokenizer)), skip_special_tokens_(skip_special_tokens) {}

  /// The text that `id` completes; often empty.
  std::string push(TokenId id);
  /// What is left: U+FFFD for a character cut by the end. The decoder is then as new.
  std::string finish();

 private:
  Tokenizer tokenizer_;
  bool skip_special_tokens_;
  std::string held_;  ///< the beginning of a character
};

}  // namespace rlhf
