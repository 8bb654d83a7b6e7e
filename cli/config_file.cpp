#include "cli/config_file.h"

#include <algorithm>
#include <fstream>
#include <set>

#include <CLI/CLI.hpp>

#include "contract/error.h"

namespace rlhf {
namespace {

std::string flag_name(const std::string& argument) {
  return argument.substr(0, argument.find('='));
}

std::vector<std::string> read_settings(const std::string& path, const std::set<std::string>& given) {
  std::ifstream file(path);
  if (!file) throw UserError("cannot read " + path + ", which --config names");
  std::vector<CLI::ConfigItem> items;
  try {
    items = CLI::ConfigTOML().from_config(file);
  } catch (const CLI::Error& error) {
    throw UserError(path + ": " + error.what());
  }
  std::vector<std::string> arguments;
  for (const CLI::ConfigItem& item : items) {
    if (item.name == "++" || item.name == "--") continue;  // CLI11's marks for the borders of sections
    if (!item.parents.empty())
      throw UserError(path + ": section [" + item.parents.front() +
                      "] is not used: write the flags of one command, one a line");
    const std::string flag = with_underscores({"--" + item.name}).front();
    if (given.contains(flag)) continue;
    if (item.inputs.size() == 1) {
      arguments.push_back(flag + "=" + item.inputs.front());
    } else {
      arguments.push_back(flag);
      arguments.insert(arguments.end(), item.inputs.begin(), item.inputs.end());
    }
  }
  return arguments;
}

}  // namespace

std::vector<std::string> with_underscores(std::vector<std::string> arguments) {
  for (std::string& argument : arguments) {
    if (argument == "--") break;
    if (!argument.starts_with("--")) continue;
    const auto end =
        argument.begin() + static_cast<std::ptrdiff_t>(std::min(argument.find('='), argument.size()));
    std::replace(argument.begin() + 2, end, '-', '_');
  }
  return arguments;
}

std::vector<std::string> expand_config_file(const std::vector<std::string>& arguments) {
  std::vector<std::string> expanded;
  std::string path;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (flag_name(arguments[i]) != "--config") {
      expanded.push_back(arguments[i]);
    } else if (arguments[i].size() > 8) {
      path = arguments[i].substr(9);
    } else if (++i < arguments.size()) {
      path = arguments[i];
    } else {
      throw UserError("--config wants a file");
    }
  }
  if (path.empty()) return expanded;
  std::set<std::string> given;
  for (const std::string& argument : expanded)
    if (argument.starts_with("--")) given.insert(flag_name(argument));
  const std::vector<std::string> settings = read_settings(path, given);
  expanded.insert(expanded.end(), settings.begin(), settings.end());
  return expanded;
}

}  // namespace rlhf
