#include "cli/compute_flags.h"

#include <CLI/CLI.hpp>
#include <torch/cuda.h>
#include <torch/utils.h>

#include "contract/error.h"
#include "model/packed_matrix.h"
#include "train/collective.h"

namespace rlhf {
namespace {

bool bfloat16_is_faster(torch::Device device) {
  if (device.is_cuda() || packed_products_pay(torch::kBFloat16)) return true;
#if defined(__x86_64__)
  return __builtin_cpu_supports("amx-bf16") != 0;
#else
  return false;
#endif
}

}  // namespace

torch::Device ComputeFlags::torch_device() const {
  try {
    const torch::Device parsed(device);
    if (parsed.is_cuda() && !torch::cuda::is_available())
      throw UserError("--device " + device + ": this build or machine has no CUDA device; use --device cpu");
    if (!parsed.is_cuda() && !parsed.is_cpu())
      throw UserError("--device " + device + ": use cpu, cuda or cuda:N");
    return local_device(parsed);
  } catch (const c10::Error&) {
    throw UserError("--device " + device + ": use cpu, cuda or cuda:N");
  }
}

torch::ScalarType parse_dtype(const std::string& word, torch::Device device, const std::string& flag) {
  if (word == "float32") return torch::kFloat32;
  if (word == "bfloat16") return torch::kBFloat16;
  if (word == "float64") return torch::kFloat64;
  if (word == "auto") return bfloat16_is_faster(device) ? torch::kBFloat16 : torch::kFloat32;
  throw UserError(flag + " " + word + ": use auto, float32, bfloat16 or float64");
}

torch::ScalarType ComputeFlags::torch_dtype() const {
  return parse_dtype(dtype, torch_device());
}

torch::ScalarType ComputeFlags::training_dtype() const {
  const torch::ScalarType compute = torch_dtype();
  if (compute == torch::kFloat64)
    throw UserError("--dtype float64: weights are trained in float32; use auto, float32 or bfloat16");
  return compute;
}

void ComputeFlags::apply_threads() const {
  if (threads > 0) torch::set_num_threads(threads);
}

void add_compute_flags(CLI::App& command, ComputeFlags& flags, const std::string& default_dtype) {
  flags.dtype = default_dtype;
  command.add_option("--device", flags.device, "cpu, cuda or cuda:N")->capture_default_str();
  command.add_option("--dtype", flags.dtype, "auto, float32, bfloat16 or float64")->capture_default_str();
  command.add_option("--threads", flags.threads, "CPU threads, 0 for all cores")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
}

}  // namespace rlhf
