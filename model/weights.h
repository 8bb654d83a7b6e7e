#pragma once
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

#include "model/families.h"
#include "model/heads.h"

namespace rlhf {

/// Tensors under Hugging Face names, wherever they come from: safetensors, shards, GGUF.
class TensorSource {
 public:
  virtual ~TensorSource() = default;
  virtual std::vector<std::string> names() const = 0;
  virtual torch::Tensor tensor(const std::string& name) const = 0;
  virtual std::string where() const = 0;  ///< for messages
};

struct LoadOptions {
  /// Of the products. A trainable model keeps float32 masters (float64 for float64); else matrices are stored
  /// in this.
  torch::ScalarType dtype = torch::kFloat32;
  torch::Device device = torch::kCPU;
  /// Copies every weight to aligned memory of its own; else matrices of the wanted dtype share the source's
  /// where that is aligned to 64 bytes and nothing is joined to them.
  bool trainable = false;
};

/// Builds a language model from a family's tensors. UserError naming what is missing, extra (but for the
/// family's known buffers and a copy of a tied head) or of another shape than the config says.
LanguageModel assemble_language_model(const ModelConfig& config, const TensorSource& source,
                                      const LoadOptions& options);

/// The same for ...ForSequenceClassification. The head is undefined when the source holds a causal model.
struct AssembledScalarModel {
  Decoder decoder;
  torch::Tensor score_weight;
};
AssembledScalarModel assemble_scalar_model(const ModelConfig& config, const TensorSource& source,
                                           const LoadOptions& options);

/// Weights under Hugging Face names and in its layout, in `dtype`; views of the model's where nothing
/// changes.
std::vector<NamedTensor> hugging_face_weights(const LanguageModel& model, torch::ScalarType dtype);
std::vector<NamedTensor> hugging_face_weights(const ScalarModel& model, torch::ScalarType dtype);

}  // namespace rlhf
