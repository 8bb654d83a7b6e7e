#include "text/streaming_decoder.h"

#include "text/utf8.h"

namespace rlhf {

std::string StreamingDecoder::push(TokenId id) {
  if (skip_special_tokens_ && tokenizer_.is_special(id)) return {};
  held_ += tokenizer_.token_bytes(id);
  std::string text;
  held_.erase(0, append_valid_utf8(held_, false, text));
  return text;
}

std::string StreamingDecoder::finish() {
  std::string text;
  append_valid_utf8(held_, true, text);
  held_.clear();
  return text;
}

}  // namespace rlhf
