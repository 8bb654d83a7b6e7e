#include "model/model_config.h"

#include "contract/error.h"
#include "model/families.h"

namespace rlhf {
namespace {

using nlohmann::ordered_json;

void check(const ConfigReader& reader, const ModelConfig& config) {
  const auto text = [](int64_t value) { return std::to_string(value); };
  if (config.num_attention_heads % config.num_key_value_heads != 0) {
    reader.fail("num_attention_heads " + text(config.num_attention_heads) +
                " does not divide by num_key_value_heads " + text(config.num_key_value_heads));
  }
  constexpr int64_t kMostLayers = 4096;
  if (config.num_hidden_layers > kMostLayers) {
    reader.fail("num_hidden_layers " + text(config.num_hidden_layers) + " is absurd");
  }
  const int64_t widest =
      std::max(config.num_attention_heads, 2 * config.num_key_value_heads) * config.head_dim;
  if (widest > kLargestSize) reader.fail("heads of " + text(config.head_dim) + " dimensions are absurd");
  if (!(config.norm_eps > 0 && config.norm_eps < 1))
    reader.fail("the epsilon of the norms must be between 0 and 1");
  if (!(config.initializer_range >= 0)) reader.fail("initializer_range must not be negative");
}

ordered_json token_ids_json(const std::vector<TokenId>& ids) {
  if (ids.empty()) return nullptr;
  if (ids.size() == 1) return ids.front();
  return ids;
}

}  // namespace

ModelConfig ModelConfig::parse(std::string_view json, const std::string& where) {
  ModelConfig config;
  config.source = parse_json_object(json, where);
  const ConfigReader reader(config.source, where);
  config.model_type = reader.text("model_type");
  const Family& family = find_family(config.model_type, where);
  config.vocab_size = reader.size("vocab_size");
  config.initializer_range = reader.number("initializer_range", config.initializer_range);
  family.read(reader, config);
  check(reader, config);
  const auto first = [&](const std::string& key) {
    const std::vector<TokenId> ids = reader.token_ids(key, config.vocab_size);
    return ids.empty() ? std::optional<TokenId>() : ids.front();
  };
  config.bos_token_id = first("bos_token_id");
  config.pad_token_id = first("pad_token_id");
  config.eos_token_ids = reader.token_ids("eos_token_id", config.vocab_size);
  return config;
}

std::string ModelConfig::to_json(bool scalar_head, const std::string& dtype) const {
  const Family& family = find_family(model_type, "config.json");
  ordered_json json = source.is_object() ? source : ordered_json::object();
  json["architectures"] = {scalar_head ? family.classifier_class : family.causal_class};
  json["model_type"] = model_type;
  json["vocab_size"] = vocab_size;
  family.write(*this, json);
  json["tie_word_embeddings"] = tie_word_embeddings;
  json["initializer_range"] = initializer_range;
  json["bos_token_id"] = bos_token_id ? ordered_json(*bos_token_id) : ordered_json();
  json["eos_token_id"] = token_ids_json(eos_token_ids);
  json["pad_token_id"] = pad_token_id ? ordered_json(*pad_token_id) : ordered_json();
  json["torch_dtype"] = dtype;  // the key before transformers 4.56, which later ones still read
  json["dtype"] = dtype;
  for (const char* key : {"num_labels", "id2label", "label2id", "problem_type", "mean", "std"})
    json.erase(key);
  if (scalar_head) {
    json["num_labels"] = 1;
    json["id2label"] = {{"0", "LABEL_0"}};
    json["label2id"] = {{"LABEL_0", 0}};
    // transformers finds the last token by its not being padding, and refuses a batch without a padding id.
    if (!pad_token_id) json["pad_token_id"] = eos_token_ids.empty() ? 0 : eos_token_ids.front();
  }
  return json.dump(2) + "\n";
}

int64_t ModelConfig::parameter_count() const {
  const int64_t h = hidden_size, q = num_attention_heads * head_dim, kv = num_key_value_heads * head_dim;
  const int64_t norm_size = norm == Norm::kLayerNorm ? 2 * h : h;
  const int64_t mlp_in = (gated_mlp ? 2 : 1) * intermediate_size;
  int64_t layer = 2 * norm_size + (q + 2 * kv) * h + h * q + mlp_in * h + h * intermediate_size;
  if (qkv_bias) layer += q + 2 * kv;
  if (attention_output_bias) layer += h;
  if (mlp_bias) layer += mlp_in + h;
  if (qk_norm) layer += 2 * head_dim;
  const int64_t embeddings = vocab_size * h * (tie_word_embeddings ? 1 : 2);
  const int64_t learned = positions == PositionEncoding::kLearned ? max_position_embeddings * h : 0;
  return embeddings + learned + num_hidden_layers * layer + norm_size;
}

}  // namespace rlhf
