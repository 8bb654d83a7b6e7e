// What this machine can do at most: matrix products, in GFLOP/s a dtype, the faster of LibTorch's and our
// own, and reading memory, in GB/s. One line of JSON: gemm_ceiling [THREADS]
#include <algorithm>
#include <cstdlib>
#include <iostream>

#include <torch/types.h>
#include <torch/utils.h>

#include "bench/best_time.h"
#include "model/packed_matrix.h"

namespace {

using rlhf::bench::best_seconds;

struct Gflops {
  double libtorch, ours;
};

Gflops gemm_gflops(torch::ScalarType dtype) {
  constexpr int64_t kRows = 2048, kInner = 1536, kColumns = 1536;
  constexpr double kWork = 2.0 * kRows * kInner * kColumns / 1e9;
  const torch::Tensor a = torch::randn({kRows, kInner}).to(dtype),
                      b = torch::randn({kColumns, kInner}).to(dtype);
  return {kWork / best_seconds([&] { at::linear(a, b); }),
          kWork / best_seconds([&] { rlhf::packed_product(a, b, dtype); })};
}

double read_gbs() {
  const torch::Tensor numbers = torch::ones({int64_t{1} << 28});
  return static_cast<double>(numbers.nbytes()) / best_seconds([&] { numbers.sum(); }) / 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) torch::set_num_threads(std::atoi(argv[1]));
  const torch::InferenceMode inference;
  for (const auto& [name, dtype] :
       {std::pair("float32", torch::kFloat32), std::pair("bfloat16", torch::kBFloat16)}) {
    const Gflops found = gemm_gflops(dtype);
    std::cout << (dtype == torch::kFloat32 ? "{" : ", ") << '"' << name
              << "_gflops\": " << std::max(found.libtorch, found.ours) << ", \"" << name
              << "_libtorch_gflops\": " << found.libtorch << ", \"" << name
              << "_ours_gflops\": " << found.ours;
  }
  std::cout << ", \"read_gbs\": " << read_gbs() << "}\n";
}
