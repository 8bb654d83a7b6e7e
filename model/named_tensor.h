#pragma once
#include <string>

#include <torch/types.h>

namespace rlhf {

/// A weight by its name in Hugging Face's layout or, for fused ones, by our own (docs/architecture.md).
struct NamedTensor {
  std::string name;
  torch::Tensor tensor;
};

}  // namespace rlhf
