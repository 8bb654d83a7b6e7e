#include "formats/text_file.h"

#include <string_view>

#include "contract/error.h"
#include "formats/byte_reader.h"
#include "formats/foreign_file.h"
#include "formats/utf8.h"

namespace rlhf {

namespace {

constexpr std::size_t kChunkBytes = 1UL << 20;
constexpr std::size_t kMaxTextBytes = 4UL << 30;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

void unify_line_ends(std::string& text) {
  std::size_t to = 0;
  for (std::size_t from = 0; from < text.size(); ++from) {
    if (text[from] == '\r' && from + 1 < text.size() && text[from + 1] == '\n') continue;
    text[to++] = text[from];
  }
  text.resize(to);
}

}  // namespace

std::string read_text_file(const std::string& path, std::string& text) {
  ByteReader reader(path);
  refuse_foreign_file(reader);
  text.clear();
  try {
    std::string chunk(kChunkBytes, '\0');
    while (const std::size_t got = reader.read(chunk.data(), chunk.size())) {
      if (text.size() + got > kMaxTextBytes) return "larger than 4 GiB; split the file";
      text.append(chunk, 0, got);
    }
  } catch (const UserError& damage) {
    return damage.what();
  }
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  if (std::string problem = utf8_problem(text); !problem.empty()) return problem;
  unify_line_ends(text);
  return is_blank(text) ? "the file is empty" : "";
}

}  // namespace rlhf
