#pragma once
#include <torch/types.h>

namespace rlhf {

/// torch::empty on the CPU in pages of 2 MiB, where the system has them: walks over all of it then need few
/// pages and few first touches. From 32 MiB on in memory of its own, which goes back to the system.
torch::Tensor empty_in_huge_pages(at::IntArrayRef sizes, torch::ScalarType dtype);

}  // namespace rlhf
