#pragma once
#include <filesystem>
#include <string>

#include "contract/checkpoint.h"
#include "model/heads.h"
#include "model/model_files.h"

namespace rlhf {

class Tokenizer;

/// Mean and standard deviation of a reward model's raw score over samples of the SFT model (design section
/// 4).
struct RewardNormalizer {
  double mean = 0;
  double std = 1;
};

/// config.json, with the end-of-sequence ids of generation_config.json where that names them.
ModelConfig load_config(const ModelFiles& files);

/// Loads config and weights; shards are followed. Missing or extra tensors are a UserError that names them,
/// but for a family's known buffers. `trainable` copies the weights to aligned memory; else they may stay
/// mapped.
LanguageModel load_language_model(const ModelFiles& files, torch::ScalarType dtype, torch::Device device,
                                  bool trainable);

struct LoadedScalarModel {
  ScalarModel model;
  RewardNormalizer normalizer;
  bool fresh_head = false;  ///< the files held a causal model; the head is new and the caller announces it
};

/// As above for ...ForSequenceClassification. A causal model gets a fresh head drawn from `head_seed`.
LoadedScalarModel load_scalar_model(const ModelFiles& files, torch::ScalarType dtype, torch::Device device,
                                    bool trainable, uint64_t head_seed = 0);

/// Writes config.json, generation_config.json and model.safetensors (shards above `max_shard_bytes`) of a
/// model in Hugging Face's layout into an existing folder. Tokenizer files are the caller's
/// (Tokenizer::to_files).
struct SaveOptions {
  torch::ScalarType dtype = torch::kFloat32;
  uint64_t max_shard_bytes = 5ull << 30;
};
void save_language_model(const LanguageModel& model, const std::filesystem::path& folder,
                         const SaveOptions& = {});
void save_scalar_model(const ScalarModel& model, const RewardNormalizer& normalizer,
                       const std::filesystem::path& folder, const SaveOptions& = {});

/// The same files as bytes, with a manifest: what is published over gRPC after each PPO iteration.
CheckpointBytes language_model_bytes(const LanguageModel& model, const Tokenizer& tokenizer,
                                     const SaveOptions& = {});
CheckpointBytes scalar_model_bytes(const ScalarModel& model, const RewardNormalizer& normalizer,
                                   const Tokenizer& tokenizer, const SaveOptions& = {});

}  // namespace rlhf
