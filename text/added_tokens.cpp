#include "text/added_tokens.h"

#include <algorithm>

#include "text/character_class.h"
#include "text/utf8.h"

namespace rlhf {

namespace {

bool is_space(char32_t c) {
  return character_class(c) == CharacterClass::kSpace;
}

bool touches_word(std::string_view text, size_t begin, size_t end) {
  const bool before =
      begin > 0 && is_word_character(code_point_at(text, code_point_before(text, begin)).value);
  return before || (end < text.size() && is_word_character(code_point_at(text, end).value));
}

size_t strip_left(std::string_view text, size_t begin) {
  while (begin > 0) {
    const size_t before = code_point_before(text, begin);
    if (!is_space(code_point_at(text, before).value)) break;
    begin = before;
  }
  return begin;
}

size_t strip_right(std::string_view text, size_t end) {
  while (end < text.size()) {
    const CodePoint c = code_point_at(text, end);
    if (!is_space(c.value)) break;
    end += c.length;
  }
  return end;
}

}  // namespace

void AddedTokenMatcher::add(const AddedToken& token, const std::string& content) {
  uint32_t node = 0;
  for (const char byte : content) {
    if (const uint32_t* known = child(node, byte)) {
      node = *known;
      continue;
    }
    const auto made = static_cast<uint32_t>(nodes_.size());
    nodes_[node].children.emplace_back(byte, made);
    nodes_.emplace_back();
    node = made;
  }
  nodes_[node].token = static_cast<uint32_t>(tokens_.size());
  tokens_.push_back(token);
  starts_[static_cast<unsigned char>(content.front())] = true;
}

const uint32_t* AddedTokenMatcher::child(uint32_t node, char byte) const {
  for (const auto& [label, target] : nodes_[node].children) {
    if (label == byte) return &target;
  }
  return nullptr;
}

std::optional<AddedTokenMatcher::Match> AddedTokenMatcher::longest_at(std::string_view text,
                                                                      size_t begin) const {
  if (!starts_[static_cast<unsigned char>(text[begin])]) return std::nullopt;
  std::optional<Match> longest;
  uint32_t node = 0;
  for (size_t i = begin; i < text.size(); ++i) {
    const uint32_t* next = child(node, text[i]);
    if (!next) break;
    node = *next;
    if (nodes_[node].token) longest = Match{i + 1, *nodes_[node].token};
  }
  return longest;
}

std::vector<AddedTokenMatcher::Stretch> AddedTokenMatcher::split(std::string_view text) const {
  std::vector<Stretch> stretches;
  size_t done = 0;
  for (size_t position = 0; !tokens_.empty() && position < text.size();) {
    const auto match = longest_at(text, position);
    if (!match) {
      ++position;
      continue;
    }
    size_t begin = position, end = match->end;
    position = match->end;  // the search goes on behind the match itself, whatever is stripped around it
    const AddedToken& token = tokens_[match->token];
    if (token.single_word && touches_word(text, begin, end)) continue;
    if (token.lstrip) begin = std::max(strip_left(text, begin), done);
    if (token.rstrip) end = strip_right(text, end);
    if (done < begin) stretches.push_back({done, begin, std::nullopt});
    stretches.push_back({begin, end, token.id});
    done = end;
  }
  if (done != text.size()) stretches.push_back({done, text.size(), std::nullopt});
  return stretches;
}

}  // namespace rlhf
