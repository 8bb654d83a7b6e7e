// Recomputing layers in the backward pass: the same bits as keeping what they computed, in less memory.
#include <torch/utils.h>

#include "tests/model/fixtures.h"
#include "tests/model/tensor_memory.h"

namespace rlhf {
namespace {

constexpr torch::ScalarType kDtypes[] = {torch::kFloat32, torch::kFloat64, torch::kBFloat16};

LanguageModel trainable(const std::string& name, torch::ScalarType dtype) {
  const bool wide = dtype == torch::kFloat64;
  LanguageModel model = test::tiny_model(name, wide ? torch::kFloat64 : torch::kFloat32);
  model.decoder().set_compute_dtype(dtype);
  model.require_grad(true);
  return model;
}

struct Micro {
  TokenBatch batch;
  Dropout dropout;
};

std::vector<Micro> micro_batches() {
  Dropout dropout;
  dropout.hidden = 0.2;
  dropout.embedding = dropout.token = 0.1;
  dropout.sequence_keys = {11, 12, 13};
  Dropout other = dropout;
  other.sequence_keys = {14, 15};
  return {{TokenBatch::pack(test::sequences_of({3, 17, 8})), dropout},
          {TokenBatch::pack(test::sequences_of({9, 9})), other},
          {TokenBatch::pack(test::sequences_of({5, 12})), {}}};
}

/// Losses and gradients of all micro-batches, gradients accumulated.
std::vector<torch::Tensor> losses_and_gradients(LanguageModel& model, bool checkpointing) {
  model.decoder().set_gradient_checkpointing(checkpointing);
  std::vector<torch::Tensor> found;
  for (const Micro& micro : micro_batches()) {
    const torch::Tensor hidden =
        model.decoder().forward_rows(micro.batch, torch::arange(3, micro.batch.tokens()), micro.dropout);
    const torch::Tensor targets = torch::arange(hidden.size(0)) % model.decoder().config().vocab_size;
    const torch::Tensor loss = model.token_logprobs(hidden, targets).logprobs.mean();
    loss.backward();
    found.push_back(loss.detach());
  }
  for (const NamedTensor& parameter : model.parameters()) {
    REQUIRE(parameter.tensor.grad().defined());
    found.push_back(parameter.tensor.grad().clone());
    parameter.tensor.mutable_grad().reset();
  }
  return found;
}

}  // namespace

TEST_CASE("gradient checkpointing gives the same bits of loss and gradients in every family and dtype") {
  for (const std::string& name : test::model_fixtures(false)) {
    for (const torch::ScalarType dtype : kDtypes) {
      INFO(name << " in " << dtype);
      LanguageModel model = trainable(name, dtype);
      const auto kept = losses_and_gradients(model, false), recomputed = losses_and_gradients(model, true);
      REQUIRE(kept.size() == recomputed.size());
      for (std::size_t i = 0; i < kept.size(); ++i) CHECK(test::same_bits(kept[i], recomputed[i]));
    }
  }
}

TEST_CASE("with gradient checkpointing a layer keeps its input and nothing else") {
  for (const std::string& name : test::model_fixtures(false)) {
    for (const torch::ScalarType dtype : kDtypes) {
      INFO(name << " in " << dtype);
      LanguageModel model = trainable(name, dtype);
      const ModelConfig& config = model.decoder().config();
      const TokenBatch batch = TokenBatch::pack(test::sequences_of({64, 40, 64}));
      const auto kept_by_a_pass = [&](bool checkpointing) {
        model.decoder().set_gradient_checkpointing(checkpointing);
        model.decoder().forward(batch);  // what products keep between passes is there from now on
        const test::TensorMemory memory;
        const torch::Tensor hidden = model.decoder().forward(batch);
        return memory.live_bytes();
      };
      const int64_t hidden_bytes = batch.tokens() * config.hidden_size * (dtype == torch::kFloat64 ? 8 : 4);
      // Beside the layers: the input of the final norm, its output, its scales, the angles, the layout.
      const int64_t limit = (config.num_hidden_layers + 4) * hidden_bytes;
      CHECK(kept_by_a_pass(true) <= limit);
      CHECK(kept_by_a_pass(false) > limit);
    }
  }
}

TEST_CASE("the backward pass of gradient checkpointing holds one layer's results at a time") {
  ModelConfig config = test::tiny_model(test::model_fixtures(false).front()).decoder().config();
  config.num_hidden_layers = 12;
  LanguageModel model = LanguageModel::initialise(config, 3);
  model.require_grad(true);
  const TokenBatch batch = TokenBatch::pack(test::sequences_of({64, 64, 64, 64}));
  const auto peak = [&](bool checkpointing) {
    model.decoder().set_gradient_checkpointing(checkpointing);
    test::TensorMemory memory;
    model.decoder().forward(batch).square().sum().backward();
    const int64_t bytes = memory.peak_bytes();
    for (const NamedTensor& parameter : model.parameters()) parameter.tensor.mutable_grad().reset();
    return bytes;
  };
  CHECK(peak(true) * 3 < peak(false));
}

}  // namespace rlhf
