#pragma once
#include <string_view>

namespace rlhf {

/// The parts of the page, put into the program at build time by cmake/embed.cmake: curves/page/ and Debian's
/// Chart.js (MIT licence, https://www.chartjs.org), so that the page works offline.
extern const std::string_view kPageHtml;
extern const std::string_view kPageStyle;
extern const std::string_view kPageCharts;
extern const std::string_view kPageTables;
extern const std::string_view kPageScript;
extern const std::string_view kChartJs;

}  // namespace rlhf
