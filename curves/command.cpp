#include "curves/command.h"

#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "curves/append_file.h"
#include "curves/html_page.h"
#include "curves/run_reader.h"
#include "curves/terminal_report.h"
#include "log/log.h"

namespace rlhf {
namespace {

struct CurvesFlags {
  std::vector<std::string> runs;
  std::string html;
  std::size_t smooth = 0;
  std::vector<std::string> metrics;
};

void show_curves(const CurvesFlags& flags) {
  const auto runs = read_runs({flags.runs.begin(), flags.runs.end()});
  if (flags.html.empty()) {
    ReportOptions options = terminal_options(STDOUT_FILENO);
    options.smooth = flags.smooth;
    options.metrics = flags.metrics;
    std::cout << terminal_report(runs, options) << std::flush;
    return;
  }
  PageOptions options;
  options.smooth = flags.smooth;
  options.metrics = flags.metrics;
  const std::string page = html_page(runs, options);
  if (flags.html == "-") {
    std::cout << page << std::flush;
    return;
  }
  write_whole_file(flags.html, page);
  log::info("wrote " + flags.html);
}

}  // namespace

void add_curves_command(CLI::App& app) {
  auto flags = std::make_shared<CurvesFlags>();
  CLI::App* command =
      app.add_subcommand("curves", "Plot what runs have logged, in the terminal or as one HTML page");
  command->add_option("runs", flags->runs, "Folders of runs, or folders that hold several")->required();
  command->add_option("--html", flags->html,
                      "Write a self-contained page to this file (- for stdout) instead of plotting here");
  command->add_option("--smooth", flags->smooth, "Points of the moving mean; 0 takes a twentieth of the run")
      ->capture_default_str();
  command
      ->add_option("--metrics", flags->metrics, "Only these, comma-separated; docs/metrics.md has the names")
      ->delimiter(',');
  command->callback([flags] { show_curves(*flags); });
}

}  // namespace rlhf
