#pragma once
#include <cstdint>

namespace rlhf {

using TokenId = int32_t;

}  // namespace rlhf
