#include "model/layer_parts.h"

#include <stdexcept>

#include <torch/autograd.h>

#include "model/cpu_kernels.h"
#include "model/parallel.h"
#include "model/rms_norm_rows.h"

namespace rlhf {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

bool has_cpu_kernel(const torch::Tensor& x) {
  return x.is_cpu() && (x.scalar_type() == torch::kFloat32 || x.scalar_type() == torch::kFloat64);
}

struct CpuRmsNorm : torch::autograd::Function<CpuRmsNorm> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& input,
                               const torch::Tensor& weight, double eps) {
    const torch::Tensor x = input.contiguous().view({-1, weight.numel()});
    const auto [normed, scales] = rms_norm_rows(x, weight, eps, x.scalar_type());
    context->save_for_backward({x, weight, scales});
    return normed.view(input.sizes());
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const torch::Tensor dy = gradients[0].contiguous();
    const NormGradients result =
        rms_norm_rows_backward(saved[0], saved[1], saved[2], dy.view(saved[0].sizes()));
    return {result.x.view(dy.sizes()), result.weight, torch::Tensor()};
  }
};

struct CpuSwiglu : torch::autograd::Function<CpuSwiglu> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& input) {
    const torch::Tensor x = input.contiguous();
    const int64_t width = x.size(1) / 2;
    const torch::Tensor out = torch::empty({x.size(0), width}, x.options());
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "swiglu", [&] {
      parallel_rows(x.size(0), width, [&](int64_t begin, int64_t end) {
        cpu::swiglu(x.const_data_ptr<scalar_t>() + begin * 2 * width,
                    out.mutable_data_ptr<scalar_t>() + begin * width, end - begin, width);
      });
    });
    context->save_for_backward({x});
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const torch::Tensor x = context->get_saved_variables()[0], dout = gradients[0].contiguous();
    const torch::Tensor dx = torch::empty_like(x);
    const int64_t width = x.size(1) / 2;
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "swiglu_backward", [&] {
      parallel_rows(x.size(0), width, [&](int64_t begin, int64_t end) {
        cpu::swiglu_backward(x.const_data_ptr<scalar_t>() + begin * 2 * width,
                             dout.const_data_ptr<scalar_t>() + begin * width,
                             dx.mutable_data_ptr<scalar_t>() + begin * 2 * width, end - begin, width);
      });
    });
    return {dx};
  }
};

}  // namespace

torch::Tensor normalise(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                        Norm norm, double eps) {
  if (norm == Norm::kRmsNorm) {
    return has_cpu_kernel(x) ? CpuRmsNorm::apply(x, weight, eps)
                             : at::rms_norm(x, weight.sizes(), weight, eps);
  }
  return at::layer_norm(x, weight.sizes(), weight,
                        bias.defined() ? std::optional<torch::Tensor>(bias) : std::nullopt, eps);
}

torch::Tensor swiglu(const torch::Tensor& x) {
  if (has_cpu_kernel(x)) return CpuSwiglu::apply(x);
  const auto halves = x.chunk(2, -1);
  return at::silu(halves[0]) * halves[1];
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
