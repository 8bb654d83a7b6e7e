#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace rlhf::test {

// What runs recorded in a ledger, a row as text, in the order of steps; blobs by their hexadecimal digits.

/// What a query gives, each column followed by "|".
std::vector<std::string> rows_of(const std::filesystem::path& ledger, const std::string& query);

/// Every PPO trajectory with its tokens.
std::vector<std::string> trajectory_rows(const std::filesystem::path& ledger);

/// Every metric that does not tell time.
std::vector<std::string> ledger_metric_rows(const std::filesystem::path& ledger);

}  // namespace rlhf::test
