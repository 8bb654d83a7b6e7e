#include "model/layer_parts.h"

#include <stdexcept>

namespace rlhf {

torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                     torch::ScalarType compute) {
  if (compute != torch::kBFloat16) {
    return at::linear(x, weight, bias.defined() ? std::optional<torch::Tensor>(bias) : std::nullopt);
  }
  const torch::Tensor product = at::linear(x.to(compute), weight.to(compute)).to(torch::kFloat32);
  return bias.defined() ? product + bias : product;
}

torch::Tensor normalise(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                        Norm norm, double eps) {
  if (norm == Norm::kRmsNorm) return at::rms_norm(x, weight.sizes(), weight, eps);
  return at::layer_norm(x, weight.sizes(), weight,
                        bias.defined() ? std::optional<torch::Tensor>(bias) : std::nullopt, eps);
}

torch::Tensor activate(const torch::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kSilu:
      return at::silu(x);
    case Activation::kGelu:
      return at::gelu(x);
    case Activation::kGeluTanh:
      return at::gelu(x, "tanh");
  }
  throw std::logic_error("unknown activation");
}

}  // namespace rlhf
