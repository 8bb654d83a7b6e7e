#include "text/token_lines.h"

#include <algorithm>
#include <istream>
#include <ostream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "text/json_field.h"
#include "text/utf8.h"

namespace rlhf {

namespace {

constexpr size_t kLinesAtATime = 4096;

std::string line_name(size_t number) {
  return "line " + std::to_string(number);
}

std::string text_of(const std::string& line, size_t number, bool jsonl) {
  if (jsonl) {
    const nlohmann::json value = JsonField::parse(line, line_name(number));
    return JsonField(value, line_name(number)).text();
  }
  if (const size_t invalid = find_invalid_utf8(line); invalid != std::string::npos) {
    throw UserError(line_name(number) + ": not valid UTF-8 at byte " + std::to_string(invalid));
  }
  return line;
}

void write_ids(std::ostream& out, const std::vector<TokenId>& ids) {
  std::string line = "[";
  for (const TokenId id : ids) {
    if (line.size() > 1) line += ", ";
    line += std::to_string(id);
  }
  out << line << "]\n";
}

std::vector<TokenId> ids_of(const std::string& line, size_t number, const Tokenizer& tokenizer) {
  const nlohmann::json array = JsonField::parse(line, line_name(number));
  std::vector<TokenId> ids;
  for (const JsonField& item : JsonField(array, line_name(number)).items()) {
    const TokenId id = item.token_id();
    if (tokenizer.id_to_token(id).empty()) item.fail("no token has id " + std::to_string(id));
    ids.push_back(id);
  }
  return ids;
}

/// Takes off what encode put around the text.
void strip_template(const Tokenizer& tokenizer, std::vector<TokenId>& ids) {
  const auto& prefix = tokenizer.prefix_ids();
  const auto& suffix = tokenizer.suffix_ids();
  const bool around = ids.size() >= prefix.size() + suffix.size() &&
                      std::equal(prefix.begin(), prefix.end(), ids.begin()) &&
                      std::equal(suffix.rbegin(), suffix.rend(), ids.rbegin());
  if (!around) return;
  ids.resize(ids.size() - suffix.size());
  ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(prefix.size()));
}

}  // namespace

uint64_t encode_lines(const Tokenizer& tokenizer, std::istream& in, std::ostream& out,
                      const TokenLinesOptions& options) {
  const uint64_t dropped_before = tokenizer.dropped_bytes();
  std::vector<std::string> texts;
  const auto flush = [&] {
    for (const auto& ids : tokenizer.encode_batch(texts, {!options.no_special_tokens}, options.threads)) {
      write_ids(out, ids);
    }
    texts.clear();
  };
  size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    texts.push_back(text_of(line, ++number, options.jsonl));
    if (texts.size() == kLinesAtATime) flush();
  }
  flush();
  return tokenizer.dropped_bytes() - dropped_before;
}

void decode_lines(const Tokenizer& tokenizer, std::istream& in, std::ostream& out,
                  const TokenLinesOptions& options) {
  size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    auto ids = ids_of(line, ++number, tokenizer);
    if (!options.no_special_tokens) strip_template(tokenizer, ids);
    const std::string text = tokenizer.decode(ids, options.skip_special_tokens);
    out << (options.jsonl ? nlohmann::json(text).dump() : text) << "\n";
  }
}

}  // namespace rlhf
