#pragma once
#include <string_view>

namespace rlhf {

/// The parts of the report card's page that are its own (evaluate/page/), put into the program at build time.
extern const std::string_view kCardHtml;
extern const std::string_view kCardStyle;
extern const std::string_view kCardScript;

}  // namespace rlhf
