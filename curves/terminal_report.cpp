#include "curves/terminal_report.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string_view>

#include <sys/ioctl.h>
#include <unistd.h>

#include "contract/error.h"
#include "curves/metric_catalog.h"
#include "curves/terminal_plot.h"

namespace rlhf {
namespace {

constexpr int kTwoAbreast = 110;
constexpr int kGap = 2;

bool any_has(const std::vector<Run>& runs, const std::string& metric) {
  return std::any_of(runs.begin(), runs.end(), [&](const Run& run) { return run.metrics.contains(metric); });
}

std::vector<std::string> chosen_metrics(const std::vector<Run>& runs,
                                        const std::vector<std::string>& wanted) {
  for (const auto& name : wanted) {
    if (!any_has(runs, name)) throw UserError("--metrics: no run has \"" + name + "\"");
  }
  if (!wanted.empty()) return wanted;
  std::vector<std::string> chosen;
  for (const auto& card : metric_catalog()) {
    if (!card.headline) continue;
    for (const auto& name : {card.name, "eval_" + card.name}) {
      if (any_has(runs, name)) chosen.push_back(name);
    }
  }
  return chosen;
}

/// first -> mean of the last ten, or of the last fifth of a short run; of what is finite
std::string first_and_last(const MetricSeries& series) {
  std::vector<double> finite;
  for (const double value : series.values) {
    if (std::isfinite(value)) finite.push_back(value);
  }
  if (finite.empty()) return "nan";
  const std::size_t count = std::min<std::size_t>(10, (finite.size() + 4) / 5);
  double sum = 0;
  for (std::size_t i = finite.size() - count; i < finite.size(); ++i) sum += finite[i];
  return short_number(finite.front(), 3) + " -> " + short_number(sum / static_cast<double>(count), 3);
}

std::vector<std::string> metric_plot(const std::vector<Run>& runs, const std::string& metric,
                                     const ReportOptions& options, int width) {
  PlotOptions plot;
  plot.width = width;
  plot.color = options.color;
  plot.unicode = options.unicode;
  plot.title = metric;
  std::vector<PlotLine> lines;
  for (const auto& run : runs) {
    auto& line = lines.emplace_back();
    const auto found = run.metrics.find(metric);
    if (found == run.metrics.end()) continue;  // an empty line keeps every run its colour
    const auto& series = found->second;
    const std::size_t window =
        options.smooth > 0 ? options.smooth : std::max<std::size_t>(1, series.values.size() / 20);
    line.x.assign(series.steps.begin(), series.steps.end());
    line.y = moving_mean(series.values, window);
    plot.title += (plot.title == metric ? "   " : ",  ") + first_and_last(series);
    const auto target = run.metrics.find("objective/kl_target");
    if (metric == "objective/kl" && target != run.metrics.end())
      plot.reference = target->second.values.back();
  }
  return plot_lines(lines, plot);
}

std::string legend(const std::vector<Run>& runs, const ReportOptions& options) {
  PlotOptions plot;
  plot.color = options.color;
  plot.unicode = options.unicode;
  std::string text;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    int64_t last = 0;
    for (const auto& [name, series] : runs[i].metrics) last = std::max(last, series.steps.back());
    const std::string mark = runs.size() == 1 && !options.color ? "" : plot_mark(i, plot) + " ";
    text += mark + runs[i].name + "  (" + std::to_string(last) + " steps)\n";
  }
  return text;
}

}  // namespace

std::string terminal_report(const std::vector<Run>& runs, const ReportOptions& options) {
  const auto metrics = chosen_metrics(runs, options.metrics);
  const bool two = options.width >= kTwoAbreast;
  const int width = two ? (options.width - kGap) / 2 : options.width;
  std::string text = legend(runs, options);
  for (std::size_t i = 0; i < metrics.size(); i += two ? 2 : 1) {
    const auto left = metric_plot(runs, metrics[i], options, width);
    const auto right = two && i + 1 < metrics.size() ? metric_plot(runs, metrics[i + 1], options, width)
                                                     : std::vector<std::string>{};
    text += "\n";
    for (std::size_t row = 0; row < std::max(left.size(), right.size()); ++row) {
      text += row < left.size() ? left[row] : std::string(static_cast<std::size_t>(width), ' ');
      if (row < right.size()) text += std::string(kGap, ' ') + right[row];
      text += "\n";
    }
  }
  return text;
}

ReportOptions terminal_options(int descriptor) {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  ReportOptions options;
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    options.width = size.ws_col;
  } else if (const int columns = std::atoi(variable("COLUMNS").c_str()); columns > 0) {
    options.width = columns;
  }
  options.color = ::isatty(descriptor) == 1 && variable("NO_COLOR").empty() && variable("TERM") != "dumb";
  std::string locale;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (locale.empty()) locale = variable(name);
  }
  std::transform(locale.begin(), locale.end(), locale.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  options.unicode = locale.find("utf-8") != std::string::npos || locale.find("utf8") != std::string::npos;
  return options;
}

}  // namespace rlhf
