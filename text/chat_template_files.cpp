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

/// Special tokens are strings, or objects with their "content".
nlohmann::ordered_json special_tokens(const nlohmann::ordered_json& config) {
  auto tokens = nlohmann::ordered_json::object();
  for (const char* name :
       {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}) {
    if (!config.contains(name)) continue;
    const auto& token = config[name];
    if (token.is_string()) tokens[name] = token;
    if (token.is_object() && token.contains("content") && token["content"].is_string())
      tokens[name] = token["content"];
  }
  return tokens;
}

/// The template inside tokenizer_config.json.
std::optional<std::string> template_of_config(const nlohmann::ordered_json& config,
                                              const std::string& origin) {
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

std::optional<ChatTemplate> ChatTemplate::from_files(const std::optional<std::string>& chat_template_jinja,
                                                     const std::optional<std::string>& tokenizer_config_json,
                                                     const std::string& origin) {
  const std::string config_name = origin + "tokenizer_config.json";
  auto config = nlohmann::ordered_json::object();
  if (tokenizer_config_json) {
    config = nlohmann::ordered_json::parse(*tokenizer_config_json, nullptr, false);
    if (!config.is_object()) throw UserError(config_name + " is not a JSON object");
  }
  if (chat_template_jinja) {
    return compile(*chat_template_jinja, special_tokens(config), origin + "chat_template.jinja");
  }
  const auto source = template_of_config(config, config_name);
  if (!source) return std::nullopt;
  return compile(*source, special_tokens(config), config_name + ", chat_template");
}

std::optional<ChatTemplate> ChatTemplate::from_folder(const fs::path& folder) {
  return from_files(read_optional(folder / "chat_template.jinja"),
                    read_optional(folder / "tokenizer_config.json"), (folder / "").string());
}

}  // namespace rlhf
