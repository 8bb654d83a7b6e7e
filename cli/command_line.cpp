#include "cli/command_line.h"

#include <algorithm>
#include <iostream>
#include <new>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/config_file.h"
#include "cli/effective_config.h"
#include "contract/error.h"

namespace rlhf {
namespace {

// --print_config stands before the callbacks run, so it is taken out and answered here.
bool take_flag(std::vector<std::string>& arguments, const std::string& flag) {
  return std::erase(arguments, flag) > 0;
}

// CLI11 says of a word that is no command only that a command is needed.
void require_known_command(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* command = &app;
  for (const std::string& word : arguments) {
    if (command->get_require_subcommand_min() == 0 || word.starts_with("-")) return;
    const auto found = command->get_subcommands([&](const CLI::App* one) { return one->get_name() == word; });
    if (found.empty())
      throw UserError("there is no command '" + word + "'; rlhf --help and rlhf COMMAND --help list them");
    command = found.front();
  }
}

const CLI::App& innermost(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : innermost(*chosen.front());
}

// CLI11 takes the text of a flag without a variable as a named constant only.
const std::string kConfigHelp = "TOML file of flags and values; the command line wins";
const std::string kPrintConfigHelp = "print the settings in force as TOML and do nothing";

void add_config_flags(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    command->add_option("--config", kConfigHelp);
    command->add_flag("--print_config", kPrintConfigHelp);
    add_config_flags(*command);
  }
}

int parse_and_run(std::vector<std::string> arguments) {
  CLI::App app("rlhf: from text to an aligned policy", "rlhf");
  app.set_version_flag("--version", "rlhf " RLHF_VERSION);
  app.require_subcommand(1);
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  arguments = with_underscores(std::move(arguments));
  const bool print_config = take_flag(arguments, "--print_config");
  arguments = expand_config_file(arguments);
  add_commands(app);
  add_config_flags(app);
  require_known_command(app, arguments);
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  // Before any command's own callback, which owns the flags its options are bound to.
  if (print_config)
    app.parse_complete_callback([&app] {
      std::cout << effective_config_toml(innermost(app));
      throw CLI::Success();
    });
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(error);
    std::cerr << "rlhf: " << error.what() << "\nTry 'rlhf --help' or 'rlhf COMMAND --help'.\n";
    return kExitUserError;
  }
  return kExitDone;
}

}  // namespace

int run_command_line(const std::vector<std::string>& arguments) {
  try {
    return parse_and_run(arguments);
  } catch (const CLI::ParseError& error) {
    std::cerr << "rlhf: " << error.what() << '\n';
    return kExitUserError;
  } catch (const UserError& error) {
    std::cerr << "rlhf: " << error.what() << '\n';
    return kExitUserError;
  } catch (const Interrupted& error) {
    std::cerr << "rlhf: " << error.what() << '\n';
    return kExitInterrupted;
  } catch (const std::bad_alloc&) {
    std::cerr << "rlhf: out of memory\n";
    return kExitWorldFailed;
  } catch (const std::exception& error) {
    std::cerr << "rlhf: " << error.what() << '\n';
    return kExitWorldFailed;
  }
}

}  // namespace rlhf
