#pragma once
#include <torch/types.h>

namespace rlhf {

/// Asks the system for pages of 2 MiB, where it has them, under a CPU tensor whose memory nobody touched yet:
/// walks over all of it then need few pages and few first touches. A hint, never an error.
void prefer_huge_pages(const torch::Tensor& fresh);

}  // namespace rlhf
