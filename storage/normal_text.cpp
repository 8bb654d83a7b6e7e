#include "storage/normal_text.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include <utf8proc.h>

#include "contract/error.h"

namespace rlhf {

namespace {

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string folded_ascii(std::string_view text) {
  std::string folded(text);
  for (char& c : folded)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return folded;
}

std::string folded_utf8(std::string_view text) {
  utf8proc_uint8_t* result = nullptr;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
  const utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                             static_cast<utf8proc_ssize_t>(text.size()), &result, options);
  const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> owner(result, std::free);
  if (size < 0) throw UserError(std::string("text is not UTF-8: ") + utf8proc_errmsg(size));
  return {reinterpret_cast<const char*>(result), static_cast<std::size_t>(size)};
}

bool is_space(utf8proc_int32_t point) {
  if (point == ' ' || (point >= '\t' && point <= '\r') || point == 0x85) return true;
  if (point < 0x80) return false;
  const utf8proc_category_t category = utf8proc_category(point);
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
         category == UTF8PROC_CATEGORY_ZP;
}

/// `text` is UTF-8.
std::string with_single_blanks(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  bool pending = false;
  for (std::size_t at = 0; at < text.size();) {
    utf8proc_int32_t point = static_cast<unsigned char>(text[at]);
    utf8proc_ssize_t length = 1;
    if (point >= 0x80)
      length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at,
                                static_cast<utf8proc_ssize_t>(text.size() - at), &point);
    if (is_space(point)) {
      pending = !result.empty();
    } else {
      if (pending) result.push_back(' ');
      pending = false;
      result.append(text, at, static_cast<std::size_t>(length));
    }
    at += static_cast<std::size_t>(length);
  }
  return result;
}

}  // namespace

void check_utf8(std::string_view text) {
  if (!is_ascii(text)) folded_utf8(text);
}

std::string normalized_text(std::string_view text) {
  return with_single_blanks(is_ascii(text) ? folded_ascii(text) : folded_utf8(text));
}

Sha256Digest normal_hash(std::string_view text) {
  return sha256_digest(normalized_text(text));
}

Sha256Digest normal_hash(const Prompt& prompt) {
  if (!prompt.is_chat()) return normal_hash(prompt.text);
  std::string joined;
  for (const Message& message : prompt.messages) {
    if (!joined.empty()) joined.push_back('\n');
    joined += message.content;
  }
  return normal_hash(joined);
}

const char* split_of(const Sha256Digest& hash) {
  const uint32_t head = uint32_t{hash[0]} << 24 | uint32_t{hash[1]} << 16 | uint32_t{hash[2]} << 8 | hash[3];
  const uint32_t percent = head % 100;
  return percent < 90 ? "train" : percent < 95 ? "valid" : "test";
}

}  // namespace rlhf
