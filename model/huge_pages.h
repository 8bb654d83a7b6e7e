#pragma once
#include <torch/types.h>

namespace rlhf {

/// torch::empty on the CPU in memory of its own from the system, in pages of 2 MiB where it has them: walks
/// over all of it then need few pages and few first touches. Smaller tensors are torch::empty.
torch::Tensor empty_in_huge_pages(at::IntArrayRef sizes, torch::ScalarType dtype);

}  // namespace rlhf
