#include "model/gguf_names.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace rlhf {
namespace {

using NamePair = std::pair<std::string_view, std::string_view>;

constexpr std::string_view kGgufLayers = "blk.", kHuggingFaceLayers = "model.layers.";

constexpr NamePair kTop[] = {
    {"token_embd", "model.embed_tokens"}, {"output_norm", "model.norm"}, {"output", "lm_head"}};

constexpr NamePair kLayer[] = {{"attn_norm", "input_layernorm"},    {"attn_q", "self_attn.q_proj"},
                               {"attn_k", "self_attn.k_proj"},      {"attn_v", "self_attn.v_proj"},
                               {"attn_q_norm", "self_attn.q_norm"}, {"attn_k_norm", "self_attn.k_norm"},
                               {"attn_output", "self_attn.o_proj"}, {"ffn_norm", "post_attention_layernorm"},
                               {"ffn_gate", "mlp.gate_proj"},       {"ffn_up", "mlp.up_proj"},
                               {"ffn_down", "mlp.down_proj"}};

/// "name.weight" with `name` replaced by its partner in the table; empty when it has none.
template <std::size_t N>
std::string replace_stem(std::string_view name, const NamePair (&table)[N], bool from_gguf) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return {};
  for (const auto& [gguf, hugging_face] : table) {
    if (name.substr(0, dot) == (from_gguf ? gguf : hugging_face)) {
      return std::string(from_gguf ? hugging_face : gguf) + std::string(name.substr(dot));
    }
  }
  return {};
}

std::string rename(const std::string& name, bool from_gguf) {
  const std::string_view layers = from_gguf ? kGgufLayers : kHuggingFaceLayers;
  if (!name.starts_with(layers)) {
    const std::string renamed = replace_stem(name, kTop, from_gguf);
    return renamed.empty() ? name : renamed;
  }
  const std::size_t dot = name.find('.', layers.size());
  if (dot == std::string::npos) return name;
  const std::string renamed = replace_stem(std::string_view(name).substr(dot + 1), kLayer, from_gguf);
  if (renamed.empty()) return name;
  const std::string layer = name.substr(layers.size(), dot - layers.size());
  return std::string(from_gguf ? kHuggingFaceLayers : kGgufLayers) + layer + "." + renamed;
}

}  // namespace

std::string gguf_to_hugging_face(const std::string& name) {
  return rename(name, true);
}
std::string hugging_face_to_gguf(const std::string& name) {
  return rename(name, false);
}

}  // namespace rlhf
