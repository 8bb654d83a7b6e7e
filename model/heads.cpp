#include "model/heads.h"

#include <cmath>

#include <ATen/CPUGeneratorImpl.h>

#include "contract/error.h"
#include "model/linear.h"

namespace rlhf {
namespace {

torch::Tensor float_result(const torch::Tensor& x) {
  return x.scalar_type() == torch::kFloat64 ? x : x.to(torch::kFloat32);
}

}  // namespace

LanguageModel::LanguageModel(Decoder decoder, torch::Tensor head_weight)
    : decoder_(std::move(decoder)), own_head_(std::move(head_weight)) {
  if (decoder_.config().tie_word_embeddings == own_head_.defined()) {
    throw UserError(own_head_.defined()
                        ? "the config ties the head to the embedding, but a head weight is given"
                        : "the config has a head of its own, but no head weight is given");
  }
  if (own_head_.defined() && own_head_.sizes() != decoder_.embedding().sizes()) {
    throw UserError("the head weight has " + std::to_string(own_head_.numel()) +
                    " elements, but vocab_size x hidden_size are asked for");
  }
}

LanguageModel LanguageModel::initialise(const ModelConfig& config, uint64_t seed, torch::Device device) {
  Decoder decoder = Decoder::initialise(config, seed, device);
  if (config.tie_word_embeddings) return LanguageModel(std::move(decoder));
  constexpr uint64_t kHeadDraw = 0x68656164;  // any constant: the head must not repeat the embedding's draws
  torch::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed ^ kHeadDraw);
  torch::Tensor head = torch::empty({config.vocab_size, config.hidden_size})
                           .normal_(0.0, config.initializer_range, generator)
                           .to(device);
  return LanguageModel(std::move(decoder), std::move(head));
}

const torch::Tensor& LanguageModel::head_weight() const {
  return own_head_.defined() ? own_head_ : decoder_.embedding();
}

torch::Tensor LanguageModel::logits(const torch::Tensor& hidden) const {
  if (packed_weights_pay() && !at::GradMode::is_enabled())
    return packed_product(hidden.contiguous(), packed_->head());
  return float_result(linear(hidden, head_weight(), {}, decoder_.compute_dtype()));
}

torch::Tensor LanguageModel::prefill(const TokenBatch& batch, KvCache& cache,
                                     const std::vector<int64_t>& slots) const {
  return decoder_.prefill(batch, cache, slots, packed_weights_pay() ? &packed_->layers() : nullptr);
}

bool LanguageModel::packed_weights_pay() const {
  return packed_ && packed_products_pay(decoder_.compute_dtype());
}

void LanguageModel::pack_for_decoding() {
  const torch::ScalarType dtype = decoder_.compute_dtype();
  if (!decoder_.device().is_cpu() || (dtype != torch::kFloat32 && dtype != torch::kBFloat16)) return;
  packed_ = std::make_shared<PackedModel>(decoder_, head_weight());
}

TokenLogprobs LanguageModel::token_logprobs(const torch::Tensor& hidden, const torch::Tensor& targets,
                                            const LogprobOptions& options) const {
  return rlhf::token_logprobs(hidden, head_weight(), targets, options, {.dtype = decoder_.compute_dtype()});
}

SumOfLogprobs LanguageModel::sum_of_logprobs(const torch::Tensor& hidden,
                                             const torch::Tensor& targets) const {
  return rlhf::sum_of_logprobs(hidden, head_weight(), targets, {.dtype = decoder_.compute_dtype()});
}

std::vector<NamedTensor> LanguageModel::parameters() const {
  std::vector<NamedTensor> all = decoder_.parameters();
  if (own_head_.defined()) all.push_back({"lm_head.weight", own_head_});
  return all;
}

void LanguageModel::require_grad(bool on) {
  for (const NamedTensor& parameter : parameters()) parameter.tensor.set_requires_grad(on);
}

LanguageModel LanguageModel::freeze(torch::ScalarType dtype) const {
  return LanguageModel(decoder_.freeze(dtype),
                       own_head_.defined() ? own_head_.detach().to(dtype, false, true) : torch::Tensor());
}

LanguageModel LanguageModel::clone() const {
  return LanguageModel(decoder_.clone(), own_head_.defined() ? own_head_.detach().clone() : torch::Tensor());
}

void LanguageModel::to(torch::Device device) {
  decoder_.to(device);
  if (own_head_.defined()) own_head_ = own_head_.detach().to(device);
}

ScalarModel::ScalarModel(Decoder decoder, torch::Tensor score_weight)
    : decoder_(std::move(decoder)), score_weight_(std::move(score_weight)) {
  const std::vector<int64_t> shape = {1, decoder_.config().hidden_size};
  if (score_weight_.defined() && score_weight_.sizes() == at::IntArrayRef(shape)) return;
  throw UserError("score.weight of a reward model must be [1, " + std::to_string(shape[1]) + "]");
}

ScalarModel ScalarModel::with_fresh_head(Decoder decoder, uint64_t seed, double scale) {
  const int64_t hidden = decoder.config().hidden_size;
  torch::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const double std = scale / std::sqrt(static_cast<double>(hidden + 1));
  const auto dtype = decoder.final_norm_weight().scalar_type();
  torch::Tensor weight =
      torch::empty({1, hidden}).normal_(0.0, std, generator).to(torch::dtype(dtype).device(decoder.device()));
  return ScalarModel(std::move(decoder), std::move(weight));
}

torch::Tensor ScalarModel::values(const torch::Tensor& hidden) const {
  // One row of products costs nothing, so it keeps the precision of the residual stream in every compute
  // dtype.
  return float_result(at::linear(hidden, score_weight_.to(hidden.scalar_type())).squeeze(-1));
}

std::vector<NamedTensor> ScalarModel::parameters() const {
  std::vector<NamedTensor> all = decoder_.parameters();
  all.push_back({"score.weight", score_weight_});
  return all;
}

void ScalarModel::require_grad(bool on) {
  for (const NamedTensor& parameter : parameters()) parameter.tensor.set_requires_grad(on);
}

ScalarModel ScalarModel::freeze(torch::ScalarType dtype) const {
  const auto kept = dtype == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  return ScalarModel(decoder_.freeze(dtype), score_weight_.detach().to(kept, false, true));
}

ScalarModel ScalarModel::clone() const {
  return ScalarModel(decoder_.clone(), score_weight_.detach().clone());
}

void ScalarModel::to(torch::Device device) {
  decoder_.to(device);
  score_weight_ = score_weight_.detach().to(device);
}

}  // namespace rlhf
