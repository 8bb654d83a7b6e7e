#pragma once
#include <cstddef>
#include <optional>
#include <string_view>

namespace rlhf {

/// The patterns that split text into words for the families we know, matched by hand: several times faster
/// than a regex engine and by the same Unicode version everywhere. Each covers its whole text.
enum class WordPattern { kGpt2, kLlama3, kQwen2 };

/// The pattern a regex in tokenizer.json spells, when it is one of them.
std::optional<WordPattern> known_word_pattern(std::string_view regex);

/// How a pattern is spelled in tokenizer.json.
std::string_view spelling(WordPattern pattern);

/// End of the word that starts at `begin` of valid UTF-8; begin < text.size().
size_t word_end(WordPattern pattern, std::string_view text, size_t begin);

}  // namespace rlhf
