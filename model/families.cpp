#include "model/families.h"

#include "contract/error.h"
#include "model/rope_config.h"

namespace rlhf {
namespace {

using nlohmann::ordered_json;

constexpr std::pair<const char*, Activation> kActivations[] = {
    {"silu", Activation::kSilu},          {"swish", Activation::kSilu},
    {"gelu", Activation::kGelu},          {"gelu_new", Activation::kGeluTanh},
    {"gelu_fast", Activation::kGeluTanh}, {"gelu_pytorch_tanh", Activation::kGeluTanh},
};

Activation read_activation(const ConfigReader& reader, const std::string& key, const std::string& fallback) {
  const std::string name = reader.text(key, fallback);
  for (const auto& [known, activation] : kActivations) {
    if (name == known) return activation;
  }
  reader.fail("\"" + key + "\" is \"" + name +
              "\", but silu, gelu, gelu_new and gelu_pytorch_tanh are supported");
}

/// The name as it was read when it still fits, else the usual one.
std::string activation_name(const ModelConfig& config, const std::string& key) {
  const auto found = config.source.find(key);
  for (const auto& [known, activation] : kActivations) {
    if (activation == config.activation && found != config.source.end() && *found == known) return known;
  }
  switch (config.activation) {
    case Activation::kSilu:
      return "silu";
    case Activation::kGelu:
      return "gelu";
    case Activation::kGeluTanh:
      return "gelu_new";
  }
  return {};
}

const RopeKeys kLlamaRope{};
const RopeKeys kNeoxRope{"rotary_emb_base", "rotary_pct", 0.25};

void read_head_dim(const ConfigReader& reader, ModelConfig& config, std::optional<int64_t> fallback) {
  if (reader.has("head_dim")) {
    config.head_dim = reader.size("head_dim");
  } else if (fallback) {
    config.head_dim = *fallback;
  } else if (config.hidden_size % config.num_attention_heads == 0) {
    config.head_dim = config.hidden_size / config.num_attention_heads;
  } else {
    reader.fail("hidden_size " + std::to_string(config.hidden_size) +
                " does not divide by num_attention_heads " + std::to_string(config.num_attention_heads));
  }
}

/// What Llama and the Qwens have in common.
void read_llama_like(const ConfigReader& reader, ModelConfig& config,
                     std::optional<int64_t> default_head_dim) {
  config.hidden_size = reader.size("hidden_size");
  config.intermediate_size = reader.size("intermediate_size");
  config.num_hidden_layers = reader.size("num_hidden_layers");
  config.num_attention_heads = reader.size("num_attention_heads");
  config.num_key_value_heads = reader.size("num_key_value_heads", config.num_attention_heads);
  config.max_position_embeddings = reader.size("max_position_embeddings");
  read_head_dim(reader, config, default_head_dim);
  config.norm = Norm::kRmsNorm;
  config.norm_eps = reader.number("rms_norm_eps", 1e-6);
  config.activation = read_activation(reader, "hidden_act", "silu");
  config.gated_mlp = true;
  config.positions = PositionEncoding::kRotary;
  config.rope = read_rope(reader, kLlamaRope, config.head_dim);
  config.tie_word_embeddings = reader.flag("tie_word_embeddings", false);
}

void write_llama_like(const ModelConfig& config, ordered_json& json) {
  json["hidden_size"] = config.hidden_size;
  json["intermediate_size"] = config.intermediate_size;
  json["num_hidden_layers"] = config.num_hidden_layers;
  json["num_attention_heads"] = config.num_attention_heads;
  json["num_key_value_heads"] = config.num_key_value_heads;
  json["head_dim"] = config.head_dim;
  json["max_position_embeddings"] = config.max_position_embeddings;
  json["rms_norm_eps"] = config.norm_eps;
  json["hidden_act"] = activation_name(config, "hidden_act");
  write_rope(config.rope, kLlamaRope, config.head_dim, json);
}

void read_llama(const ConfigReader& reader, ModelConfig& config) {
  read_llama_like(reader, config, std::nullopt);
  config.qkv_bias = config.attention_output_bias = reader.flag("attention_bias", false);
  config.mlp_bias = reader.flag("mlp_bias", false);
}

void write_llama(const ModelConfig& config, ordered_json& json) {
  write_llama_like(config, json);
  json["attention_bias"] = config.qkv_bias;
  json["mlp_bias"] = config.mlp_bias;
}

/// Layers that look back over a window only are not built; a window that covers every position is none.
void refuse_sliding_window(const ConfigReader& reader, const ModelConfig& config) {
  bool windows = reader.flag("use_sliding_window", false) &&
                 reader.size("sliding_window", 4096) < config.max_position_embeddings &&
                 reader.number("max_window_layers", 28) < static_cast<double>(config.num_hidden_layers);
  if (reader.has("layer_types")) {
    for (const ordered_json& type : reader.value("layer_types"))
      windows = windows || type != "full_attention";
  }
  if (windows) reader.fail("layers with sliding-window attention are not supported");
}

void read_qwen2(const ConfigReader& reader, ModelConfig& config) {
  read_llama_like(reader, config, std::nullopt);
  refuse_sliding_window(reader, config);
  config.qkv_bias = true;
}

void read_qwen3(const ConfigReader& reader, ModelConfig& config) {
  constexpr int64_t kDefaultHeadDim = 128;
  read_llama_like(reader, config, kDefaultHeadDim);
  refuse_sliding_window(reader, config);
  config.qkv_bias = config.attention_output_bias = reader.flag("attention_bias", false);
  config.qk_norm = true;
}

void write_qwen3(const ModelConfig& config, ordered_json& json) {
  write_llama_like(config, json);
  json["attention_bias"] = config.qkv_bias;
}

void read_gpt2(const ConfigReader& reader, ModelConfig& config) {
  config.hidden_size = reader.size("n_embd");
  config.intermediate_size = reader.size("n_inner", 4 * config.hidden_size);
  config.num_hidden_layers = reader.size("n_layer");
  config.num_attention_heads = config.num_key_value_heads = reader.size("n_head");
  config.max_position_embeddings = reader.size("n_positions");
  read_head_dim(reader, config, std::nullopt);
  config.norm = Norm::kLayerNorm;
  config.norm_eps = reader.number("layer_norm_epsilon", 1e-5);
  config.activation = read_activation(reader, "activation_function", "gelu_new");
  config.gated_mlp = false;
  config.positions = PositionEncoding::kLearned;
  config.qkv_bias = config.attention_output_bias = config.mlp_bias = true;
  config.scale_attention_by_inverse_layer = reader.flag("scale_attn_by_inverse_layer_idx", false);
  config.tie_word_embeddings = reader.flag("tie_word_embeddings", true);
  if (!reader.flag("scale_attn_weights", true)) reader.fail("scale_attn_weights false is not supported");
  if (reader.flag("add_cross_attention", false)) reader.fail("add_cross_attention is not supported");
}

void write_gpt2(const ModelConfig& config, ordered_json& json) {
  json["n_embd"] = config.hidden_size;
  json["n_inner"] = config.intermediate_size;
  json["n_layer"] = config.num_hidden_layers;
  json["n_head"] = config.num_attention_heads;
  json["n_positions"] = config.max_position_embeddings;
  json["layer_norm_epsilon"] = config.norm_eps;
  json["activation_function"] = activation_name(config, "activation_function");
  json["scale_attn_by_inverse_layer_idx"] = config.scale_attention_by_inverse_layer;
}

void read_gpt_neox(const ConfigReader& reader, ModelConfig& config) {
  config.hidden_size = reader.size("hidden_size");
  config.intermediate_size = reader.size("intermediate_size");
  config.num_hidden_layers = reader.size("num_hidden_layers");
  config.num_attention_heads = config.num_key_value_heads = reader.size("num_attention_heads");
  config.max_position_embeddings = reader.size("max_position_embeddings");
  read_head_dim(reader, config, std::nullopt);
  config.norm = Norm::kLayerNorm;
  config.norm_eps = reader.number("layer_norm_eps", 1e-5);
  config.activation = read_activation(reader, "hidden_act", "gelu");
  config.gated_mlp = false;
  config.positions = PositionEncoding::kRotary;
  config.rope = read_rope(reader, kNeoxRope, config.head_dim);
  config.qkv_bias = config.attention_output_bias = reader.flag("attention_bias", true);
  config.mlp_bias = true;
  config.parallel_residual = reader.flag("use_parallel_residual", true);
  config.tie_word_embeddings = reader.flag("tie_word_embeddings", false);
}

void write_gpt_neox(const ModelConfig& config, ordered_json& json) {
  json["hidden_size"] = config.hidden_size;
  json["intermediate_size"] = config.intermediate_size;
  json["num_hidden_layers"] = config.num_hidden_layers;
  json["num_attention_heads"] = config.num_attention_heads;
  json["max_position_embeddings"] = config.max_position_embeddings;
  json["layer_norm_eps"] = config.norm_eps;
  json["hidden_act"] = activation_name(config, "hidden_act");
  json["attention_bias"] = config.qkv_bias;
  json["use_parallel_residual"] = config.parallel_residual;
  write_rope(config.rope, kNeoxRope, config.head_dim, json);
}

WeightNames llama_names() {
  WeightNames names;
  names.prefix = "model.";
  names.embedding = "embed_tokens";
  names.final_norm = "norm";
  names.layers = "layers";
  names.attention_norm = "input_layernorm";
  names.q = "self_attn.q_proj";
  names.k = "self_attn.k_proj";
  names.v = "self_attn.v_proj";
  names.q_norm = "self_attn.q_norm";
  names.k_norm = "self_attn.k_norm";
  names.attention_out = "self_attn.o_proj";
  names.mlp_norm = "post_attention_layernorm";
  names.gate = "mlp.gate_proj";
  names.up = "mlp.up_proj";
  names.mlp_out = "mlp.down_proj";
  names.heads = {"lm_head"};
  names.ignored_suffixes = {".rotary_emb.inv_freq"};
  return names;
}

WeightNames gpt2_names() {
  WeightNames names;
  names.prefix = "transformer.";
  names.embedding = "wte";
  names.position_embedding = "wpe";
  names.final_norm = "ln_f";
  names.layers = "h";
  names.attention_norm = "ln_1";
  names.qkv = "attn.c_attn";
  names.attention_out = "attn.c_proj";
  names.mlp_norm = "ln_2";
  names.up = "mlp.c_fc";
  names.mlp_out = "mlp.c_proj";
  names.heads = {"lm_head"};
  names.ignored_suffixes = {".attn.bias", ".attn.masked_bias"};
  names.qkv_layout = QkvLayout::kFused;
  names.transposed = true;
  return names;
}

WeightNames gpt_neox_names() {
  WeightNames names;
  names.prefix = "gpt_neox.";
  names.embedding = "embed_in";
  names.final_norm = "final_layer_norm";
  names.layers = "layers";
  names.attention_norm = "input_layernorm";
  names.qkv = "attention.query_key_value";
  names.attention_out = "attention.dense";
  names.mlp_norm = "post_attention_layernorm";
  names.up = "mlp.dense_h_to_4h";
  names.mlp_out = "mlp.dense_4h_to_h";
  names.heads = {"embed_out", "lm_head"};
  names.ignored_suffixes = {".attention.bias", ".attention.masked_bias", ".rotary_emb.inv_freq"};
  names.qkv_layout = QkvLayout::kFusedPerHead;
  return names;
}

}  // namespace

const std::vector<Family>& families() {
  static const std::vector<Family> table = {
      {"llama", "LlamaForCausalLM", "LlamaForSequenceClassification", llama_names(), read_llama, write_llama},
      {"qwen2", "Qwen2ForCausalLM", "Qwen2ForSequenceClassification", llama_names(), read_qwen2,
       write_llama_like},
      {"qwen3", "Qwen3ForCausalLM", "Qwen3ForSequenceClassification", llama_names(), read_qwen3, write_qwen3},
      {"gpt2", "GPT2LMHeadModel", "GPT2ForSequenceClassification", gpt2_names(), read_gpt2, write_gpt2},
      {"gpt_neox", "GPTNeoXForCausalLM", "GPTNeoXForSequenceClassification", gpt_neox_names(), read_gpt_neox,
       write_gpt_neox},
  };
  return table;
}

const Family& find_family(const std::string& model_type, const std::string& where) {
  std::string known;
  for (const Family& family : families()) {
    if (family.model_type == model_type) return family;
    known += (known.empty() ? "" : ", ") + family.model_type;
  }
  throw UserError(where + ": model_type \"" + model_type + "\" is not supported; supported are " + known);
}

}  // namespace rlhf
