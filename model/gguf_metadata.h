#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace rlhf {

/// One value of a GGUF file's metadata, as a writer gives it: the type of the C++ value decides the type in
/// the file (uint32_t, int32_t and float as their namesakes).
using GgufMetadataValue = std::variant<bool, uint32_t, uint64_t, int32_t, float, std::string,
                                       std::vector<std::string>, std::vector<int32_t>, std::vector<float>>;

/// Keys and values in file order.
using GgufMetadata = std::vector<std::pair<std::string, GgufMetadataValue>>;

}  // namespace rlhf
