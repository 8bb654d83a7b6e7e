#pragma once
#include <string_view>

namespace rlhf {

/// The parts of pages, put into the program at build time by cmake/embed.cmake: curves/page/ and Debian's
/// Chart.js (MIT licence, https://www.chartjs.org), so that pages work offline. Style, pieces and Chart.js
/// are for any page; the others make that of `rlhf curves`.
extern const std::string_view kPageHtml;
extern const std::string_view kPageStyle;
extern const std::string_view kPagePieces;
extern const std::string_view kPageCharts;
extern const std::string_view kPageTables;
extern const std::string_view kPageScript;
extern const std::string_view kChartJs;

}  // namespace rlhf
