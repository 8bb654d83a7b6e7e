#include "model/linear.h"

#include <torch/autograd.h>

namespace rlhf {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct PackedLinear : torch::autograd::Function<PackedLinear> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const torch::Tensor& weight,
                               torch::ScalarType compute) {
    // Kept as the products read it: in bfloat16 half of float32's memory.
    const torch::Tensor rounded = x.to(compute).contiguous();
    context->save_for_backward({rounded, weight});
    context->saved_data["compute"] = static_cast<int64_t>(compute);
    return packed_product(rounded, weight, compute);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const torch::Tensor &x = saved[0], &weight = saved[1], dy = gradients[0].contiguous();
    const auto compute = static_cast<torch::ScalarType>(context->saved_data["compute"].toInt());
    variable_list result(3);
    if (context->needs_input_grad(0)) result[0] = packed_product(dy, weight.t(), compute);
    if (context->needs_input_grad(1)) result[1] = packed_product(dy.t(), x.t(), compute);
    return result;
  }
};

}  // namespace

torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                     torch::ScalarType compute, const PackedMatrix* packed) {
  if (packed) return packed_product(x.contiguous(), *packed, bias);
  if (x.is_cpu() && packed_products_pay(compute)) {
    if (!at::GradMode::is_enabled()) return packed_product(x.contiguous(), weight, compute, bias);
    const torch::Tensor product = PackedLinear::apply(x, weight, compute);
    return bias.defined() ? product + bias : product;
  }
  if (compute != torch::kBFloat16)
    return at::linear(x, weight, bias.defined() ? std::optional<torch::Tensor>(bias) : std::nullopt);
  const torch::Tensor product = at::linear(x.to(compute), weight.to(compute)).to(torch::kFloat32);
  return bias.defined() ? product + bias : product;
}

}  // namespace rlhf
