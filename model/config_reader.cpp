#include "model/config_reader.h"

#include <cmath>
#include <set>

#include "contract/error.h"

namespace rlhf {

nlohmann::ordered_json parse_json_object(std::string_view text, const std::string& where) {
  using nlohmann::ordered_json;
  constexpr int kDeepest = 64;
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto watch = [&](int depth, ordered_json::parse_event_t event, ordered_json& parsed) {
    if (depth > kDeepest)
      throw UserError(where + ": nested deeper than " + std::to_string(kDeepest) + " levels");
    if (event == ordered_json::parse_event_t::object_start) keys.emplace_back();
    if (event == ordered_json::parse_event_t::object_end) keys.pop_back();
    if (event == ordered_json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second) {
      throw UserError(where + ": " + parsed.dump() + " is given twice");
    }
    return true;
  };
  // The parser takes a NUL for the end of its input.
  if (text.find('\0') != text.npos) throw UserError(where + ": broken JSON: it holds a NUL byte");
  ordered_json json;
  try {
    json = ordered_json::parse(text, watch);
  } catch (const ordered_json::exception& error) {
    throw UserError(where + ": broken JSON: " + error.what());
  }
  if (!json.is_object()) throw UserError(where + ": not a JSON object");
  return json;
}

void ConfigReader::fail(const std::string& message) const {
  throw UserError(where_ + ": " + message);
}

bool ConfigReader::has(const std::string& key) const {
  const auto found = object_.find(key);
  return found != object_.end() && !found->is_null();
}

const nlohmann::ordered_json& ConfigReader::value(const std::string& key) const {
  if (!has(key)) fail("the key \"" + key + "\" is missing");
  return *object_.find(key);
}

int64_t ConfigReader::size(const std::string& key) const {
  const nlohmann::ordered_json& json = value(key);
  // Unsigned first: a number above 2^63 would wrap when read as signed.
  const bool fits = json.is_number_unsigned() ? json.get<uint64_t>() <= static_cast<uint64_t>(kLargestSize)
                                              : json.is_number_integer();
  if (!fits || json.get<int64_t>() < 1) {
    fail("\"" + key + "\" is " + json.dump() + ", but an integer from 1 to " + std::to_string(kLargestSize) +
         " is needed");
  }
  return json.get<int64_t>();
}

int64_t ConfigReader::size(const std::string& key, int64_t fallback) const {
  return has(key) ? size(key) : fallback;
}

double ConfigReader::number(const std::string& key) const {
  const nlohmann::ordered_json& json = value(key);
  if (!json.is_number() || !std::isfinite(json.get<double>())) {
    fail("\"" + key + "\" is " + json.dump() + ", but a number is needed");
  }
  return json.get<double>();
}

double ConfigReader::number(const std::string& key, double fallback) const {
  return has(key) ? number(key) : fallback;
}

bool ConfigReader::flag(const std::string& key, bool fallback) const {
  if (!has(key)) return fallback;
  if (!value(key).is_boolean())
    fail("\"" + key + "\" is " + value(key).dump() + ", but true or false is needed");
  return value(key).get<bool>();
}

std::string ConfigReader::text(const std::string& key) const {
  if (!value(key).is_string()) fail("\"" + key + "\" is " + value(key).dump() + ", but a string is needed");
  return value(key).get<std::string>();
}

std::string ConfigReader::text(const std::string& key, const std::string& fallback) const {
  return has(key) ? text(key) : fallback;
}

ConfigReader ConfigReader::object(const std::string& key) const {
  if (!value(key).is_object()) fail("\"" + key + "\" is " + value(key).dump() + ", but an object is needed");
  return ConfigReader(value(key), where_ + ": " + key);
}

std::vector<TokenId> ConfigReader::token_ids(const std::string& key, int64_t vocab_size) const {
  std::vector<TokenId> ids;
  if (!has(key)) return ids;
  const nlohmann::ordered_json& json = value(key);
  for (const nlohmann::ordered_json& id : json.is_array() ? json : nlohmann::ordered_json::array({json})) {
    if (!id.is_number_integer()) fail("\"" + key + "\" holds " + id.dump() + ", but token ids are integers");
    const bool huge = id.is_number_unsigned() && id.get<uint64_t>() >= static_cast<uint64_t>(vocab_size);
    if (!huge && id.get<int64_t>() >= 0 && id.get<int64_t>() < vocab_size) {
      ids.push_back(static_cast<TokenId>(id.get<int64_t>()));
    }
  }
  return ids;
}

}  // namespace rlhf
