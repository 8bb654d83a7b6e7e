#pragma once
#include <string>
#include <vector>

#include "contract/demonstration.h"
#include "contract/prompt.h"
#include "contract/ranking.h"

namespace rlhf {

/// SHA-256 over the content of a data set, record by record in order: what a run trained on, wherever it was
/// read from. Origins and row numbers do not count; every text is preceded by its length, so no two data sets
/// share an encoding.
std::string data_hash(const std::vector<Prompt>& prompts);
std::string data_hash(const std::vector<Demonstration>& demonstrations);
std::string data_hash(const std::vector<Ranking>& rankings);
std::string data_hash(const std::vector<std::string>& texts);

}  // namespace rlhf
