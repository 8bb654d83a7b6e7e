#pragma once
#include <string>
#include <string_view>

namespace rlhf {

/// Puts `text` in the place of the first `mark` of a page; std::logic_error when there is none.
void fill_in(std::string& page, std::string_view mark, std::string_view text);

/// `json` as text that may stand inside a <script> element: no "<", ">" or "&" and no line separators are
/// left as they are.
std::string script_safe(std::string json);

}  // namespace rlhf
