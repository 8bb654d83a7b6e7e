#pragma once
#include <filesystem>
#include <map>
#include <string>

#include "model/gguf_reader.h"
#include "model/heads.h"
#include "text/tokenizer.h"

namespace rlhf {

/// A language model read from a GGUF file, and the tokenizer files its metadata describes.
struct GgufModel {
  LanguageModel model;  ///< float32, or `dtype`
  std::map<std::string, std::string> tokenizer_files;
};

/// Reads architectures llama, qwen2 and qwen3 with tensors of type F32, F16, BF16, Q8_0, Q4_0 and Q4_1. The
/// rows of q and k, which llama.cpp keeps in another order for llama, come in Hugging Face's. Throws
/// UserError.
GgufModel load_gguf(const GgufFile& file, torch::ScalarType dtype = torch::kFloat32);

/// Writes a model that llama.cpp runs. Matrices are stored as `type` (F32, F16, BF16 or Q8_0; as F16 where
/// rows are not whole blocks), vectors as F32. UserError for families and tokenizers that have no GGUF form,
/// WorldError for the disk.
void save_gguf(const std::filesystem::path& path, const LanguageModel& model, const Tokenizer& tokenizer,
               GgufTensorType type);

}  // namespace rlhf
