#pragma once
#include <cstddef>
#include <string>

namespace rlhf {

/// UTF-8 text as one line of a terminal: runs of white space and control characters become one space, so that
/// a response cannot steer the terminal; what is longer than `most` characters (at least 3) ends in "...".
std::string one_line(const std::string& text, std::size_t most);

}  // namespace rlhf
