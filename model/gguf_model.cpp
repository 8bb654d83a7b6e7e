#include "model/gguf_model.h"

#include <stdexcept>

#include "model/gguf_config.h"
#include "model/gguf_names.h"
#include "model/gguf_quantization.h"
#include "model/gguf_tokenizer.h"
#include "model/gguf_writer.h"
#include "model/weights.h"

namespace rlhf {
namespace {

bool ends_with_any(const std::string& name, std::initializer_list<const char*> suffixes) {
  for (const char* suffix : suffixes) {
    if (name.ends_with(suffix)) return true;
  }
  return false;
}

/// llama.cpp rotates neighbouring pairs of a llama head, Hugging Face its halves; the rows of q and k differ
/// so. Heads of such a tensor by its Hugging Face name, 0 for every other.
int64_t permuted_heads(const ModelConfig& config, const std::string& name) {
  if (config.model_type != "llama") return 0;
  if (ends_with_any(name, {".q_proj.weight", ".q_proj.bias"})) return config.num_attention_heads;
  if (ends_with_any(name, {".k_proj.weight", ".k_proj.bias"})) return config.num_key_value_heads;
  return 0;
}

/// Rows of each head from (head_dim / 2, 2) to (2, head_dim / 2) or, with `to_pairs`, back.
torch::Tensor permute_rows(const torch::Tensor& rows, int64_t heads, bool to_pairs) {
  const int64_t half = rows.size(0) / heads / 2;
  const auto grouped = to_pairs ? rows.reshape({heads, 2, half, -1}) : rows.reshape({heads, half, 2, -1});
  return grouped.transpose(1, 2).reshape(rows.sizes());
}

/// Tensors of a GGUF file under Hugging Face names.
class GgufSource : public TensorSource {
 public:
  GgufSource(const GgufFile& file, const ModelConfig& config) : file_(file), config_(config) {
    for (const GgufTensor& tensor : file.tensors()) {
      if (tensor.name != kGgufRopeFactors) by_name_[gguf_to_hugging_face(tensor.name)] = &tensor;
    }
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const auto& [name, tensor] : by_name_) names.push_back(name);
    return names;
  }

  torch::Tensor tensor(const std::string& name) const override {
    const GgufTensor& stored = *by_name_.at(name);
    torch::Tensor values = torch::empty(stored.shape, torch::kFloat32);
    stored.read(values.data_ptr<float>());
    const int64_t heads = permuted_heads(config_, name);
    if (heads == 0) return values;
    if (values.size(0) % (2 * heads) != 0)
      file_.fail("the rows of " + stored.name + " do not divide into heads");
    return permute_rows(values, heads, false);
  }
  std::string where() const override { return file_.where(); }

 private:
  const GgufFile& file_;
  const ModelConfig& config_;
  std::map<std::string, const GgufTensor*> by_name_;
};

ModelConfig read_config(const GgufFile& file) {
  nlohmann::ordered_json json = gguf_config(file);
  const GgufTokenRoles roles = gguf_token_roles(file);
  if (roles.bos) json["bos_token_id"] = *roles.bos;
  if (roles.pad) json["pad_token_id"] = *roles.pad;
  if (roles.eos.size() == 1) json["eos_token_id"] = roles.eos[0];
  if (roles.eos.size() > 1) json["eos_token_id"] = roles.eos;
  return ModelConfig::parse(json.dump(), file.where());
}

/// llama.cpp's number for what most tensors are (general.file_type).
uint32_t file_type(GgufTensorType type) {
  switch (type) {
    case GgufTensorType::kF32:
      return 0;
    case GgufTensorType::kF16:
      return 1;
    case GgufTensorType::kQ8_0:
      return 7;
    case GgufTensorType::kBF16:
      return 32;
    default:
      throw std::invalid_argument("GGUF files are not written in this type");
  }
}

GgufTensorType stored_type(const torch::Tensor& tensor, GgufTensorType wanted) {
  if (tensor.dim() < 2) return GgufTensorType::kF32;
  const auto elements = static_cast<int64_t>(block_of(wanted).elements);
  return tensor.size(-1) % elements == 0 ? wanted : GgufTensorType::kF16;
}

std::vector<float> to_floats(const torch::Tensor& tensor) {
  const torch::Tensor values = tensor.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  const float* data = values.data_ptr<float>();
  return {data, data + values.numel()};
}

GgufTensorToWrite plan_tensor(const NamedTensor& weight, const ModelConfig& config, GgufTensorType type) {
  const int64_t heads = permuted_heads(config, weight.name);
  return {hugging_face_to_gguf(weight.name), weight.tensor.sizes().vec(), stored_type(weight.tensor, type),
          [tensor = weight.tensor, heads] {
            return to_floats(heads ? permute_rows(tensor, heads, true) : tensor);
          }};
}

}  // namespace

GgufModel load_gguf(const GgufFile& file, torch::ScalarType dtype) {
  const ModelConfig config = read_config(file);
  std::map<std::string, std::string> tokenizer_files = gguf_tokenizer_files(file);
  return {assemble_language_model(config, GgufSource(file, config), {dtype, torch::kCPU, false}),
          std::move(tokenizer_files)};
}

void save_gguf(const std::filesystem::path& path, const LanguageModel& model, const Tokenizer& tokenizer,
               GgufTensorType type) {
  const ModelConfig& config = model.decoder().config();
  GgufMetadata metadata;
  metadata.emplace_back("general.architecture", config.model_type);
  metadata.emplace_back("general.type", std::string("model"));
  metadata.emplace_back("general.file_type", file_type(type));
  metadata.emplace_back("general.quantization_version", uint32_t{2});
  append_config(config, metadata);
  append_tokenizer(tokenizer, static_cast<TokenId>(config.vocab_size), metadata);

  std::vector<GgufTensorToWrite> tensors;
  const std::vector<float> factors = rope_factors(config.rope);
  if (!factors.empty()) {
    tensors.push_back(
        {kGgufRopeFactors, {static_cast<int64_t>(factors.size())}, GgufTensorType::kF32, [factors] {
           return factors;
         }});
  }
  for (const NamedTensor& weight : hugging_face_weights(model, torch::kFloat32)) {
    tensors.push_back(plan_tensor(weight, config, type));
  }
  write_gguf(path, metadata, tensors);
}

}  // namespace rlhf
