#include "model/weights.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "contract/error.h"

namespace rlhf {
namespace {

using Shape = std::vector<int64_t>;

constexpr char kScoreWeight[] = "score.weight";

/// One tensor of a family's files and the part of our weights that it fills: rows [first_row, first_row +
/// rows) of a fused weight, or all of it.
struct Placement {
  std::string name;    // Hugging Face's, with the prefix
  Shape shape;         // Hugging Face's
  int64_t layer = -1;  // -1: the embeddings and the final norm
  torch::Tensor LayerWeights::*member = nullptr;
  int64_t first_row = 0, rows = 0;
};

/// Lists what the files of a config hold, once, for reading, checking and writing alike.
class Layout {
 public:
  Layout(const ModelConfig& config, std::string prefix)
      : config_(config),
        names_(find_family(config.model_type, "config.json").names),
        prefix_(std::move(prefix)) {
    for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer) add_layer(layer);
  }

  const std::vector<Placement>& layer_tensors() const { return placements_; }
  const WeightNames& names() const { return names_; }
  std::string top(const std::string& name, const char* kind) const { return prefix_ + name + kind; }

  /// Every decoder tensor with its shape.
  std::map<std::string, Shape> shapes() const {
    std::map<std::string, Shape> all;
    for (const Placement& placement : placements_) all[placement.name] = placement.shape;
    all[top(names_.embedding, ".weight")] = {config_.vocab_size, config_.hidden_size};
    if (config_.positions == PositionEncoding::kLearned) {
      all[top(names_.position_embedding, ".weight")] = {config_.max_position_embeddings, config_.hidden_size};
    }
    all[top(names_.final_norm, ".weight")] = {config_.hidden_size};
    if (config_.norm == Norm::kLayerNorm) all[top(names_.final_norm, ".bias")] = {config_.hidden_size};
    return all;
  }

 private:
  void add_layer(int64_t layer) {
    const ModelConfig& c = config_;
    const int64_t q = c.num_attention_heads * c.head_dim, kv = c.num_key_value_heads * c.head_dim;
    const bool norm_bias = c.norm == Norm::kLayerNorm;
    using W = LayerWeights;
    add_vector(layer, names_.attention_norm + ".weight", &W::attention_norm_weight, c.hidden_size);
    if (norm_bias) add_vector(layer, names_.attention_norm + ".bias", &W::attention_norm_bias, c.hidden_size);
    if (names_.qkv_layout == QkvLayout::kSeparate) {
      add_projection(layer, names_.q, &W::qkv_weight, c.qkv_bias ? &W::qkv_bias : nullptr, {q, c.hidden_size},
                     0);
      add_projection(layer, names_.k, &W::qkv_weight, c.qkv_bias ? &W::qkv_bias : nullptr,
                     {kv, c.hidden_size}, q);
      add_projection(layer, names_.v, &W::qkv_weight, c.qkv_bias ? &W::qkv_bias : nullptr,
                     {kv, c.hidden_size}, q + kv);
    } else {
      add_projection(layer, names_.qkv, &W::qkv_weight, c.qkv_bias ? &W::qkv_bias : nullptr,
                     {q + 2 * kv, c.hidden_size}, 0);
    }
    if (c.qk_norm) {
      add_vector(layer, names_.q_norm + ".weight", &W::q_norm_weight, c.head_dim);
      add_vector(layer, names_.k_norm + ".weight", &W::k_norm_weight, c.head_dim);
    }
    add_projection(layer, names_.attention_out, &W::attention_out_weight,
                   c.attention_output_bias ? &W::attention_out_bias : nullptr, {c.hidden_size, q}, 0);
    add_vector(layer, names_.mlp_norm + ".weight", &W::mlp_norm_weight, c.hidden_size);
    if (norm_bias) add_vector(layer, names_.mlp_norm + ".bias", &W::mlp_norm_bias, c.hidden_size);
    const auto mlp_in_bias = c.mlp_bias ? &W::mlp_in_bias : nullptr;
    const Shape mlp_in = {c.intermediate_size, c.hidden_size};
    if (c.gated_mlp) add_projection(layer, names_.gate, &W::mlp_in_weight, mlp_in_bias, mlp_in, 0);
    add_projection(layer, names_.up, &W::mlp_in_weight, mlp_in_bias, mlp_in,
                   c.gated_mlp ? c.intermediate_size : 0);
    add_projection(layer, names_.mlp_out, &W::mlp_out_weight, c.mlp_bias ? &W::mlp_out_bias : nullptr,
                   {c.hidden_size, c.intermediate_size}, 0);
  }

  /// `out_in` is our shape, [rows, in].
  void add_projection(int64_t layer, const std::string& name, torch::Tensor LayerWeights::*weight,
                      torch::Tensor LayerWeights::*bias, const Shape& out_in, int64_t first_row) {
    const Shape stored = names_.transposed ? Shape{out_in[1], out_in[0]} : out_in;
    add(layer, name + ".weight", weight, stored, first_row, out_in[0]);
    if (bias) add(layer, name + ".bias", bias, {out_in[0]}, first_row, out_in[0]);
  }
  void add_vector(int64_t layer, const std::string& name, torch::Tensor LayerWeights::*member, int64_t size) {
    add(layer, name, member, {size}, 0, size);
  }
  void add(int64_t layer, const std::string& name, torch::Tensor LayerWeights::*member, Shape shape,
           int64_t first_row, int64_t rows) {
    placements_.push_back({prefix_ + names_.layers + "." + std::to_string(layer) + "." + name,
                           std::move(shape), layer, member, first_row, rows});
  }

  const ModelConfig& config_;
  const WeightNames& names_;
  std::string prefix_;
  std::vector<Placement> placements_;
};

/// [heads, 3, head_dim, ...] rows to [3, heads, head_dim, ...] and, with `back`, the other way.
torch::Tensor swap_heads_and_kinds(const torch::Tensor& x, const ModelConfig& config, bool back) {
  Shape grouped = back ? Shape{3, config.num_attention_heads, config.head_dim}
                       : Shape{config.num_attention_heads, 3, config.head_dim};
  if (x.dim() == 2) grouped.push_back(x.size(1));
  return x.reshape(grouped).transpose(0, 1).reshape(x.sizes());
}

bool is_qkv(const Placement& placement) {
  return placement.member == &LayerWeights::qkv_weight || placement.member == &LayerWeights::qkv_bias;
}

std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) text += (i ? ", " : "") + names[i];
  if (names.size() > kShown) text += " and " + std::to_string(names.size() - kShown) + " more";
  return text;
}

/// Reads a decoder and its heads from a source whose tensors have all been checked against the config.
class Assembler {
 public:
  Assembler(const ModelConfig& config, const TensorSource& source, const LoadOptions& options)
      : config_(config),
        source_(source),
        options_(options),
        names_(name_set(source)),
        layout_(config, prefix()) {}

  /// Name of the language-model head in the source, if it has one.
  std::optional<std::string> head_name() const {
    for (const std::string& head : layout_.names().heads) {
      if (names_.contains(head + ".weight")) return head + ".weight";
    }
    return std::nullopt;
  }
  bool has(const std::string& name) const { return names_.contains(name); }

  /// Every tensor is there, none is extra, all have the right shape; `heads` are those of the model besides.
  void check(const std::map<std::string, Shape>& heads, const std::set<std::string>& allowed) const {
    std::map<std::string, Shape> expected = layout_.shapes();
    expected.insert(heads.begin(), heads.end());
    std::vector<std::string> missing, extra;
    for (const auto& [name, shape] : expected) {
      if (!names_.contains(name)) missing.push_back(name);
    }
    for (const std::string& name : names_) {
      if (!expected.contains(name) && !allowed.contains(name) && !is_ignored(name)) extra.push_back(name);
    }
    if (!missing.empty()) throw UserError(source_.where() + ": missing tensors: " + some_of(missing));
    if (!extra.empty()) {
      const bool reward = std::find(extra.begin(), extra.end(), kScoreWeight) != extra.end();
      throw UserError(source_.where() + ": " +
                      (reward ? "a reward model (it has score.weight), where a language model is needed"
                              : "tensors that the config does not ask for: " + some_of(extra)));
    }
    for (const auto& [name, shape] : expected) check_shape(name, shape);
  }

  Decoder decoder() const {
    std::vector<LayerWeights> layers(static_cast<std::size_t>(config_.num_hidden_layers));
    const std::vector<Placement>& all = layout_.layer_tensors();
    for (std::size_t i = 0; i < all.size(); ++i) {
      torch::Tensor& target = layers[static_cast<std::size_t>(all[i].layer)].*all[i].member;
      if (!target.defined()) target = fuse(all, i);
    }
    const auto top = [&](const std::string& name, const char* kind, bool there) {
      return there ? load(layout_.top(name, kind)) : torch::Tensor();
    };
    const WeightNames& names = layout_.names();
    Decoder decoder(config_, top(names.embedding, ".weight", true),
                    top(names.position_embedding, ".weight", config_.positions == PositionEncoding::kLearned),
                    std::move(layers), top(names.final_norm, ".weight", true),
                    top(names.final_norm, ".bias", config_.norm == Norm::kLayerNorm));
    decoder.set_compute_dtype(options_.dtype);
    return decoder;
  }

  /// In the dtype and memory the options ask for.
  torch::Tensor load(const std::string& name) const { return place(source_.tensor(name)); }
  torch::Tensor load_float(const std::string& name) const {
    const auto dtype = options_.dtype == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
    return source_.tensor(name).to(options_.device, dtype, false, true);
  }

 private:
  static std::set<std::string> name_set(const TensorSource& source) {
    const std::vector<std::string> names = source.names();
    return {names.begin(), names.end()};
  }

  // Models saved without a head have names without the prefix.
  std::string prefix() const {
    const std::string& prefix = find_family(config_.model_type, "config.json").names.prefix;
    const auto first = names_.lower_bound(prefix);
    return first != names_.end() && first->starts_with(prefix) ? prefix : "";
  }

  bool is_ignored(const std::string& name) const {
    for (const std::string& suffix : layout_.names().ignored_suffixes) {
      if (name.ends_with(suffix)) return true;
    }
    return false;
  }

  void check_shape(const std::string& name, const Shape& shape) const {
    const torch::Tensor tensor = source_.tensor(name);
    if (!tensor.is_floating_point())
      throw UserError(source_.where() + ": tensor " + name + " does not hold floats");
    if (tensor.sizes() == at::IntArrayRef(shape)) return;
    std::ostringstream message;
    message << source_.where() << ": tensor " << name << " is " << tensor.sizes()
            << ", but the config asks for " << at::IntArrayRef(shape);
    throw UserError(message.str());
  }

  torch::ScalarType stored_dtype(int64_t dimensions) const {
    if (options_.dtype == torch::kFloat64) return torch::kFloat64;
    return options_.trainable || dimensions != 2 ? torch::kFloat32 : options_.dtype;
  }
  torch::Tensor place(const torch::Tensor& tensor) const {
    const torch::Tensor placed = tensor.to(options_.device, stored_dtype(tensor.dim())).contiguous();
    // A vector is not worth keeping a whole file mapped for, and where a matrix lies may change the bits of
    // LibTorch's products.
    constexpr uintptr_t kAlignment = 64;
    const bool aligned = reinterpret_cast<uintptr_t>(placed.const_data_ptr()) % kAlignment == 0;
    const bool own = options_.trainable || tensor.dim() < 2 || !aligned;
    return own && placed.is_alias_of(tensor) ? placed.clone() : placed;
  }

  /// All parts of the weight that begins with placement `first`, row under row.
  torch::Tensor fuse(const std::vector<Placement>& all, std::size_t first) const {
    std::vector<torch::Tensor> parts;
    Shape shape;
    for (std::size_t i = first; i < all.size() && all[i].layer == all[first].layer; ++i) {
      if (all[i].member != all[first].member) continue;
      parts.push_back(in_our_layout(all[i]));
      const int64_t rows = shape.empty() ? 0 : shape[0];
      shape = parts.back().sizes().vec();
      shape[0] += rows;
    }
    if (parts.size() == 1) return place(parts.front());
    // Read where they stay, not joined first and copied then.
    torch::Tensor fused = torch::empty(shape, stored_dtype(parts.front().dim()));
    int64_t row = 0;
    for (const torch::Tensor& part : parts) {
      fused.narrow(0, row, part.size(0)).copy_(part);
      row += part.size(0);
    }
    return fused.to(options_.device);
  }

  torch::Tensor in_our_layout(const Placement& placement) const {
    torch::Tensor tensor = source_.tensor(placement.name);
    if (layout_.names().transposed && tensor.dim() == 2) tensor = tensor.t();
    if (is_qkv(placement) && layout_.names().qkv_layout == QkvLayout::kFusedPerHead) {
      tensor = swap_heads_and_kinds(tensor, config_, false);
    }
    return tensor;
  }

  const ModelConfig& config_;
  const TensorSource& source_;
  const LoadOptions& options_;
  std::set<std::string> names_;
  Layout layout_;
};

std::vector<NamedTensor> decoder_weights(const Decoder& decoder) {
  const ModelConfig& config = decoder.config();
  const Layout layout(config, find_family(config.model_type, "config.json").names.prefix);
  const WeightNames& names = layout.names();
  std::vector<NamedTensor> all;
  const auto add = [&](const std::string& name, const char* kind, const torch::Tensor& tensor) {
    if (tensor.defined()) all.push_back({layout.top(name, kind), tensor});
  };
  add(names.embedding, ".weight", decoder.embedding());
  add(names.position_embedding, ".weight", decoder.position_embedding());
  for (const Placement& placement : layout.layer_tensors()) {
    torch::Tensor tensor =
        (decoder.layers()[static_cast<std::size_t>(placement.layer)].*placement.member).detach();
    tensor = tensor.narrow(0, placement.first_row, placement.rows);
    if (is_qkv(placement) && names.qkv_layout == QkvLayout::kFusedPerHead) {
      tensor = swap_heads_and_kinds(tensor, config, true);
    }
    if (names.transposed && tensor.dim() == 2) tensor = tensor.t();
    all.push_back({placement.name, tensor});
  }
  add(names.final_norm, ".weight", decoder.final_norm_weight());
  add(names.final_norm, ".bias", decoder.final_norm_bias());
  return all;
}

std::vector<NamedTensor> in_dtype(std::vector<NamedTensor> weights, torch::ScalarType dtype) {
  for (NamedTensor& weight : weights) weight.tensor = weight.tensor.detach().to(dtype);
  return weights;
}

}  // namespace

LanguageModel assemble_language_model(const ModelConfig& config, const TensorSource& source,
                                      const LoadOptions& options) {
  const Assembler assembler(config, source, options);
  const std::optional<std::string> head = assembler.head_name();
  if (config.tie_word_embeddings) {
    std::set<std::string> allowed;
    if (head) allowed.insert(*head);
    assembler.check({}, allowed);
    return LanguageModel(assembler.decoder());
  }
  const std::string name =
      head.value_or(find_family(config.model_type, "config.json").names.heads.front() + ".weight");
  assembler.check({{name, {config.vocab_size, config.hidden_size}}}, {});
  return LanguageModel(assembler.decoder(), assembler.load(name));
}

AssembledScalarModel assemble_scalar_model(const ModelConfig& config, const TensorSource& source,
                                           const LoadOptions& options) {
  const Assembler assembler(config, source, options);
  std::map<std::string, Shape> heads;
  std::set<std::string> allowed;
  const bool has_score = assembler.has(kScoreWeight);
  if (has_score) heads[kScoreWeight] = {1, config.hidden_size};
  if (const std::optional<std::string> head = assembler.head_name(); head && !has_score)
    allowed.insert(*head);
  assembler.check(heads, allowed);
  return {assembler.decoder(), has_score ? assembler.load_float(kScoreWeight) : torch::Tensor()};
}

std::vector<NamedTensor> hugging_face_weights(const LanguageModel& model, torch::ScalarType dtype) {
  std::vector<NamedTensor> all = decoder_weights(model.decoder());
  const ModelConfig& config = model.decoder().config();
  if (!config.tie_word_embeddings) {
    all.push_back(
        {find_family(config.model_type, "config.json").names.heads.front() + ".weight", model.head_weight()});
  }
  return in_dtype(std::move(all), dtype);
}

std::vector<NamedTensor> hugging_face_weights(const ScalarModel& model, torch::ScalarType dtype) {
  std::vector<NamedTensor> all = decoder_weights(model.decoder());
  all.push_back({kScoreWeight, model.score_weight()});
  return in_dtype(std::move(all), dtype);
}

}  // namespace rlhf
