#include "text/normalizer.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <new>

#include <utf8proc.h>

#include "text/utf8.h"

namespace rlhf {

namespace {

constexpr char32_t kFirstAffected =
    0x300;  ///< below it every code point is already in form C and joins nothing before it
constexpr char32_t kCovered = 0x30000;  ///< beyond it nothing decomposes or combines

enum class Role : uint8_t {
  kStarts,  ///< nothing before it changes or is changed by it
  kJoins,   ///< may reorder or combine with what stands before
  kAlone,   ///< unknown to Unicode 9: changes nothing on either side
};

struct Range {
  char32_t first, last;
};

/// Combining marks and composable characters that came after Unicode 9. Made by
/// tests/parity/make_unicode_tables.py.
constexpr Range kUnknownToUnicode9[] = {
    // clang-format off
    {0x7FD, 0x7FD}, {0x897, 0x89F}, {0x8CA, 0x8D3}, {0x9FE, 0x9FE}, {0xC3C, 0xC3C}, {0xD3B, 0xD3C},
    {0xEBA, 0xEBA}, {0xECE, 0xECE}, {0x1715, 0x1715}, {0x1ABF, 0x1ACE}, {0x1DF6, 0x1DFA}, {0xA82C, 0xA82C},
    {0x10D24, 0x10D27}, {0x10D69, 0x10D6D}, {0x10EAB, 0x10EAC}, {0x10EFC, 0x10EFF}, {0x10F46, 0x10F50},
    {0x10F82, 0x10F85}, {0x11070, 0x11070}, {0x1133B, 0x1133B}, {0x11380, 0x113E2}, {0x1145E, 0x1145E},
    {0x11839, 0x1183A}, {0x11930, 0x11930}, {0x11938, 0x11938}, {0x1193D, 0x1193E}, {0x11943, 0x11943},
    {0x119E0, 0x119E0}, {0x11A34, 0x11A34}, {0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D42},
    {0x11D44, 0x11D45}, {0x11D97, 0x11D97}, {0x11F41, 0x11F42}, {0x16100, 0x16139}, {0x16D40, 0x16D79},
    {0x16FF0, 0x16FF1}, {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF},
    {0x1E4EC, 0x1E4EF}, {0x1E5EE, 0x1E5EF},
    // clang-format on
};

/// A code point joins what stands before it when it has a combining class, or comes second in a
/// decomposition.
std::vector<Role> make_roles() {
  std::vector<Role> roles(kCovered, Role::kStarts);
  for (char32_t c = kFirstAffected; c < kCovered; ++c) {
    const auto* property = utf8proc_get_property(static_cast<utf8proc_int32_t>(c));
    if (property->combining_class != 0) roles[c] = Role::kJoins;
  }
  std::array<utf8proc_int32_t, 32> parts{};
  for (char32_t c = 0xC0; c < kCovered; ++c) {
    int last_boundclass = 0;
    const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts.data(), parts.size(),
                                               UTF8PROC_DECOMPOSE, &last_boundclass);
    for (long i = 1; i < count; ++i) roles[static_cast<size_t>(parts[static_cast<size_t>(i)])] = Role::kJoins;
  }
  for (char32_t c = kFirstAffected; c < kCovered; ++c) {
    int last_boundclass = 0;
    const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts.data(), parts.size(),
                                               UTF8PROC_DECOMPOSE, &last_boundclass);
    if (count > 0 && roles[static_cast<size_t>(parts[0])] == Role::kJoins) roles[c] = Role::kJoins;
  }
  for (const Range& range : kUnknownToUnicode9) {
    for (char32_t c = range.first; c <= range.last; ++c) roles[c] = Role::kAlone;
  }
  return roles;
}

Role role_of(char32_t c) {
  static const std::vector<Role> roles = make_roles();
  return c < kFirstAffected || c >= kCovered ? Role::kStarts : roles[c];
}

bool below_affected(std::string_view text) {
  // U+0300 is CC 80; every lead byte below it belongs to a smaller code point.
  return std::all_of(text.begin(), text.end(), [](char byte) {
    const auto b = static_cast<unsigned char>(byte);
    return b < 0xCC;
  });
}

/// End of the segment that starts at `begin`: normalizing segments one by one normalizes the whole.
size_t segment_end(std::string_view text, size_t begin) {
  CodePoint c = code_point_at(text, begin);
  size_t end = begin + c.length;
  if (role_of(c.value) == Role::kAlone) return end;
  while (end < text.size()) {
    c = code_point_at(text, end);
    if (role_of(c.value) != Role::kJoins) break;
    end += c.length;
  }
  return end;
}

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

/// Form C of one segment, appended to `out`.
void append_nfc(std::string_view segment, std::string& out) {
  const CodePoint first = code_point_at(segment, 0);
  if (first.value < kFirstAffected && first.length == segment.size()) {
    out += segment;
    return;
  }
  if (role_of(first.value) == Role::kAlone) {
    out += segment;
    return;
  }
  utf8proc_uint8_t* result = nullptr;
  const auto length = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(segment.data()),
                                   static_cast<utf8proc_ssize_t>(segment.size()), &result,
                                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, Free> owned(result);
  if (length < 0) throw std::bad_alloc();  // valid UTF-8 leaves no other cause
  out.append(reinterpret_cast<const char*>(result), static_cast<size_t>(length));
}

}  // namespace

NormalizedText::NormalizedText(std::string_view source, bool nfc) : source_(source) {
  if (!nfc || below_affected(source)) return;
  normalized_.reserve(source.size());
  for (size_t begin = 0; begin < source.size();) {
    const size_t end = segment_end(source, begin);
    append(source.substr(begin, end - begin), begin);
    begin = end;
  }
  changed_ = normalized_ != source;
  if (!changed_) stretches_.clear();
}

void NormalizedText::append(std::string_view segment, size_t source_begin) {
  const size_t begin = normalized_.size();
  append_nfc(segment, normalized_);
  const size_t length = normalized_.size() - begin;
  const bool same = std::string_view(normalized_).substr(begin) == segment;
  if (same && !stretches_.empty() && stretches_.back().same) {
    stretches_.back().length += length;
    stretches_.back().source_length += length;
    return;
  }
  stretches_.push_back({begin, source_begin, segment.size(), length, same});
}

const NormalizedText::Stretch& NormalizedText::stretch_of(size_t position) const {
  const auto after = std::upper_bound(stretches_.begin(), stretches_.end(), position,
                                      [](size_t p, const Stretch& stretch) { return p < stretch.begin; });
  return *(after - 1);
}

size_t NormalizedText::source_begin(size_t position) const {
  if (!changed_) return position;
  if (position >= normalized_.size()) return source_.size();
  const Stretch& stretch = stretch_of(position);
  return stretch.source_begin + (stretch.same ? position - stretch.begin : 0);
}

size_t NormalizedText::source_end(size_t position) const {
  if (!changed_) return position;
  const Stretch& stretch = stretch_of(position - 1);
  return stretch.source_begin + (stretch.same ? position - stretch.begin : stretch.source_length);
}

std::string to_nfc(std::string_view text) {
  return std::string(NormalizedText(text, true).text());
}

}  // namespace rlhf
