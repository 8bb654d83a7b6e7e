#include "cli/commands.h"

#include <CLI/CLI.hpp>

namespace rlhf {

void add_commands(CLI::App& app) { (void)app; }

void for_each_command(CLI::App& app, const std::function<void(CLI::App&)>& visit) {
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    visit(*command);
    for_each_command(*command, visit);
  }
}

}  // namespace rlhf
