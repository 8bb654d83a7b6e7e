#include "curves/page_text.h"

#include <stdexcept>

namespace rlhf {

void fill_in(std::string& page, std::string_view mark, std::string_view text) {
  const std::size_t at = page.find(mark);
  if (at == std::string::npos) throw std::logic_error("the page lacks " + std::string(mark));
  page.replace(at, mark.size(), text);
}

std::string script_safe(std::string json) {
  std::string safe;
  safe.reserve(json.size());
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    const bool separator = json.compare(i, 2, "\xe2\x80") == 0 && i + 2 < json.size() &&
                           (json[i + 2] == '\xa8' || json[i + 2] == '\xa9');  // U+2028, U+2029
    if (separator) {
      safe += json[i + 2] == '\xa8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else if (c == '<' || c == '>' || c == '&') {
      safe += c == '<' ? "\\u003c" : c == '>' ? "\\u003e" : "\\u0026";
    } else {
      safe += c;
    }
  }
  return safe;
}

}  // namespace rlhf
