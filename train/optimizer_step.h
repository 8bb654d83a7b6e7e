#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "model/decoder.h"
#include "model/safetensors.h"
#include "train/collective.h"
#include "train/training_options.h"

namespace rlhf {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;                   ///< on matrices; never on norms and biases
  double max_grad_norm = 1;                  ///< clips the global L2 norm; 0 = off
  double embedding_learning_rate_scale = 1;  ///< multiplies the rate of the token embedding
};
AdamWOptions adamw_options(const TrainingOptions& options);

/// One update of a network: gradients summed over the processes, checked, clipped, then AdamW (Loshchilov and
/// Hutter, arXiv 1711.05101) with torch's fused kernel. Losses must already be divided by their global count,
/// so summing is all that data parallelism adds.
class OptimizerStep {
 public:
  /// `prefix` names the state's tensors in a checkpoint, so that two optimizers can share a file. The
  /// parameters share storage with the network and must require gradients.
  OptimizerStep(std::vector<NamedTensor> parameters, AdamWOptions options, Collective& collective,
                std::string prefix = "");

  struct Result {
    double grad_norm = 0;  ///< before clipping
    bool applied = true;   ///< false: the gradient was not finite and nothing was changed
  };
  /// Applies the gradients accumulated so far and clears them.
  Result step(double learning_rate);
  void zero_grad();

  /// Refused steps in a row; `step` throws WorldError at the fifth.
  int64_t non_finite_running() const { return non_finite_running_; }
  int64_t non_finite_total() const { return non_finite_total_; }

  /// Moments and counters, for an exact resume.
  std::vector<NamedTensor> state() const;
  /// UserError when a tensor is missing or has another shape.
  void load_state(const SafetensorsFile& file);

 private:
  struct Group {
    std::vector<torch::Tensor> parameters, first_moments, second_moments, steps;
    double weight_decay = 0;
    double learning_rate_scale = 1;
  };
  std::vector<torch::Tensor> gradients() const;

  std::vector<NamedTensor> parameters_;
  std::vector<Group> groups_;
  std::vector<std::pair<size_t, size_t>> place_;  // parameter -> group, index in it
  AdamWOptions options_;
  Collective& collective_;
  std::string prefix_;
  int64_t non_finite_running_ = 0;
  int64_t non_finite_total_ = 0;
};

}  // namespace rlhf
