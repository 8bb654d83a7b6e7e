#pragma once
#include <string>

#include "text/jinja_syntax.h"

namespace rlhf::jinja {

/// A template of at most 1 MiB as a tree. Throws SyntaxFailure for what is malformed, and for what Jinja has
/// and this interpreter has not (macros, includes, inheritance, ...), by name. Depth is bounded.
Block parse(const std::string& source);

}  // namespace rlhf::jinja
