#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "storage/gold_tasks.h"

namespace rlhf {

struct GoldOptions {
  std::filesystem::path db;
  std::string campaign;
  std::string annotator;           ///< whose answers are the known ones; or
  std::vector<std::string> files;  ///< rankings, in any format
};

/// Gives tasks of a campaign their known answers. Throws UserError when neither or both ways are given, for
/// an unknown campaign or annotator, for a bad record, and when no task was found.
GoldCounts make_gold(const GoldOptions& options);

}  // namespace rlhf
