#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace rlhf {

/// The printable character that stands for each byte in the vocabulary of a byte-level BPE, as UTF-8.
/// Source: the GPT-2 release, encoder.py, bytes_to_unicode: printable Latin-1 bytes stand for themselves, the
/// other 68 for U+0100 and up in order.
const std::array<std::string, 256>& byte_alphabet();

/// The same bytes in the order of their characters, which is the order in which an alphabet enters a
/// vocabulary.
const std::array<unsigned char, 256>& bytes_in_alphabet_order();

/// The token a byte string is spelled as.
std::string bytes_to_token(std::string_view bytes);

/// The bytes a token stands for; nothing when a character is not of the alphabet. The token is valid UTF-8.
std::optional<std::string> token_to_bytes(std::string_view token);

}  // namespace rlhf
