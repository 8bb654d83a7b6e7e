// What this machine can do at most: matrix products, in GFLOP/s a dtype, and reading memory, in GB/s, through
// the library that the project computes with. One line of JSON: gemm_ceiling [THREADS]
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>

#include <torch/types.h>
#include <torch/utils.h>

namespace {

/// Best of many repetitions within two seconds, in units of `work` a second.
double best_rate(double work, const std::function<void()>& repetition) {
  using Clock = std::chrono::steady_clock;
  repetition();
  const Clock::time_point end = Clock::now() + std::chrono::seconds(2);
  double best = 0;
  while (Clock::now() < end) {
    const Clock::time_point begin = Clock::now();
    repetition();
    best = std::max(best, work / std::chrono::duration<double>(Clock::now() - begin).count());
  }
  return best;
}

double gemm_gflops(torch::ScalarType dtype) {
  constexpr int64_t kRows = 2048, kInner = 1536, kColumns = 1536;
  const torch::Tensor a = torch::randn({kRows, kInner}).to(dtype),
                      b = torch::randn({kColumns, kInner}).to(dtype);
  return best_rate(2.0 * kRows * kInner * kColumns, [&] { at::linear(a, b); }) / 1e9;
}

double read_gbs() {
  const torch::Tensor numbers = torch::ones({int64_t{1} << 28});
  return best_rate(static_cast<double>(numbers.nbytes()), [&] { numbers.sum(); }) / 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) torch::set_num_threads(std::atoi(argv[1]));
  const torch::InferenceMode inference;
  std::cout << "{\"float32_gflops\": " << gemm_gflops(torch::kFloat32)
            << ", \"bfloat16_gflops\": " << gemm_gflops(torch::kBFloat16) << ", \"read_gbs\": " << read_gbs()
            << "}\n";
}
