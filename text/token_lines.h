#pragma once
#include <cstdint>
#include <iosfwd>

#include "text/tokenizer.h"

namespace rlhf {

/// How `rlhf tokenizer encode` and `decode` read and write their lines.
struct TokenLinesOptions {
  bool jsonl = false;  ///< text is one JSON string per line, so that it may hold newlines
  bool no_special_tokens =
      false;  ///< leave out (or do not expect) what the post-processor puts around a text
  bool skip_special_tokens = false;  ///< decode: leave out every special token, those inside the text too
  int threads = 1;
};

/// Reads lines of text, writes a JSON array of ids per line. Returns how many bytes were dropped for want of
/// a token. Throws UserError naming the line that is not UTF-8 or, with jsonl, not a JSON string.
uint64_t encode_lines(const Tokenizer& tokenizer, std::istream& in, std::ostream& out,
                      const TokenLinesOptions& options);

/// The inverse: reads JSON arrays of ids, writes text. Throws UserError naming the line that is no array of
/// known ids.
void decode_lines(const Tokenizer& tokenizer, std::istream& in, std::ostream& out,
                  const TokenLinesOptions& options);

}  // namespace rlhf
