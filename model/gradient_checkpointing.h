#pragma once
#include <functional>
#include <vector>

#include <torch/types.h>

namespace rlhf {

/// layer(x), of which x alone is kept for the backward pass: there the layer is computed again and
/// differentiated (Chen et al. 2016, arXiv 1604.06174). `layer` gives the same bits whenever it is called, so
/// the gradients have the bits they would have without. `weights` are all the tensors it reads whose
/// gradients are wanted. What it captures must stay as it is until the backward pass, which can be run once.
/// Differentiable once.
torch::Tensor recompute_in_backward(const std::function<torch::Tensor(const torch::Tensor&)>& layer,
                                    const torch::Tensor& x, const std::vector<torch::Tensor>& weights);

}  // namespace rlhf
