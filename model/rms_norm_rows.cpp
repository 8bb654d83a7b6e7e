#include "model/rms_norm_rows.h"

#include <algorithm>
#include <type_traits>

#include "model/cpu_kernels.h"
#include "model/parallel.h"
#include "model/stored_type.h"

namespace rlhf {
namespace {

template <typename T, typename Out>
void norm_rows(const torch::Tensor& x, const torch::Tensor& weight, double eps, const NormedRows& out) {
  const int64_t width = weight.numel();
  parallel_rows(x.size(0), width, [&](int64_t begin, int64_t end) {
    cpu::rms_norm(rows_from<T>(x, begin), rows_from<T>(weight), mutable_rows_from<Out>(out.normed, begin),
                  mutable_rows_from<T>(out.scales, begin), end - begin, width, eps);
  });
}

}  // namespace

NormedRows rms_norm_rows(const torch::Tensor& x, const torch::Tensor& weight, double eps,
                         torch::ScalarType dtype) {
  const NormedRows out{torch::empty(x.sizes(), x.options().dtype(dtype)),
                       torch::empty({x.size(0)}, x.options())};
  if (x.scalar_type() == torch::kFloat64)
    norm_rows<double, double>(x, weight, eps, out);
  else
    with_stored_type(dtype, [&](auto element) { norm_rows<float, decltype(element)>(x, weight, eps, out); });
  return out;
}

NormGradients rms_norm_rows_backward(const torch::Tensor& x, const torch::Tensor& weight,
                                     const torch::Tensor& scales, const torch::Tensor& dy,
                                     const torch::Tensor& beside) {
  // Blocks of fixed size, so that the sum over rows does not depend on the number of threads.
  constexpr int64_t kBlock = 128;
  const int64_t width = weight.numel(), rows = x.size(0), blocks = (rows + kBlock - 1) / kBlock;
  const torch::Tensor dx = torch::empty_like(x), partial = torch::empty({blocks, width}, x.options());
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "rms_norm_backward", [&] {
    parallel_rows(blocks, width * kBlock, [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        const int64_t first = block * kBlock;
        const cpu::RmsNormGradient arguments{rows_from<scalar_t>(x, first),
                                             rows_from<scalar_t>(weight),
                                             rows_from<scalar_t>(scales, first),
                                             rows_from<scalar_t>(dy, first),
                                             beside.defined() ? rows_from<scalar_t>(beside, first) : nullptr,
                                             mutable_rows_from<scalar_t>(dx, first),
                                             mutable_rows_from<scalar_t>(partial, block),
                                             std::min(kBlock, rows - first),
                                             width};
        if constexpr (std::is_same_v<scalar_t, float>) {
          cpu::rms_norm_backward_float(arguments);
        } else {
          cpu::rms_norm_backward_double(arguments);
        }
      }
    });
  });
  return {dx, partial.sum(0)};
}

}  // namespace rlhf
