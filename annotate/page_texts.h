#pragma once
#include <cstddef>
#include <optional>
#include <string>

namespace rlhf {

/// A part of a text that is handed out in pieces, so that a phone can show one of 10 MB.
struct TextPiece {
  std::string text;
  std::optional<std::size_t> next;  ///< where the next piece begins; nothing after the last
};

constexpr std::size_t kFirstPiece = 32 * 1024;
constexpr std::size_t kFurtherPiece = 1024 * 1024;

/// At most `size` bytes of `text` from `offset`, cut between characters. Empty past the end.
TextPiece piece_of(const std::string& text, std::size_t offset, std::size_t size);

}  // namespace rlhf
