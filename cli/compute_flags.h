#pragma once
#include <string>

#include <CLI/App.hpp>
#include <torch/types.h>

namespace rlhf {

/// --device, --dtype, --threads: where and how a command computes.
struct ComputeFlags {
  std::string device = "cpu";  ///< cpu | cuda (under torchrun the process's own, LOCAL_RANK) | cuda:N
  std::string dtype;           ///< auto | float32 | bfloat16 | float64
  int threads = 0;             ///< of torch on the CPU; 0 = as many as the machine has

  torch::Device torch_device() const;  ///< UserError when there is no such device
  /// auto means bfloat16 where products of it are faster (a CPU with AVX512-BF16 or AMX, CUDA), else float32.
  torch::ScalarType torch_dtype() const;
  /// torch_dtype() of a trainer: its weights are float32, so UserError for float64.
  torch::ScalarType training_dtype() const;
  void apply_threads() const;
};

/// `default_dtype`: "auto" for training and generation, "float32" where figures are compared.
void add_compute_flags(CLI::App& command, ComputeFlags& flags, const std::string& default_dtype);

/// "float32" -> torch::kFloat32, ...; UserError naming `flag` for another word. "auto" is resolved for
/// `device`.
torch::ScalarType parse_dtype(const std::string& word, torch::Device device,
                              const std::string& flag = "--dtype");

}  // namespace rlhf
