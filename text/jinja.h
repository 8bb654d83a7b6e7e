#pragma once
#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace rlhf {

/// What a template printed.
struct JinjaOutput {
  std::string text;
  std::vector<std::pair<std::size_t, std::size_t>>
      generations;  ///< byte ranges that {% generation %} blocks printed
};

/// A compiled template of the Jinja subset that chat templates use, rendered the way Hugging Face does:
/// trim_blocks, lstrip_blocks, loop controls, {% generation %} blocks, its own tojson, and the functions
/// namespace, range, dict, raise_exception and strftime_now.
/// https://jinja.palletsprojects.com/en/stable/templates/
///
/// Templates come from downloaded files and are not trusted: size, depth, work and memory are bounded,
/// nothing outside of the given variables can be reached. What is not supported is a UserError that names it
/// and its line: tags at compile(), filters, tests and methods when they are reached.
class JinjaTemplate {
 public:
  /// `origin` names the template in messages, e.g. its file.
  static JinjaTemplate compile(const std::string& source, std::string origin = "chat template");

  JinjaTemplate(JinjaTemplate&&) noexcept;
  JinjaTemplate& operator=(JinjaTemplate&&) noexcept;
  ~JinjaTemplate();

  /// Renders with the members of `variables` as global names; strftime_now formats `now`. May be called by
  /// several threads at once. Throws UserError, also with the message of the template's own raise_exception.
  JinjaOutput render(const nlohmann::ordered_json& variables, const std::tm& now) const;

  /// True when the template has a {% generation %} block anywhere.
  bool marks_generations() const;

 private:
  struct Compiled;
  explicit JinjaTemplate(std::unique_ptr<Compiled> compiled);
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace rlhf
