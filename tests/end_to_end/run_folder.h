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

/// The step of the last whole line of RUN/metrics.jsonl; -1 without one.
int64_t last_logged_step(const std::filesystem::path& run);

/// Steps of the events of RUN's TensorBoard files, in order; whole records only.
std::vector<int64_t> tensorboard_steps(const std::filesystem::path& run);

/// SHA-256 of the weights in RUN/final.
std::string final_weights(const std::filesystem::path& run);

/// The largest difference between two values of the models' float32 weights. Throws std::runtime_error when
/// the models do not have the same tensors.
double largest_weight_difference(const std::filesystem::path& model, const std::filesystem::path& other);

/// Steps of RUN's checkpoints, rising.
std::vector<int64_t> checkpoint_steps(const std::filesystem::path& run);

/// Every file below the folder by its path: SHA-256 and time of its last change.
std::map<std::string, std::string> snapshot(const std::filesystem::path& folder);

}  // namespace rlhf::test
