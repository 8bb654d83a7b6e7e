#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <array>

#include <pcre2.h>

#include "contract/error.h"
#include "text/utf8.h"

namespace rlhf {

namespace {

constexpr uint32_t kMatchLimit =
    10'000'000;  ///< steps of one match; patterns that need more are not for tokenizing

struct FreeMatchData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct FreeMatchContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

std::string message_of(int error) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

}  // namespace

struct Regex::Code {
  explicit Code(pcre2_code* compiled) : code(compiled) { pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); }
  ~Code() { pcre2_code_free(code); }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  pcre2_code* code;
};

Regex::Regex(const std::string& pattern) : pattern_(pattern) {
  const std::string translated = translate_regex(pattern);
  const std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> context(
      pcre2_compile_context_create(nullptr), pcre2_compile_context_free);
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE offset = 0;
  // Ruby's ^ and $ always match at line ends.
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                                   PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error,
                                   &offset, context.get());
  if (!code) throw UserError("the regex \"" + pattern + "\" does not compile: " + message_of(error));
  code_ = std::make_shared<const Code>(code);
}

Regex Regex::literal(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const bool word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (!word && static_cast<unsigned char>(c) < 0x80 && c > ' ') escaped += '\\';
    escaped += c;
  }
  return Regex(escaped);
}

void Regex::find_all(std::string_view text, const std::function<void(size_t, size_t)>& on_match) const {
  const std::unique_ptr<pcre2_match_data, FreeMatchData> match(
      pcre2_match_data_create_from_pattern(code_->code, nullptr));
  const std::unique_ptr<pcre2_match_context, FreeMatchContext> context(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(context.get(), kMatchLimit);
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  size_t start = 0, last_end = std::string_view::npos;
  while (start <= text.size()) {
    const auto attempt = [&](uint32_t options) {
      return pcre2_match(code_->code, subject, text.size(), start, PCRE2_NO_UTF_CHECK | options, match.get(),
                         context.get());
    };
    int found = attempt(0);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT) found = attempt(PCRE2_NO_JIT);
    if (found == PCRE2_ERROR_NOMATCH) return;
    if (found < 0) throw UserError("the regex \"" + pattern_ + "\" cannot be matched: " + message_of(found));
    const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(match.get());
    const size_t begin = bounds[0], end = bounds[1];
    if (begin == end && end == last_end) {
      start += start < text.size() ? code_point_at(text, start).length : 1;
      continue;
    }
    on_match(begin, end);
    start = last_end = end;
  }
}

}  // namespace rlhf
