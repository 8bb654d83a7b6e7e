#pragma once
#include <string>
#include <string_view>

#include "contract/prompt.h"
#include "contract/sha256.h"

namespace rlhf {

/// Unicode NFC, case folded, every run of white space one blank, none at the ends: texts that only differ so
/// are the same to the split. Throws UserError when `text` is not UTF-8.
std::string normalized_text(std::string_view text);

/// Throws the same.
void check_utf8(std::string_view text);

/// Of the text, or of the contents of the messages one after the other.
Sha256Digest normal_hash(const Prompt& prompt);
Sha256Digest normal_hash(std::string_view text);

/// The first 32 bits of the hash (big-endian) modulo 100: below 90 "train", below 95 "valid", else "test". So
/// a text is on one side for ever, in every ledger, with its variants in case and space.
const char* split_of(const Sha256Digest& normal_hash);

}  // namespace rlhf
