#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "curves/run_reader.h"

namespace rlhf {

struct ReportOptions {
  int width = 80;  ///< columns to fill
  bool color = false;
  bool unicode = true;
  std::size_t smooth = 0;  ///< points of the moving mean; 0 = a twentieth of the run
  std::vector<std::string>
      metrics;  ///< only these, in this order; empty = the headline metrics of the catalog
};

/// Runs over one another for a terminal: a legend, then one plot per metric, two abreast where the width
/// allows. Throws UserError when a metric asked for is in no run.
std::string terminal_report(const std::vector<Run>& runs, const ReportOptions& options);

/// Columns of the terminal on `descriptor` (else $COLUMNS, else 80), whether it takes colours (a terminal,
/// NO_COLOR unset, TERM not dumb), and whether the locale is UTF-8.
ReportOptions terminal_options(int descriptor);

}  // namespace rlhf
