#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace rlhf::test {

/// What each line of the text is.
std::vector<nlohmann::json> parse_lines(const std::string& text);

/// RUN/metrics.jsonl, line by line.
std::vector<nlohmann::json> metric_rows(const std::filesystem::path& run);

/// The same without what tells time, which no two runs share.
std::vector<nlohmann::json> timeless_metric_rows(const std::filesystem::path& run);

/// Steps of the events of RUN's TensorBoard files, in order; whole records only.
std::vector<int64_t> tensorboard_steps(const std::filesystem::path& run);

/// SHA-256 of the weights in RUN/final.
std::string final_weights(const std::filesystem::path& run);

/// Steps of RUN's checkpoints, rising.
std::vector<int64_t> checkpoint_steps(const std::filesystem::path& run);

/// Every file below the folder by its path: SHA-256 and time of its last change.
std::map<std::string, std::string> snapshot(const std::filesystem::path& folder);

}  // namespace rlhf::test
