#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "contract/token.h"

namespace rlhf {

/// The largest value of a size in a config; products of two still fit in 64 bits.
inline constexpr int64_t kLargestSize = int64_t{1} << 24;

/// Parses one JSON object. UserError, naming `where`, for broken JSON, a key given twice, or nesting too deep
/// to write back (nlohmann's writer recurses).
nlohmann::ordered_json parse_json_object(std::string_view text, const std::string& where);

/// Typed look-ups in one object of config.json. Every UserError names the file and the key.
class ConfigReader {
 public:
  ConfigReader(const nlohmann::ordered_json& object, std::string where)
      : object_(object), where_(std::move(where)) {}

  /// False for an absent key and for null, which Hugging Face writes for "the default".
  bool has(const std::string& key) const;
  int64_t size(const std::string& key) const;  ///< an integer in [1, kLargestSize]; required
  int64_t size(const std::string& key, int64_t fallback) const;
  double number(const std::string& key) const;  ///< finite; required
  double number(const std::string& key, double fallback) const;
  bool flag(const std::string& key, bool fallback) const;
  std::string text(const std::string& key) const;
  std::string text(const std::string& key, const std::string& fallback) const;
  ConfigReader object(const std::string& key) const;
  const nlohmann::ordered_json& value(const std::string& key) const;  ///< required
  /// One id or a list of ids; ids outside [0, vocab_size), which old files use for "none", are left out.
  std::vector<TokenId> token_ids(const std::string& key, int64_t vocab_size) const;

  [[noreturn]] void fail(const std::string& message) const;
  const std::string& where() const { return where_; }

 private:
  const nlohmann::ordered_json& object_;
  std::string where_;
};

}  // namespace rlhf
