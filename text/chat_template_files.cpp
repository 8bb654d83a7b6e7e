// Finding the chat template of a model among its files.
#include <fstream>
#include <iterator>

#include "contract/error.h"
#include "text/chat_template.h"

namespace rlhf {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMaxFileBytes = std::uintmax_t{64} << 20;

std::optional<std::string> read_optional(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::nullopt;
  if (fs::file_size(path, ignored) > kMaxFileBytes) throw UserError(path.string() + " is larger than 64 MiB");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UserError("cannot read " + path.string());
  return std::string{std::istreambuf_iterator<char>(file), {}};
}

using nlohmann::ordered_json;

/// A special token is a string, or an object with its "content"; null where there is none.
ordered_json token_text(const ordered_json& json, const char* name) {
  if (!json.contains(name)) return nullptr;
  const ordered_json& token = json[name];
  if (token.is_string()) return token;
  const bool has_content = token.is_object() && token.contains("content") && token["content"].is_string();
  return has_content ? token["content"] : ordered_json(nullptr);
}

/// Of tokenizer_config.json, and of the map beside it what that leaves out.
ordered_json special_tokens(const ordered_json& config, const ordered_json& map) {
  auto tokens = ordered_json::object();
  for (const char* name :
       {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}) {
    for (const ordered_json* source : {&map, &config})
      if (const ordered_json text = token_text(*source, name); !text.is_null()) tokens[name] = text;
  }
  return tokens;
}

/// An empty object for no file.
ordered_json parse_object(const std::optional<std::string>& text, const std::string& name) {
  if (!text) return ordered_json::object();
  ordered_json json = ordered_json::parse(*text, nullptr, false);
  if (!json.is_object()) throw UserError(name + " is not a JSON object");
  return json;
}

/// The template inside tokenizer_config.json.
std::optional<std::string> template_of_config(const ordered_json& config, const std::string& origin) {
  if (!config.contains("chat_template") || config["chat_template"].is_null()) return std::nullopt;
  const auto& value = config["chat_template"];
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) throw UserError(origin + ": \"chat_template\" is neither a string nor a list");
  for (const auto& entry : value) {
    const bool named = entry.is_object() && entry.contains("name") && entry.contains("template");
    if (named && entry["name"] == "default" && entry["template"].is_string())
      return entry["template"].get<std::string>();
  }
  throw UserError(origin + ": \"chat_template\" is a list without a template named \"default\"");
}

}  // namespace

std::optional<ChatTemplate> ChatTemplate::from_files(
    const std::optional<std::string>& chat_template_jinja,
    const std::optional<std::string>& tokenizer_config_json,
    const std::optional<std::string>& special_tokens_map_json, const std::string& origin) {
  const std::string config_name = origin + "tokenizer_config.json";
  const ordered_json config = parse_object(tokenizer_config_json, config_name);
  const ordered_json tokens =
      special_tokens(config, parse_object(special_tokens_map_json, origin + "special_tokens_map.json"));
  if (chat_template_jinja) return compile(*chat_template_jinja, tokens, origin + "chat_template.jinja");
  const auto source = template_of_config(config, config_name);
  if (!source) return std::nullopt;
  return compile(*source, tokens, config_name + ", chat_template");
}

std::optional<ChatTemplate> ChatTemplate::from_folder(const fs::path& folder) {
  return from_files(read_optional(folder / "chat_template.jinja"),
                    read_optional(folder / "tokenizer_config.json"),
                    read_optional(folder / "special_tokens_map.json"), (folder / "").string());
}

}  // namespace rlhf
