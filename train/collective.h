#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include <torch/types.h>

namespace rlhf {

/// `device`, or the process's own GPU where that is "cuda" without a number: LOCAL_RANK, as torchrun sets it,
/// 0 without it. UserError for a malformed variable.
torch::Device local_device(torch::Device device);

/// Sums and copies between the processes of one data-parallel run, over c10d: Gloo on CPU, NCCL on CUDA. With
/// one process every call is a no-op. All processes must make the same calls in the same order, from one
/// thread each.
///
/// torchrun's environment decides: RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, LOCAL_RANK; absent means one
/// process.
class Collective {
 public:
  /// UserError for a malformed variable, WorldError when the other processes cannot be reached.
  static std::unique_ptr<Collective> from_environment(torch::Device device);
  static std::unique_ptr<Collective> single();
  virtual ~Collective() = default;

  virtual int64_t rank() const = 0;
  virtual int64_t world_size() const = 0;
  bool is_first() const { return rank() == 0; }

  /// Replaces each tensor by its sum over the processes; large groups are flattened into buckets.
  virtual void all_reduce_sum(std::vector<torch::Tensor>& tensors) = 0;
  /// Every process's numbers become the sum, in float64.
  virtual void all_reduce_sum(std::vector<double>& numbers) = 0;
  /// Copies process 0's tensors to all.
  virtual void broadcast(std::vector<torch::Tensor>& tensors) = 0;
  virtual void barrier() = 0;
};

}  // namespace rlhf
