#include <limits>
#include <memory>

#include <CLI/CLI.hpp>
#include <torch/utils.h>

#include "cli/compute_flags.h"
#include "cli/json_lines.h"
#include "cli/model_reference.h"
#include "contract/error.h"
#include "evaluate/command.h"
#include "text/tokenizer.h"

namespace rlhf {
namespace {

struct LogprobsFlags {
  std::string model;
  JsonLinesFlags lines;
  ComputeFlags compute;
};

std::vector<TokenId> given_ids(const JsonLine& line) {
  const nlohmann::ordered_json& list = line.value.at("token_ids");
  if (!list.is_array()) throw UserError(line.where + ": field \"token_ids\" should be a list of numbers");
  std::vector<TokenId> ids;
  for (const nlohmann::ordered_json& id : list) {
    if (!id.is_number_integer())
      throw UserError(line.where + ": field \"token_ids\" holds " + id.dump() +
                      ", which is not a whole number");
    if (id < 0 || id > std::numeric_limits<TokenId>::max())
      throw UserError(line.where + ": " + id.dump() + " is not the id of a token");
    ids.push_back(id.get<TokenId>());
  }
  return ids;
}

std::vector<TokenId> text_ids(const JsonLine& line, const std::optional<Tokenizer>& tokenizer) {
  const std::string text = line.text("text");
  if (!tokenizer)
    throw UserError(line.where +
                    ": \"text\" needs a tokenizer, and the model's files have none; give \"token_ids\"");
  return tokenizer->encode(text);
}

std::vector<TokenId> ids_of(const JsonLine& line, const std::optional<Tokenizer>& tokenizer,
                            const ModelConfig& config) {
  std::vector<TokenId> ids = line.value.contains("token_ids") ? given_ids(line) : text_ids(line, tokenizer);
  if (ids.empty()) throw UserError(line.where + ": no token");
  for (const TokenId id : ids)
    if (id >= config.vocab_size)
      throw UserError(line.where + ": token id " + std::to_string(id) + " is outside the vocabulary of " +
                      std::to_string(config.vocab_size));
  if (static_cast<int64_t>(ids.size()) > config.max_position_embeddings)
    throw UserError(line.where + ": " + std::to_string(ids.size()) +
                    " tokens are more than the model's context of " +
                    std::to_string(config.max_position_embeddings));
  return ids;
}

nlohmann::ordered_json logprobs_of(const LanguageModel& model, const std::vector<TokenId>& ids) {
  auto values = nlohmann::ordered_json::array({nullptr});
  if (ids.size() < 2) return values;
  const TokenBatch batch = TokenBatch::pack({ids}, model.decoder().device());
  const torch::Tensor hidden = model.decoder().forward(batch);
  const int64_t count = batch.tokens() - 1;
  const torch::Tensor logprobs =
      model.token_logprobs(hidden.narrow(0, 0, count), batch.token_ids.narrow(0, 1, count))
          .logprobs.to(torch::kCPU, torch::kFloat64);
  for (int64_t i = 0; i < count; ++i) values.push_back(logprobs[i].item<double>());
  return values;
}

void run_logprobs(const LogprobsFlags& flags) {
  flags.compute.apply_threads();
  const ModelFiles files = open_model(flags.model);
  std::optional<Tokenizer> tokenizer;
  if (files.has("tokenizer.json")) tokenizer = load_tokenizer(files);
  const std::vector<JsonLine> lines = read_json_lines(flags.lines);
  const LanguageModel model =
      load_language_model(files, flags.compute.torch_dtype(), flags.compute.torch_device(), false);
  std::vector<std::vector<TokenId>> sequences;
  for (const JsonLine& line : lines) sequences.push_back(ids_of(line, tokenizer, model.decoder().config()));
  torch::NoGradGuard no_grad;
  JsonLinesOutput output(flags.lines);
  for (const std::vector<TokenId>& ids : sequences)
    output.write({{"token_ids", ids}, {"logprobs", logprobs_of(model, ids)}});
  output.close();
}

}  // namespace

void add_logprobs_command(CLI::App& app) {
  auto flags = std::make_shared<LogprobsFlags>();
  CLI::App* command = app.add_subcommand("logprobs", "log-probability of every token of given texts");
  command->add_option("--model", flags->model, "a folder or grpc://HOST:PORT/NAME")->required();
  add_json_lines_flags(*command, flags->lines);
  add_compute_flags(*command, flags->compute, "float32");
  command->callback([flags] { run_logprobs(*flags); });
}

}  // namespace rlhf
