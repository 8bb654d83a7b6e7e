#include "text/tokenizer_roles.h"

#include <algorithm>

#include "text/json_field.h"

namespace rlhf {

namespace {

using Files = std::map<std::string, std::string>;

/// One of the files, parsed; an empty object when it is not there.
struct Document {
  Document(const Files& files, const std::string& name, const std::string& where)
      : json(files.contains(name) ? JsonField::parse(files.at(name), where + name)
                                  : nlohmann::json::object()),
        root(json, where + name) {
    if (!json.is_object()) root.fail("must be an object");
  }
  nlohmann::json json;
  JsonField root;
};

/// A token is spelled as a string, or as an object with its content.
std::optional<std::string> token_text(const JsonField& field) {
  if (field.is_null()) return std::nullopt;
  return field.value().is_object() ? field.at("content").text() : field.text();
}

/// The ids under `key`: one or a list; those out of range left out.
std::vector<TokenId> ids_in_range(const JsonField& field, TokenId vocab_size) {
  std::vector<TokenId> ids;
  const auto add = [&](const JsonField& item) {
    if (!item.value().is_number_integer()) item.fail("must be a token id");
    if (item.value() >= 0 && item.value() < vocab_size) ids.push_back(item.value().get<TokenId>());
  };
  if (field.value().is_array()) {
    for (const JsonField& item : field.items()) add(item);
  } else if (!field.is_null()) {
    add(field);
  }
  return ids;
}

std::map<std::string, std::string> read_templates(const Files& files, const JsonField& tokenizer_config) {
  std::map<std::string, std::string> templates;
  const JsonField field = tokenizer_config.get("chat_template");
  if (field.value().is_array()) {
    for (const JsonField& item : field.items())
      templates[item.at("name").text()] = item.at("template").text();
  } else if (!field.is_null()) {
    templates["default"] = field.text();
  }
  if (const auto file = files.find("chat_template.jinja"); file != files.end())
    templates["default"] = file->second;
  return templates;
}

}  // namespace

TokenizerRoles read_roles(const Files& files, const std::string& where, const TokenLookup& look_up,
                          TokenId vocab_size) {
  const Document tokenizer_config(files, "tokenizer_config.json", where);
  const Document special_tokens(files, "special_tokens_map.json", where);
  const Document generation_config(files, "generation_config.json", where);
  const Document config(files, "config.json", where);

  const auto role = [&](const std::string& name, bool required) -> std::optional<TokenId> {
    for (const Document* document : {&tokenizer_config, &special_tokens}) {
      const JsonField field = document->root.get(name + "_token");
      const auto text = token_text(field);
      if (!text) continue;
      if (const auto id = look_up(*text)) return id;
      if (required) field.fail("\"" + *text + "\" is not a token of tokenizer.json");
    }
    for (const Document* document : {&generation_config, &config}) {
      const auto ids = ids_in_range(document->root.get(name + "_token_id"), vocab_size);
      if (!ids.empty()) return ids.front();
    }
    return std::nullopt;
  };
  TokenizerRoles roles;
  roles.bos = role("bos", true);
  roles.eos = role("eos", true);
  roles.pad = role("pad", true);
  roles.unk = role("unk", false);
  if (roles.eos) roles.eos_ids.push_back(*roles.eos);
  const JsonField from_generation = generation_config.root.get("eos_token_id");
  const JsonField all = from_generation.is_null() ? config.root.get("eos_token_id") : from_generation;
  for (const TokenId id : ids_in_range(all, vocab_size)) {
    if (std::find(roles.eos_ids.begin(), roles.eos_ids.end(), id) == roles.eos_ids.end())
      roles.eos_ids.push_back(id);
  }
  roles.chat_templates = read_templates(files, tokenizer_config.root);
  return roles;
}

}  // namespace rlhf
