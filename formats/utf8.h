#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace rlhf {

/// Place of the first byte that is not part of valid UTF-8 (overlong forms and surrogates are not valid);
/// std::string_view::npos when all of `bytes` is.
std::size_t first_invalid_utf8(std::string_view bytes);

/// "not UTF-8 at byte 12", or empty when `bytes` are valid. A byte that looks like Windows-1252 is named,
/// with what to do.
std::string utf8_problem(std::string_view bytes);

/// True when nothing but white space (ASCII) is in `text`.
bool is_blank(std::string_view text);

}  // namespace rlhf
