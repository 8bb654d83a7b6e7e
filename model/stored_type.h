#pragma once
#include <torch/types.h>

#include "model/bfloat16.h"

namespace rlhf {

/// Calls run(element) with the element type that the CPU kernels know a float32 or bfloat16 tensor by.
template <typename Run>
void with_stored_type(torch::ScalarType dtype, const Run& run) {
  if (dtype == torch::kBFloat16)
    run(cpu::Bfloat16{});
  else
    run(float{});
}

/// The elements of a contiguous tensor from row `row` on.
template <typename Stored>
const Stored* rows_from(const torch::Tensor& x, int64_t row = 0) {
  return static_cast<const Stored*>(x.const_data_ptr()) + row * x.stride(0);
}
template <typename Stored>
Stored* mutable_rows_from(const torch::Tensor& x, int64_t row = 0) {
  return static_cast<Stored*>(x.mutable_data_ptr()) + row * x.stride(0);
}

}  // namespace rlhf
