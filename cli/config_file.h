#pragma once
#include <string>
#include <vector>

namespace rlhf {

/// Replaces `--config FILE` among a command's arguments by the settings of the TOML file, as flags, leaving
/// out those that the arguments set themselves. UserError when the file cannot be read or is not such a file.
std::vector<std::string> expand_config_file(const std::vector<std::string>& arguments);

/// "--learning-rate" becomes "--learning_rate"; values and everything after "--" stay as they are.
std::vector<std::string> with_underscores(std::vector<std::string> arguments);

}  // namespace rlhf
