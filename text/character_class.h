#pragma once
#include <cstdint>

namespace rlhf {

/// What the pre-tokenizers' patterns tell apart: \p{L}, \p{N}, \s and the rest.
enum class CharacterClass : uint8_t { kOther, kLetter, kNumber, kSpace };

/// Class of a code point by Unicode 16, the version Hugging Face tokenizers 0.23 splits by, whatever version
/// the system's libraries are of.
CharacterClass character_class(char32_t code_point);

/// What the Digits pre-tokenizer splits off: general category N by Unicode 17, Rust's char::is_numeric.
bool is_numeric(char32_t code_point);

/// \w of an added token's single_word: Alphabetic, M, Nd, Pc and the joiners (UTS 18, annex C).
bool is_word_character(char32_t code_point);

}  // namespace rlhf
