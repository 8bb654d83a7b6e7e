#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/tokenizer_definition.h"

namespace rlhf {

/// Finds added tokens in text, the leftmost first and of those the longest. Immutable; threads may share it.
class AddedTokenMatcher {
 public:
  /// A stretch of the text: an added token, or (id none) what lies between.
  struct Stretch {
    size_t begin, end;
    std::optional<TokenId> id;
  };

  /// Adds a token to be found where `content` stands, which for a normalized token is its normalized content.
  void add(const AddedToken& token, const std::string& content);

  /// Stretches in order; those of tokens may overlap what a token before them stripped, as in Hugging Face
  /// tokenizers. `text` is valid UTF-8.
  std::vector<Stretch> split(std::string_view text) const;

 private:
  /// A node of the byte trie of contents.
  struct Node {
    std::vector<std::pair<char, uint32_t>> children;
    std::optional<uint32_t> token;  ///< index into tokens_ of the content that ends here
  };
  struct Match {
    size_t end;
    uint32_t token;
  };
  const uint32_t* child(uint32_t node, char byte) const;
  std::optional<Match> longest_at(std::string_view text, size_t begin) const;

  std::vector<AddedToken> tokens_;
  std::vector<Node> nodes_{1};
  std::array<bool, 256> starts_{};  ///< whether a content starts with the byte
};

}  // namespace rlhf
