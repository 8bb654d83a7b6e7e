#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "curves/run_reader.h"

namespace rlhf {

struct PageOptions {
  std::size_t smooth = 0;  ///< points of the moving mean the page starts with; 0 = a twentieth of the run
  std::vector<std::string> metrics;  ///< only these, in this order; empty = all
  std::string title;                 ///< empty = the names of the runs
};

/// One HTML page that shows runs over one another and needs nothing else: no network, no file beside it. Text
/// from the runs (names, prompts, responses, settings) only ever appears as text. Curves of more than 4,000
/// points are thinned to means of neighbours, which the page says. Throws UserError when a metric asked for
/// is in no run.
std::string html_page(const std::vector<Run>& runs, const PageOptions& options);

}  // namespace rlhf
