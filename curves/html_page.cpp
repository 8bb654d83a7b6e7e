#include "curves/html_page.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <set>
#include <string_view>

#include "contract/error.h"
#include "curves/metric_catalog.h"
#include "curves/page_parts.h"
#include "curves/page_text.h"

namespace rlhf {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMostPoints = 4000;
constexpr std::size_t kMostSamplesPerStep = 64;

/// Six significant digits are more than a screen shows; null where the value is not finite.
ordered_json page_number(double value) {
  if (!std::isfinite(value)) return nullptr;
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", value);
  return std::strtod(text, nullptr);
}

/// Means of `factor` neighbours; the step is the last one's.
ordered_json series_json(const MetricSeries& series, bool exact) {
  const std::size_t factor = (series.steps.size() + kMostPoints - 1) / kMostPoints;
  auto steps = ordered_json::array();
  auto values = ordered_json::array();
  for (std::size_t begin = 0; begin < series.steps.size(); begin += factor) {
    const std::size_t end = std::min(begin + factor, series.steps.size());
    double sum = 0;
    for (std::size_t i = begin; i < end; ++i) sum += series.values[i];
    const double mean = sum / static_cast<double>(end - begin);
    steps.push_back(series.steps[end - 1]);
    values.push_back(exact ? ordered_json(mean) : page_number(mean));
  }
  return {{"steps", std::move(steps)}, {"values", std::move(values)}, {"thinned", factor}};
}

std::string base_name(const std::string& metric) {
  return metric.starts_with("eval_") ? metric.substr(5) : metric;
}

/// Metrics to chart, as base names: the catalog's order, then whatever else was logged, by name.
std::vector<std::string> chosen_metrics(const std::vector<Run>& runs,
                                        const std::vector<std::string>& wanted) {
  std::set<std::string> present;
  for (const auto& run : runs) {
    for (const auto& [name, series] : run.metrics) present.insert(base_name(name));
  }
  for (const char* axis : {"time", "epoch", "episode", "num_tokens", "objective/kl_target"})
    present.erase(axis);
  std::vector<std::string> chosen;
  for (const auto& name : wanted) {
    if (!present.contains(base_name(name))) throw UserError("--metrics: no run has \"" + name + "\"");
    chosen.push_back(base_name(name));
  }
  if (!wanted.empty()) return chosen;
  for (const auto& card : metric_catalog()) {
    if (present.erase(card.name) > 0) chosen.push_back(card.name);
  }
  chosen.insert(chosen.end(), present.begin(), present.end());
  return chosen;
}

ordered_json samples_json(const Run& run) {
  auto rows = ordered_json::array();
  std::size_t in_step = 0;
  for (std::size_t i = 0; i < run.samples.size(); ++i) {
    const RunSample& sample = run.samples[i];
    in_step = i > 0 && run.samples[i - 1].step == sample.step ? in_step + 1 : 0;
    if (in_step >= kMostSamplesPerStep) continue;
    rows.push_back({{"step", sample.step},
                    {"prompt", sample.prompt},
                    {"response", sample.response},
                    {"score", page_number(sample.score)}});
  }
  return rows;
}

ordered_json run_json(const Run& run, std::size_t group) {
  auto metrics = ordered_json::object();
  for (const auto& [name, series] : run.metrics) metrics[name] = series_json(series, name == "time");
  return {{"name", run.name},
          {"folder", run.folder.string()},
          {"group", group},
          {"metrics", std::move(metrics)},
          {"samples", samples_json(run)},
          {"configuration", run.configuration}};
}

ordered_json page_data(const std::vector<Run>& runs, const PageOptions& options) {
  const auto groups = seed_groups(runs);
  ordered_json data = {{"title", options.title}, {"made", std::time(nullptr)}, {"smooth", options.smooth}};
  data["runs"] = ordered_json::array();
  data["cards"] = ordered_json::array();
  data["summaries"] = ordered_json::array();
  for (std::size_t i = 0; i < runs.size(); ++i) {
    data["runs"].push_back(run_json(runs[i], groups[i]));
    auto& summaries = data["summaries"];
    if (!runs[i].summary.is_null() &&
        std::find(summaries.begin(), summaries.end(), runs[i].summary) == summaries.end()) {
      summaries.push_back(runs[i].summary);
    }
  }
  for (const auto& name : chosen_metrics(runs, options.metrics)) {
    const MetricCard card = metric_card(name);
    data["cards"].push_back({{"name", card.name},
                             {"section", card.section},
                             {"title", card.title},
                             {"unit", card.unit},
                             {"note", card.note},
                             {"headline", card.headline}});
  }
  return data;
}

std::string title_of(const std::vector<Run>& runs) {
  std::string title;
  for (const auto& run : runs) title += (title.empty() ? "" : ", ") + run.name;
  return title;
}

}  // namespace

std::string html_page(const std::vector<Run>& runs, const PageOptions& given) {
  PageOptions options = given;
  if (options.title.empty()) options.title = title_of(runs);
  const std::string data =
      page_data(runs, options).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  std::string page(kPageHtml);
  // The data goes in last: nothing in it can then be taken for a mark.
  fill_in(page, "/*STYLE*/", kPageStyle);
  fill_in(page, "/*CHARTJS*/", kChartJs);
  fill_in(page, "/*PIECES*/", kPagePieces);
  fill_in(page, "/*CHARTS*/", kPageCharts);
  fill_in(page, "/*TABLES*/", kPageTables);
  fill_in(page, "/*SCRIPT*/", kPageScript);
  fill_in(page, "/*DATA*/", script_safe(data));
  return page;
}

}  // namespace rlhf
