#include "model/gguf_config.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numbers>

#include "contract/error.h"
#include "model/config_reader.h"

namespace rlhf {
namespace {

using nlohmann::ordered_json;

constexpr const char* kArchitectures[] = {"llama", "qwen2", "qwen3"};

bool is_supported(const std::string& architecture) {
  return std::find(std::begin(kArchitectures), std::end(kArchitectures), architecture) !=
         std::end(kArchitectures);
}

/// The double that a person would have written for a float32 of the file: 1e-05, not 9.999999747378752e-06.
double shortest(double value) {
  if (std::fabs(value) > std::numeric_limits<float>::max()) return value;
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, static_cast<float>(value)).ptr;
  double parsed = value;
  std::from_chars(buffer, end, parsed);
  return parsed;
}

/// Llama 3's own scaling with another factor, the only one that is found back from its divisors.
Rope llama3_rope(double theta, int64_t rotary_dim, double factor) {
  Rope rope;
  rope.theta = theta;
  rope.rotary_dim = rotary_dim;
  rope.scaling = Rope::Scaling::kLlama3;
  rope.factor = factor;
  rope.low_freq_factor = 1.0;
  rope.high_freq_factor = 4.0;
  rope.original_max_position = 8192;
  return rope;
}

ordered_json llama3_scaling(const GgufFile& file, const GgufTensor& tensor, double theta, int64_t head_dim) {
  std::vector<float> factors(tensor.elements());
  tensor.read(factors.data());
  const double factor = shortest(*std::max_element(factors.begin(), factors.end()));
  const Rope rope = llama3_rope(theta, head_dim, factor);
  const std::vector<float> expected = rope_factors(rope);
  const bool same = std::equal(factors.begin(), factors.end(), expected.begin(), expected.end(),
                               [](float a, float b) { return std::fabs(a - b) <= 1e-5f * b; });
  if (!same || !(factor >= 1))
    file.fail(std::string(kGgufRopeFactors) + " holds a rope scaling other than Llama 3's");
  return {{"rope_type", "llama3"},
          {"factor", factor},
          {"low_freq_factor", rope.low_freq_factor},
          {"high_freq_factor", rope.high_freq_factor},
          {"original_max_position_embeddings", rope.original_max_position}};
}

ordered_json rope_scaling(const GgufFile& file, const std::string& prefix, double theta, int64_t head_dim) {
  // As llama.cpp reads it: linear where no type is named, by either name of the factor; 0 means none.
  const std::string type = file.text(prefix + "rope.scaling.type", "linear");
  if (const GgufTensor* factors = file.find_tensor(kGgufRopeFactors)) {
    return llama3_scaling(file, *factors, theta, head_dim);
  }
  if (type == "none") return nullptr;
  if (type != "linear") file.fail("rope scaling \"" + type + "\" is not supported; linear and Llama 3's are");
  const double factor =
      file.number(prefix + "rope.scaling.factor", file.number(prefix + "rope.scale_linear", 0.0));
  if (factor == 0 || factor == 1) return nullptr;
  return {{"rope_type", "linear"}, {"factor", shortest(factor)}};
}

void refuse_unknown_parts(const GgufFile& file, const std::string& architecture) {
  if (!is_supported(architecture)) {
    file.fail("architecture \"" + architecture + "\" is not supported; llama, qwen2 and qwen3 are");
  }
  if (file.find_size("split.count", kLargestSize).value_or(1) > 1) {
    file.fail("one part of a split model; join the parts with llama-gguf-split --merge first");
  }
  if (file.find_size(architecture + ".expert_count", kLargestSize).value_or(0) > 0) {
    file.fail("models with experts are not supported");
  }
  for (const char* key : {"attention.head_count", "attention.head_count_kv", "feed_forward_length"}) {
    const std::string name = architecture + "." + key;
    if (file.has(name) && file.is_array(name))
      file.fail(name + " differs from layer to layer, which is not supported");
  }
}

}  // namespace

std::vector<float> rope_factors(const Rope& rope) {
  std::vector<float> factors;
  if (rope.scaling != Rope::Scaling::kLlama3) return factors;
  const auto original = static_cast<double>(rope.original_max_position);
  for (int64_t i = 0; i < rope.rotary_dim; i += 2) {
    const double exponent = static_cast<double>(i) / static_cast<double>(rope.rotary_dim);
    const double wavelength = 2 * std::numbers::pi * std::pow(rope.theta, exponent);
    const double smooth =
        (original / wavelength - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
    if (wavelength < original / rope.high_freq_factor) {
      factors.push_back(1.0f);
    } else if (wavelength > original / rope.low_freq_factor) {
      factors.push_back(static_cast<float>(rope.factor));
    } else {
      factors.push_back(static_cast<float>(1 / ((1 - smooth) / rope.factor + smooth)));
    }
  }
  return factors;
}

ordered_json gguf_config(const GgufFile& file) {
  const std::string architecture = file.text("general.architecture");
  refuse_unknown_parts(file, architecture);
  const std::string prefix = architecture + ".";
  const GgufTensor* embedding = file.find_tensor("token_embd.weight");
  if (!embedding || embedding->shape.size() != 2) file.fail("there is no matrix token_embd.weight");

  const int64_t hidden = file.size(prefix + "embedding_length", kLargestSize);
  const int64_t heads = file.size(prefix + "attention.head_count", kLargestSize);
  if (heads == 0) file.fail(prefix + "attention.head_count is 0");
  const int64_t head_dim =
      file.find_size(prefix + "attention.key_length", kLargestSize).value_or(hidden / heads);
  if (file.find_size(prefix + "attention.value_length", kLargestSize).value_or(head_dim) != head_dim) {
    file.fail("keys and values of different lengths are not supported");
  }
  if (file.find_size(prefix + "rope.dimension_count", kLargestSize).value_or(head_dim) != head_dim) {
    file.fail("rotating a part of each head is not supported for " + architecture);
  }
  const int64_t layers = file.size(prefix + "block_count", kLargestSize);
  if (static_cast<uint64_t>(layers) > file.tensors().size()) {
    file.fail(prefix + "block_count is " + std::to_string(layers) + ", more than there are tensors");
  }
  const double theta = shortest(file.number(prefix + "rope.freq_base", 10000.0));

  const char* class_name = architecture == "llama"   ? "LlamaForCausalLM"
                           : architecture == "qwen2" ? "Qwen2ForCausalLM"
                                                     : "Qwen3ForCausalLM";
  ordered_json config;
  config["architectures"] = {class_name};
  config["model_type"] = architecture;
  config["vocab_size"] = embedding->shape[0];
  config["hidden_size"] = hidden;
  config["intermediate_size"] = file.size(prefix + "feed_forward_length", kLargestSize);
  config["num_hidden_layers"] = layers;
  config["num_attention_heads"] = heads;
  config["num_key_value_heads"] =
      file.find_size(prefix + "attention.head_count_kv", kLargestSize).value_or(heads);
  config["head_dim"] = head_dim;
  config["max_position_embeddings"] = file.size(prefix + "context_length", kLargestSize);
  config["hidden_act"] = "silu";
  config["rms_norm_eps"] = shortest(file.number(prefix + "attention.layer_norm_rms_epsilon"));
  config["rope_theta"] = theta;
  config["rope_scaling"] = rope_scaling(file, prefix, theta, head_dim);
  config["tie_word_embeddings"] = file.find_tensor("output.weight") == nullptr;
  if (architecture != "qwen2")
    config["attention_bias"] = file.find_tensor("blk.0.attn_output.bias") != nullptr;
  if (architecture == "llama") config["mlp_bias"] = file.find_tensor("blk.0.ffn_down.bias") != nullptr;
  return config;
}

void append_config(const ModelConfig& config, GgufMetadata& metadata) {
  if (!is_supported(config.model_type)) {
    throw UserError("a model of family " + config.model_type +
                    " cannot be written as GGUF; llama, qwen2 and qwen3 can");
  }
  if (config.activation != Activation::kSilu) throw UserError("llama.cpp runs these models with SiLU only");
  const std::string prefix = config.model_type + ".";
  const auto add_size = [&](const char* key, int64_t value) {
    metadata.emplace_back(prefix + key, static_cast<uint32_t>(value));
  };
  const auto add_number = [&](const char* key, double value) {
    metadata.emplace_back(prefix + key, static_cast<float>(value));
  };
  add_size("block_count", config.num_hidden_layers);
  add_size("context_length", config.max_position_embeddings);
  add_size("embedding_length", config.hidden_size);
  add_size("feed_forward_length", config.intermediate_size);
  add_size("attention.head_count", config.num_attention_heads);
  add_size("attention.head_count_kv", config.num_key_value_heads);
  add_size("attention.key_length", config.head_dim);
  add_size("attention.value_length", config.head_dim);
  add_number("attention.layer_norm_rms_epsilon", config.norm_eps);
  add_size("rope.dimension_count", config.rope.rotary_dim);
  add_number("rope.freq_base", config.rope.theta);
  if (config.rope.scaling == Rope::Scaling::kLinear) {
    metadata.emplace_back(prefix + "rope.scaling.type", std::string("linear"));
    add_number("rope.scaling.factor", config.rope.factor);
  }
  add_size("vocab_size", config.vocab_size);
}

}  // namespace rlhf
