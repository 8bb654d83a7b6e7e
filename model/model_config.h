#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "contract/token.h"

namespace rlhf {

enum class Norm { kRmsNorm, kLayerNorm };
enum class Activation { kSilu, kGelu, kGeluTanh };
enum class PositionEncoding { kRotary, kLearned };

/// Rotary position embedding (arXiv 2104.09864), rotate-half layout.
struct Rope {
  enum class Scaling { kDefault, kLinear, kLlama3 };
  double theta = 10000.0;
  int64_t rotary_dim = 0;  ///< leading dimensions of a head that are rotated
  Scaling scaling = Scaling::kDefault;
  double factor = 1.0;                ///< linear, llama3
  double low_freq_factor = 1.0;       ///< llama3
  double high_freq_factor = 4.0;      ///< llama3
  int64_t original_max_position = 0;  ///< llama3
};

/// The shape of a decoder-only transformer, in Hugging Face's words, whatever family it came from. The
/// families table (model/families.h) turns config.json into this and back.
struct ModelConfig {
  std::string model_type;  ///< "llama", "qwen2", "qwen3", "gpt2", "gpt_neox"
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t num_hidden_layers = 0;
  int64_t num_attention_heads = 0;
  int64_t num_key_value_heads = 0;
  int64_t head_dim = 0;
  int64_t max_position_embeddings = 0;
  Norm norm = Norm::kRmsNorm;
  double norm_eps = 1e-5;
  Activation activation = Activation::kSilu;
  bool gated_mlp = true;  ///< down(act(gate(x)) * up(x)); else down(act(up(x)))
  PositionEncoding positions = PositionEncoding::kRotary;
  Rope rope;
  bool qkv_bias = false;
  bool attention_output_bias = false;
  bool mlp_bias = false;
  bool qk_norm = false;            ///< RMSNorm over head_dim on q and k before the rotation (Qwen3)
  bool parallel_residual = false;  ///< x + attention(norm1(x)) + mlp(norm2(x)) (GPT-NeoX)
  bool scale_attention_by_inverse_layer = false;  ///< GPT-2's scale_attn_by_inverse_layer_idx
  bool tie_word_embeddings = false;
  double initializer_range = 0.02;
  std::optional<TokenId> bos_token_id;
  std::optional<TokenId> pad_token_id;
  std::vector<TokenId> eos_token_ids;
  nlohmann::ordered_json
      source;  ///< config.json as read, so that what we do not interpret is saved unchanged

  /// Reads config.json of any family in the table, transformers v4 and v5 spellings. UserError (naming
  /// `where` and the key) for an unknown family or rope type, a missing key, sizes that do not divide or are
  /// absurd.
  static ModelConfig parse(std::string_view json, const std::string& where);

  /// config.json for a language model or, with `scalar_head`, for ...ForSequenceClassification with one
  /// label; both rope spellings are written. `dtype` is that of the weights beside it.
  std::string to_json(bool scalar_head, const std::string& dtype = "float32") const;

  /// Number of weights in the decoder and its language-model head, tied ones counted once.
  int64_t parameter_count() const;
};

}  // namespace rlhf
