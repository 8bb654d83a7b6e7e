#include "curves/terminal_plot.h"

#include <cmath>
#include <limits>

#include "contract/error.h"
#include "curves/terminal_report.h"
#include "tests/support/catch.h"

using namespace rlhf;

namespace {

/// Columns on a screen: code points, colour codes not counted.
int columns_of(const std::string& text) {
  int columns = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b') {
      i = text.find('m', i);
      continue;
    }
    columns += (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80;
  }
  return columns;
}

PlotOptions ascii(int width, int height) {
  PlotOptions options;
  options.title = "loss";
  options.width = width;
  options.height = height;
  options.unicode = false;
  return options;
}

Run run_with(const std::string& name, const std::string& metric, std::vector<double> values) {
  Run run;
  run.name = name;
  for (std::size_t i = 0; i < values.size(); ++i)
    run.metrics[metric].steps.push_back(static_cast<int64_t>(i + 1));
  run.metrics[metric].values = std::move(values);
  return run;
}

}  // namespace

TEST_CASE("Two lines are drawn with their own marks between round ticks") {
  const std::vector<PlotLine> lines = {{"a", {0, 10}, {0, 4}}, {"b", {0, 10}, {4, 4}}};
  CHECK(plot_lines(lines, ascii(31, 5)) == std::vector<std::string>{
                                               "loss                           ",
                                               "        4 +++++++++++++++++++++",
                                               "          |            ooooo   ",
                                               "        2 +        oooo        ",
                                               "          |   ooooo            ",
                                               "        0 +ooo                 ",
                                               "           0         5       10",
                                           });
}

TEST_CASE("Every row is as wide as asked, in colour and out of it, in braille and ASCII") {
  std::vector<PlotLine> lines(2);
  for (int i = 0; i < 100; ++i) {
    for (auto& line : lines) line.x.push_back(i);
    lines[0].y.push_back(std::sin(i / 9.0));
    lines[1].y.push_back(i % 10 == 3 ? std::nan("") : 1e-7 * i);
  }
  PlotOptions options = ascii(GENERATE(30, 57, 120), 8);
  options.color = GENERATE(true, false);
  options.unicode = GENERATE(true, false);
  options.reference = 0.5;
  const auto text = plot_lines(lines, options);
  CHECK(text.size() == 10);
  for (const auto& row : text) {
    CAPTURE(row);
    CHECK(columns_of(row) == options.width);
    CHECK((options.color || row.find('\x1b') == std::string::npos));
  }
}

TEST_CASE("A single point, a level line and infinities can be drawn; nothing finite is said") {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const auto& y :
       {std::vector<double>{5}, std::vector<double>{0, 0, 0}, std::vector<double>{1, infinity, 2}}) {
    std::vector<double> x(y.size());
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i);
    std::string all;
    for (const auto& row : plot_lines({{"a", x, y}}, ascii(40, 4))) all += row;
    CHECK(all.find('o') != std::string::npos);
    CHECK(all.find("nan") == std::string::npos);
  }
  CHECK(plot_lines({{"a", {1}, {infinity}}}, ascii(40, 4)).at(1).find("nothing finite") != std::string::npos);
  CHECK(plot_lines({}, ascii(40, 4)).size() == 2);
}

TEST_CASE("Ticks are round and inside the range") {
  CHECK(nice_ticks(0, 10, 5) == std::vector<double>{0, 2, 4, 6, 8, 10});
  CHECK(nice_ticks(-1, 1, 4) == std::vector<double>{-1, -0.5, 0, 0.5, 1});
  CHECK(nice_ticks(1, 50, 3) == std::vector<double>{20, 40});
  CHECK(nice_ticks(7, 7, 3) == std::vector<double>{7});
}

TEST_CASE("Numbers are short") {
  CHECK(short_number(0.25) == "0.25");
  CHECK(short_number(12345) == "12.35k");
  CHECK(short_number(-2e6) == "-2M");
  CHECK(short_number(0.0001234) == "0.00012");
  CHECK(short_number(1.00012, 6) == "1.00012");
  CHECK(short_number(0) == "0");
}

TEST_CASE(
    "The report shows first and last values, runs over one another, and two plots abreast where they fit") {
  const std::vector<Run> runs = {run_with("one", "loss", {4, 3, 2, 2, 2}),
                                 run_with("two", "loss", {5, 5, 5, 5, 1})};
  ReportOptions options;
  options.unicode = false;
  options.smooth = 1;
  const std::string text = terminal_report(runs, options);
  CHECK(text.find("o one  (5 steps)") != std::string::npos);
  CHECK(text.find("+ two  (5 steps)") != std::string::npos);
  CHECK(text.find("loss   4 -> 2,  5 -> 1") != std::string::npos);
  options.metrics = {"loss", "loss"};
  options.width = 130;
  const std::string wide = terminal_report(runs, options);
  CHECK(wide.find("loss") != wide.rfind("loss"));
  CHECK(std::count(wide.begin(), wide.end(), '\n') == std::count(text.begin(), text.end(), '\n'));
  options.metrics = {"los"};
  CHECK_THROWS_AS(terminal_report(runs, options), UserError);
}
