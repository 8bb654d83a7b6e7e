#include <cmath>
#include <iostream>
#include <memory>
#include <numbers>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <torch/utils.h>

#include "cli/compute_flags.h"
#include "cli/dataset_flags.h"
#include "cli/model_reference.h"
#include "contract/error.h"
#include "evaluate/evaluate_command.h"
#include "text/tokenizer.h"

namespace rlhf {
namespace {

struct PerplexityFlags {
  std::string model;
  DatasetFlags data;
  ComputeFlags compute;
};

void run_perplexity(const PerplexityFlags& flags) {
  flags.compute.apply_threads();
  const ModelFiles files = open_model(flags.model);
  const Tokenizer tokenizer = load_tokenizer(files);
  const LanguageModel model =
      load_language_model(files, flags.compute.torch_dtype(), flags.compute.torch_device(), false);
  const int64_t context = model.decoder().config().max_position_embeddings;
  torch::NoGradGuard no_grad;
  double nats = 0;
  int64_t tokens = 0, bytes = 0;
  for (const Demonstration& d : flags.data.demonstrations()) {
    if (d.prompt.is_chat()) throw UserError(d.origin + ": evaluate perplexity reads text, not conversations");
    const std::string text = d.prompt.text + d.completion;
    const std::vector<TokenId> ids = tokenizer.encode(text);
    const size_t text_end = ids.size() - tokenizer.suffix_ids().size();
    // Texts longer than the context are read in windows; the first token of a window has nothing before it.
    for (size_t begin = 0; begin + 1 < ids.size(); begin += static_cast<size_t>(context)) {
      const size_t end = std::min(begin + static_cast<size_t>(context), ids.size());
      if (end - begin < 2) break;
      const TokenBatch batch = TokenBatch::pack({{ids.begin() + static_cast<std::ptrdiff_t>(begin),
                                                  ids.begin() + static_cast<std::ptrdiff_t>(end)}},
                                                model.decoder().device());
      const int64_t count = batch.tokens() - 1;
      nats -= model
                  .token_logprobs(model.decoder().forward(batch).narrow(0, 0, count),
                                  batch.token_ids.narrow(0, 1, count))
                  .logprobs.sum(torch::kFloat64)
                  .item<double>();
      tokens += count;
      for (size_t i = begin + 1; i < std::min(end, text_end); ++i)
        bytes += static_cast<int64_t>(tokenizer.token_bytes(ids[i]).size());
    }
  }
  if (bytes == 0) throw UserError("the data has no two tokens in a row");
  const double loss = nats / static_cast<double>(tokens);
  const nlohmann::ordered_json result = {
      {"perplexity", std::exp(loss)},
      {"loss", loss},
      {"bits_per_byte", nats / std::numbers::ln2 / static_cast<double>(bytes)},
      {"tokens", tokens},
      {"bytes", bytes}};
  std::cout << result.dump() << '\n';
}

}  // namespace

void add_evaluate_perplexity_command(CLI::App& evaluate) {
  auto flags = std::make_shared<PerplexityFlags>();
  CLI::App* command =
      evaluate.add_subcommand("perplexity", "perplexity and bits per byte of a language model on text");
  command->add_option("--model", flags->model, "a folder or grpc://HOST:PORT/NAME")->required();
  command->add_option("--input", flags->data.dataset, "the same as --dataset");
  add_dataset_flags(*command, flags->data);
  add_compute_flags(*command, flags->compute, "float32");
  command->callback([flags] { run_perplexity(*flags); });
}

}  // namespace rlhf
