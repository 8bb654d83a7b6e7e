#include "cli/effective_config.h"

#include <CLI/CLI.hpp>

namespace rlhf {
namespace {

bool is_setting(const CLI::Option& option) {
  const std::string name = option.get_single_name();
  return option.nonpositional() && name != "help" && name != "config" && name != "print_config";
}

nlohmann::ordered_json value_of(const CLI::Option& option) {
  // A switch may be given as --packing=false.
  if (option.get_expected_max() == 0) return option.count() > 0 && option.as<bool>();
  if (option.get_items_expected_max() > 1) return option.results();
  if (option.count() > 0) return option.results().back();
  return option.get_default_str();
}

}  // namespace

nlohmann::ordered_json effective_config(const CLI::App& command, const std::set<std::string>& left_out) {
  auto config = nlohmann::ordered_json::object();
  for (const CLI::Option* option : command.get_options())
    if (is_setting(*option) && !left_out.contains(option->get_single_name()))
      config[option->get_single_name()] = value_of(*option);
  return config;
}

std::string effective_config_toml(const CLI::App& command) {
  std::string toml;
  const nlohmann::ordered_json config = effective_config(command);
  for (const auto& [name, value] : config.items()) {
    if (value.is_null() || (value.is_string() && value.get<std::string>().empty()) ||
        (value.is_array() && value.empty()))
      continue;
    toml += name + " = " + value.dump() + "\n";
  }
  return toml;
}

}  // namespace rlhf
