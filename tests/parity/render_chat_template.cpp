// Renders chat templates for tests/parity/check_chat_templates.py. One JSON object a line on stdin:
// {"template", "variables", "messages", "tools", "add_generation_prompt"}; one on stdout: {"text",
// "generations"} or
// {"error"}. strftime_now formats 24 July 2026.
#include <iostream>

#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "text/jinja.h"

using Json = nlohmann::ordered_json;

static Json render(const Json& request) {
  std::tm date{};
  date.tm_year = 126;
  date.tm_mon = 6;
  date.tm_mday = 24;
  Json variables = request.at("variables");
  for (const char* name : {"messages", "tools", "add_generation_prompt"}) variables[name] = request.at(name);
  variables["documents"] = nullptr;
  try {
    const auto compiled = rlhf::JinjaTemplate::compile(request.at("template").get<std::string>());
    const rlhf::JinjaOutput output = compiled.render(variables, date);
    return {{"text", output.text}, {"generations", output.generations}};
  } catch (const rlhf::UserError& error) {
    return {{"error", error.what()}};
  }
}

int main() {
  for (std::string line; std::getline(std::cin, line);) std::cout << render(Json::parse(line)).dump() << '\n';
  return 0;
}
