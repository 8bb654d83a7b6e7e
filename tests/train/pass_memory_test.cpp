// What the plan says of passes beside the bytes of tensors that passes were seen to allocate.
#include "train/pass_memory.h"

#include <torch/utils.h>

#include "tests/model/fixtures.h"
#include "tests/model/tensor_memory.h"
#include "train/memory_plan.h"

namespace rlhf {
namespace {

LanguageModel trainable(ModelConfig config, torch::ScalarType compute) {
  config.max_position_embeddings = 256;
  LanguageModel model = LanguageModel::initialise(config, 5);
  model.decoder().set_compute_dtype(compute);
  model.require_grad(true);
  return model;
}

ModelConfig config_of(const std::string& fixture) {
  return load_config(test::model_fixture(fixture));
}

}  // namespace

TEST_CASE("the plan of activations is what a forward pass keeps, in every family") {
  const TokenBatch batch = TokenBatch::pack(test::sequences_of({200, 200, 112}));
  for (const std::string& name : test::model_fixtures(false)) {
    for (const torch::ScalarType compute : {torch::kFloat32, torch::kBFloat16}) {
      for (const bool checkpointing : {false, true}) {
        for (const double dropout_rate : {0.0, 0.1}) {
          INFO(name << " in " << compute << ", checkpointing " << checkpointing << ", dropout "
                    << dropout_rate);
          const LanguageModel model = [&] {
            LanguageModel fresh = trainable(config_of(name), compute);
            fresh.decoder().set_gradient_checkpointing(checkpointing);
            return fresh;
          }();
          TrainingOptions options;
          options.gradient_checkpointing = checkpointing;
          options.dropout = dropout_rate;
          const PassOptions pass = planned_pass(options, torch::kCPU, compute);
          if (!pass.packed_products || !pass.packed_attention) continue;  // only ours are planned to the byte
          Dropout dropout;
          dropout.hidden = dropout_rate;
          dropout.sequence_keys = {1, 2, 3};
          model.decoder().forward(batch, dropout);  // what products keep between passes is there from now on
          const test::TensorMemory memory;
          const torch::Tensor hidden = model.decoder().forward(batch, dropout);
          const double kept =
              static_cast<double>(memory.live_bytes() - static_cast<int64_t>(hidden.nbytes()));
          // The plan counts ids and positions, which were there before the pass.
          const double before = static_cast<double>(batch.token_ids.nbytes() + batch.positions.nbytes());
          CHECK(static_cast<double>(activation_bytes(model.decoder().config(), pass, batch.tokens())) ==
                Approx(kept).epsilon(0.02).margin(before));
        }
      }
    }
  }
}

TEST_CASE("the plan of a training pass is the most that its tensors took") {
  ModelConfig config = config_of("llama_tied");
  config.vocab_size = 4096;
  config.hidden_size = config.num_attention_heads * config.head_dim;
  config.num_hidden_layers = 6;
  const TokenBatch batch = TokenBatch::pack(test::sequences_of({250, 250, 250, 250}));
  const torch::Tensor targets = torch::arange(batch.tokens()) % 4096;
  for (const torch::ScalarType compute : {torch::kFloat32, torch::kBFloat16}) {
    for (const bool checkpointing : {false, true}) {
      INFO("in " << compute << ", checkpointing " << checkpointing);
      TrainingOptions options;
      options.gradient_checkpointing = checkpointing;
      const PassOptions pass = planned_pass(options, torch::kCPU, compute);
      if (!pass.packed_products || !pass.packed_attention) continue;
      LanguageModel model = trainable(config, compute);
      model.decoder().set_gradient_checkpointing(checkpointing);
      const auto train = [&] {
        model.sum_of_logprobs(model.decoder().forward(batch), targets).sum.backward();
        for (const NamedTensor& parameter : model.parameters()) parameter.tensor.mutable_grad().reset();
      };
      train();  // what products keep between passes is there from now on
      const test::TensorMemory memory;
      train();
      const PlannedModel planned{"model", model.decoder().config(), pass};
      const MemoryGroup plan =
          training_moment("training", planned, LossHead::kSummedLogprobs, {batch.tokens(), batch.tokens()});
      const int64_t beginning = plan.bytes() - master_weight_bytes(planned), end = plan.items[0].bytes;
      CHECK(static_cast<double>(std::max(beginning, end)) ==
            Approx(static_cast<double>(memory.peak_bytes())).epsilon(0.15));
    }
  }
}

}  // namespace rlhf
