#include "model/rope.h"

#include <cmath>
#include <numbers>

#include <torch/autograd.h>

#include "model/cpu_kernels.h"
#include "model/parallel.h"

namespace rlhf {
namespace {

/// Llama 3.1's scaling: long waves are slowed by `factor`, short ones kept, and a linear ramp lies between.
double llama3_frequency(double frequency, const Rope& rope) {
  const double original = static_cast<double>(rope.original_max_position);
  const double wavelength = 2.0 * std::numbers::pi / frequency;
  if (wavelength > original / rope.low_freq_factor) return frequency / rope.factor;
  if (wavelength < original / rope.high_freq_factor) return frequency;
  const double ramp =
      (original / wavelength - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
  return (1.0 - ramp) * frequency / rope.factor + ramp * frequency;
}

/// `turn` is 1 or, to rotate back, -1.
torch::Tensor rotate_on_cpu(const torch::Tensor& input, const torch::Tensor& cos, const torch::Tensor& sin,
                            double turn) {
  const bool rows_only = input.stride(2) == 1 && input.stride(1) == input.size(2);
  const torch::Tensor x = rows_only ? input : input.contiguous();
  const torch::Tensor out = torch::empty(x.sizes(), x.options());
  const int64_t heads = x.size(1), head_dim = x.size(2), half = cos.size(-1), row_size = heads * head_dim;
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "rotate", [&] {
    parallel_rows(x.size(0), row_size, [&](int64_t begin, int64_t end) {
      cpu::rotate(cpu::Rotation<scalar_t, scalar_t, scalar_t>{
          x.const_data_ptr<scalar_t>() + begin * x.stride(0), cos.const_data_ptr<scalar_t>() + begin * half,
          sin.const_data_ptr<scalar_t>() + begin * half, out.mutable_data_ptr<scalar_t>() + begin * row_size,
          end - begin, heads, head_dim, half, x.stride(0), row_size, static_cast<scalar_t>(turn)});
    });
  });
  return out;
}

torch::Tensor rotate(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin,
                     double turn) {
  if (x.is_cpu()) return rotate_on_cpu(x, cos, sin, turn);
  const int64_t half = cos.size(-1);
  const torch::Tensor first = x.narrow(-1, 0, half), second = x.narrow(-1, half, half);
  std::vector<torch::Tensor> parts = {torch::addcmul(first * cos, second, sin, -turn),
                                      torch::addcmul(second * cos, first, sin, turn)};
  if (x.size(-1) > 2 * half) parts.push_back(x.narrow(-1, 2 * half, x.size(-1) - 2 * half));
  return torch::cat(parts, -1);
}

/// A rotation's gradient is the rotation back, so nothing but the angles is kept for it.
struct RotationFunction : torch::autograd::Function<RotationFunction> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& cos, const torch::Tensor& sin) {
    context->save_for_backward({cos, sin});
    return rotate(x, cos, sin, 1.0);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    return {rotate(gradients[0], saved[0], saved[1], -1.0), torch::Tensor(), torch::Tensor()};
  }
};

}  // namespace

torch::Tensor rope_frequencies(const Rope& rope) {
  torch::Tensor frequencies = torch::empty({rope.rotary_dim / 2}, torch::kFloat64);
  for (int64_t i = 0; i < rope.rotary_dim / 2; ++i) {
    double frequency =
        std::pow(rope.theta, -2.0 * static_cast<double>(i) / static_cast<double>(rope.rotary_dim));
    if (rope.scaling == Rope::Scaling::kLinear) frequency /= rope.factor;
    if (rope.scaling == Rope::Scaling::kLlama3) frequency = llama3_frequency(frequency, rope);
    frequencies[i] = frequency;
  }
  return frequencies;
}

RopeAngles rope_angles(const torch::Tensor& positions, const torch::Tensor& frequencies) {
  const torch::Tensor angles =
      (positions.to(frequencies.scalar_type()).unsqueeze(1) * frequencies).unsqueeze(1);
  return {angles.cos(), angles.sin()};
}

torch::Tensor apply_rope(const torch::Tensor& x, const RopeAngles& angles) {
  return RotationFunction::apply(x, angles.cos, angles.sin);
}

}  // namespace rlhf
