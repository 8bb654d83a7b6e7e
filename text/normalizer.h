#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rlhf {

/// Text in normalization form C with the way back to the text it came from.
class NormalizedText {
 public:
  /// `source` must be valid UTF-8 and outlive this. `nfc` false keeps the text as it is, without a copy.
  NormalizedText(std::string_view source, bool nfc);

  std::string_view text() const { return changed_ ? std::string_view(normalized_) : source_; }
  /// First byte of the source that byte `position` of text() comes from; text().size() gives source.size().
  size_t source_begin(size_t position) const;
  /// One past the last byte of the source that the bytes before `position` of text() come from; position > 0.
  size_t source_end(size_t position) const;

 private:
  /// A stretch of text() that came from a stretch of the source. Stretches of equal length map byte by byte.
  struct Stretch {
    size_t begin, source_begin, source_length, length;
    bool same;
  };
  const Stretch& stretch_of(size_t position) const;
  void append(std::string_view segment, size_t source_begin);

  std::string_view source_;
  std::string normalized_;
  std::vector<Stretch> stretches_;  ///< ascending; empty when nothing changed
  bool changed_ = false;
};

/// Normalization form C as Hugging Face tokenizers computes it: by the tables of Unicode 9. Marks and
/// compositions that later versions added are left where they are, since a vocabulary was learned from text
/// treated that way. Source: Unicode Standard Annex 15.
std::string to_nfc(std::string_view text);

}  // namespace rlhf
