#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace rlhf {

/// A regular expression as tokenizer.json spells it (Oniguruma, Ruby syntax), matched by PCRE2 with the same
/// meaning: \s, \w, \h and scripts are translated where the two engines differ; what cannot be is refused by
/// name. Immutable; threads may share it.
class Regex {
 public:
  /// Throws UserError, quoting the pattern, when it does not compile or uses something untranslatable.
  explicit Regex(const std::string& pattern);
  /// A literal text as a pattern.
  static Regex literal(std::string_view text);

  /// Calls `on_match(begin, end)` for each match in order, as Oniguruma's find_iter does: an empty match
  /// right after the last one is not a match. `text` is valid UTF-8. Throws UserError when a match takes too
  /// many steps.
  void find_all(std::string_view text, const std::function<void(size_t, size_t)>& on_match) const;

 private:
  struct Code;
  std::shared_ptr<const Code> code_;
  std::string pattern_;
};

/// The PCRE2 spelling of an Oniguruma pattern. Throws UserError for what has none.
std::string translate_regex(std::string_view pattern);

}  // namespace rlhf
