#pragma once
#include <set>
#include <string>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

namespace rlhf {

/// Every flag of a command with the value in force, by its canonical name: what run.json records. Flags in
/// `left_out` do not decide a run's bits.
nlohmann::ordered_json effective_config(const CLI::App& command, const std::set<std::string>& left_out = {});

/// The same as TOML, for --print_config; feeding it back through --config changes nothing.
std::string effective_config_toml(const CLI::App& command);

}  // namespace rlhf
