#pragma once
#include <cstdint>
#include <string>

#include "storage/database.h"

namespace rlhf {

/// The row of the campaign of this name, 0 for an empty one. Throws UserError that names those there are.
int64_t campaign_named(Database& database, const std::string& name);

/// The row of the annotator of this name, 0 for an empty one. Throws UserError when there is none.
int64_t annotator_named(Database& database, const std::string& name);

}  // namespace rlhf
