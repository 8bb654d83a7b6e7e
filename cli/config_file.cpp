#include "cli/config_file.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include <CLI/CLI.hpp>

#include "contract/error.h"

namespace rlhf {
namespace {

std::string flag_name(const std::string& argument) {
  return argument.substr(0, argument.find('='));
}

// CLI11 would take a # inside quotes for the beginning of a comment.
std::string without_comments(std::istream& file) {
  std::string text;
  for (std::string line; std::getline(file, line);) {
    char quote = 0;
    size_t end = 0;
    for (; end < line.size() && (quote != 0 || line[end] != '#'); ++end) {
      const char c = line[end];
      if (quote == '"' && c == '\\') {
        ++end;
      } else if (quote == 0 && (c == '"' || c == '\'')) {
        quote = c;
      } else if (c == quote) {
        quote = 0;
      }
    }
    text += line.substr(0, end) + '\n';
  }
  return text;
}

/// UserError for a key with nothing behind its =, which CLI11 takes for an empty text.
void require_values(const std::string& path, const std::string& text) {
  std::istringstream lines(text);
  size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const size_t equals = line.find('='), key = line.find_first_not_of(" \t");
    if (equals == std::string::npos || line.find_first_not_of(" \t\r", equals + 1) != std::string::npos)
      continue;
    const size_t end = line.find_first_of(" \t=", key);
    throw UserError(path + ":" + std::to_string(number) + ": " + line.substr(key, end - key) +
                    " has no value");
  }
}

std::vector<std::string> read_settings(const std::string& path, const std::set<std::string>& given) {
  std::ifstream file(path);
  if (!file) throw UserError("cannot read " + path + ", which --config names");
  std::vector<CLI::ConfigItem> items;
  try {
    CLI::ConfigTOML toml;
    toml.comment('\0');
    const std::string settings = without_comments(file);
    require_values(path, settings);
    std::istringstream text(settings);
    items = toml.from_config(text);
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
    if (item.inputs.size() == 1 && !item.inputs.front().empty()) {
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
  // In front of the command line's own flags: the last one wins where a flag has two names.
  const auto first_flag = std::find_if(expanded.begin(), expanded.end(),
                                       [](const std::string& argument) { return argument.starts_with("-"); });
  expanded.insert(first_flag, settings.begin(), settings.end());
  return expanded;
}

}  // namespace rlhf
