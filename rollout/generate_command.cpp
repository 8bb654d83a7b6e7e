#include "rollout/generate_command.h"

#include <chrono>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/compute_flags.h"
#include "cli/json_lines.h"
#include "cli/model_reference.h"
#include "cli/progress_bar.h"
#include "cli/sampling_flags.h"
#include "contract/error.h"
#include "rollout/generator.h"
#include "text/parallel_map.h"
#include "text/sequence_encoder.h"

namespace rlhf {
namespace {

struct GenerateFlags {
  std::string model;
  JsonLinesFlags lines;
  ComputeFlags compute;
  SamplingOptions sampling;
  uint64_t seed = 42;
  int32_t samples_per_prompt = 1;
  int64_t batch_size = 64;
  bool chat = false;
};

Prompt prompt_of(const JsonLine& line, bool chat) {
  if (!line.value.contains("messages")) {
    const std::string text = line.text("prompt");
    if (chat) return {"", {{"user", text}}};
    return {text, {}};
  }
  return {"", read_messages(line, "messages")};
}

std::string finish_reason_word(FinishReason reason) {
  return reason == FinishReason::kStop ? "stop" : "length";
}

// With a progress bar, and what it took at the end.
std::vector<GeneratedResponse> generate_watched(const LanguageModel& model,
                                                const std::vector<GenerationRequest>& requests,
                                                const GeneratorOptions& options, int64_t total) {
  const auto begin = std::chrono::steady_clock::now();
  std::vector<GeneratedResponse> responses;
  {
    ProgressBar progress({"generate", total, 0, {}});
    responses = generate(model, requests, options, [&](int64_t done) { progress.update(done, {}); });
  }
  require_finite(responses);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  size_t tokens = 0;
  for (const GeneratedResponse& response : responses) tokens += response.token_ids.size();
  std::cerr << responses.size() << " responses, " << tokens << " tokens in " << seconds.count()
            << " s: " << static_cast<double>(tokens) / seconds.count() << " tokens/s\n";
  return responses;
}

void run_generate(const GenerateFlags& flags) {
  flags.compute.apply_threads();
  const ModelFiles files = open_model(flags.model);
  const SequenceEncoder encoder(load_tokenizer(files));
  const std::vector<JsonLine> lines = read_json_lines(flags.lines);
  std::vector<GenerationRequest> requests;
  const int64_t context = load_config(files).max_position_embeddings;
  std::vector<std::vector<TokenId>> prompts =
      parallel_map(lines.size(), torch::get_num_threads(),
                   [&](size_t i) { return encoder.prompt(prompt_of(lines[i], flags.chat)); });
  for (std::vector<TokenId>& ids : prompts) {
    const JsonLine& line = lines[requests.size()];
    if (ids.empty()) throw UserError(line.where + ": the prompt has no token");
    if (static_cast<int64_t>(ids.size()) + flags.sampling.max_new_tokens > context)
      throw UserError(line.where + ": a prompt of " + std::to_string(ids.size()) +
                      " tokens and --max_new_tokens " + std::to_string(flags.sampling.max_new_tokens) +
                      " do not fit the model's context of " + std::to_string(context));
    requests.push_back({std::move(ids), static_cast<int64_t>(requests.size()), flags.samples_per_prompt});
  }
  LanguageModel model =
      load_language_model(files, flags.compute.torch_dtype(), flags.compute.torch_device(), false);
  model.pack_for_decoding();

  GeneratorOptions options;
  options.sampling = flags.sampling;
  options.eos_token_ids = encoder.tokenizer().eos_ids();
  options.seed = flags.seed;
  options.max_batch_size = flags.batch_size;
  const auto total = static_cast<int64_t>(requests.size()) * flags.samples_per_prompt;
  const std::vector<GeneratedResponse> responses = generate_watched(model, requests, options, total);

  JsonLinesOutput output(flags.lines);
  for (size_t i = 0; i < responses.size(); ++i) {
    const auto samples = static_cast<size_t>(flags.samples_per_prompt);
    nlohmann::ordered_json object = lines[i / samples].value;
    object["sample_index"] = i % samples;
    object["response"] = encoder.tokenizer().decode(responses[i].token_ids);
    object["response_token_ids"] = responses[i].token_ids;
    object["logprobs"] = responses[i].logprobs;
    object["finish_reason"] = finish_reason_word(responses[i].finish_reason);
    output.write(object);
  }
  output.close();
}

}  // namespace

void add_generate_command(CLI::App& app) {
  auto flags = std::make_shared<GenerateFlags>();
  CLI::App* command = app.add_subcommand("generate", "answer the prompts of a JSONL file");
  command->add_option("--model", flags->model, "a folder or grpc://HOST:PORT/NAME")->required();
  add_json_lines_flags(*command, flags->lines);
  add_sampling_flags(*command, flags->sampling);
  command->add_option("--seed", flags->seed, "the same seed gives the same samples")->capture_default_str();
  command->add_option("--samples_per_prompt", flags->samples_per_prompt, "")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--batch_size", flags->batch_size, "sequences decoded at once")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_flag("--chat", flags->chat, "put {\"prompt\"} through the chat template as a user's turn");
  add_compute_flags(*command, flags->compute, "auto");
  command->callback([flags] { run_generate(*flags); });
}

}  // namespace rlhf
