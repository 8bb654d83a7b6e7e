#include "tests/train/tiny_models.h"

namespace rlhf::test {

ModelConfig tiny_config() {
  return ModelConfig::parse(
      R"({"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 12, "hidden_size": 16,
    "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2,
    "max_position_embeddings": 32, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
    "tie_word_embeddings": false, "initializer_range": 0.3, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0})",
      "tiny config");
}

LanguageModel tiny_language_model(torch::ScalarType dtype, uint64_t seed) {
  LanguageModel model = LanguageModel::initialise(tiny_config(), seed).freeze(dtype);
  model.require_grad(true);
  return model;
}

ScalarModel tiny_scalar_model(torch::ScalarType dtype, uint64_t seed) {
  ScalarModel model =
      ScalarModel::with_fresh_head(Decoder::initialise(tiny_config(), seed), seed + 1).freeze(dtype);
  model.require_grad(true);
  return model;
}

torch::Tensor weights_of(const std::vector<NamedTensor>& parameters) {
  std::vector<torch::Tensor> flat;
  for (const NamedTensor& parameter : parameters) flat.push_back(parameter.tensor.detach().flatten());
  return torch::cat(flat).clone();
}

}  // namespace rlhf::test
