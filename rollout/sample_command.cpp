#include "rollout/sample_command.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>
#include <span>
#include <unordered_set>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/compute_flags.h"
#include "cli/interrupt.h"
#include "cli/model_record.h"
#include "cli/model_reference.h"
#include "cli/progress_bar.h"
#include "cli/sampling_flags.h"
#include "contract/data_hash.h"
#include "contract/error.h"
#include "formats/dataset_files.h"
#include "rollout/generator.h"
#include "storage/ledger_records.h"
#include "storage/normal_text.h"
#include "storage/response_store.h"
#include "text/parallel_map.h"
#include "text/sequence_encoder.h"

namespace rlhf {
namespace {

struct SampleFlags {
  std::string db, model;
  std::vector<std::string> dataset;
  std::string split = "all";
  int64_t limit = 0;
  ComputeFlags compute;
  SamplingOptions sampling;
  uint64_t seed = 42;
  int32_t samples_per_prompt = 4;
  int64_t batch_size = 64;
  std::size_t unit_size = 32;
};

struct SampleResult {
  int64_t responses = 0;        ///< written
  int64_t already_present = 0;  ///< drawn by an earlier call
  int64_t repeated = 0;         ///< texts that another sample of the same prompt has, not kept again
};

/// Prompts of a source, of the split, each once, in order.
std::vector<Prompt> wanted_prompts(const SampleFlags& flags, PromptSource& source) {
  std::vector<Prompt> prompts;
  std::unordered_set<std::string> seen;
  for (Prompt& prompt : source.prompts()) {
    if (flags.limit > 0 && static_cast<int64_t>(prompts.size()) == flags.limit) break;
    if (flags.split != "all" && flags.split != split_of(normal_hash(prompt))) continue;
    if (seen.insert(data_hash(std::vector<Prompt>{prompt})).second) prompts.push_back(std::move(prompt));
  }
  if (prompts.empty())
    throw UserError((flags.dataset.empty() ? flags.db : flags.dataset.front()) + " has no prompt of split '" +
                    flags.split + "'");
  return prompts;
}

/// What keys a prompt's draws: its content, so that it gets the same ones in whatever list it stands.
int64_t draw_key(const Prompt& prompt) {
  return static_cast<int64_t>(std::stoull(data_hash(std::vector<Prompt>{prompt}).substr(0, 15), nullptr, 16));
}

/// A unit's requests are the same whatever the ledger has already, so that a run that was killed draws the
/// same bits.
std::vector<GenerationRequest> requests_for(std::span<const Prompt> prompts, const SequenceEncoder& encoder,
                                            int32_t samples) {
  std::vector<GenerationRequest> requests;
  for (const Prompt& prompt : prompts)
    requests.push_back({encoder.prompt(prompt), draw_key(prompt), samples});
  return requests;
}

/// UserError for the first prompt that the model cannot answer, before anything is generated.
void check_prompts(const std::vector<Prompt>& prompts, const SequenceEncoder& encoder, int64_t room) {
  const std::vector<std::size_t> counts =
      parallel_map(prompts.size(), torch::get_num_threads(),
                   [&](std::size_t i) { return encoder.prompt(prompts[i]).size(); });
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const std::size_t tokens = counts[i];
    const std::string name = "prompt " + std::to_string(i + 1);
    if (tokens == 0) throw UserError(name + " has no token; a model needs something to go on from");
    if (static_cast<int64_t>(tokens) > room)
      throw UserError(name + " has " + std::to_string(tokens) +
                      " tokens, which leaves no room for --max_new_tokens in the model's context");
  }
}

class Sampler {
 public:
  explicit Sampler(const SampleFlags& flags)
      : flags_(flags),
        files_(open_model(flags.model)),
        encoder_(load_tokenizer(files_)),
        model_(load_language_model(files_, flags.compute.torch_dtype(), flags.compute.torch_device(), false)),
        known_as_(model_record(files_, flags.model)),
        record_{known_as_.model_hash, flags.sampling, engine(flags), flags.seed} {
    model_.pack_for_decoding();
  }

  void check(const std::vector<Prompt>& prompts) const {
    check_prompts(prompts, encoder_,
                  model_.decoder().config().max_position_embeddings - flags_.sampling.max_new_tokens);
  }

  SampleResult run(const std::vector<Prompt>& prompts, Database& ledger) {
    const std::vector<DrawnSamples> drawn = drawn_samples(ledger, record_, prompts);
    register_model(ledger, known_as_);
    catch_interrupts();
    ProgressBar progress({"sample", static_cast<int64_t>(prompts.size()), 0, {"tokens/s"}});
    for (std::size_t first = 0; first < prompts.size(); first += flags_.unit_size) {
      const std::size_t count = std::min(flags_.unit_size, prompts.size() - first);
      sample_unit(std::span(prompts).subspan(first, count), std::span(drawn).subspan(first, count), ledger);
      progress.update(static_cast<int64_t>(first + count), {{"tokens/s", tokens_per_second()}});
      if (interrupt_requested() && first + count < prompts.size())
        throw Interrupted("stopped; what was sampled is in " + flags_.db +
                          ", the same command goes on from there");
    }
    return result_;
  }

  const std::string& model_hash() const { return record_.model_hash; }
  double tokens_per_second() const { return seconds_ > 0 ? static_cast<double>(tokens_) / seconds_ : 0; }

 private:
  /// Program, version and number format: what the draws hang on beside the settings.
  static std::string engine(const SampleFlags& flags) {
    return std::string("rlhf " RLHF_VERSION " ") + c10::toString(flags.compute.torch_dtype());
  }

  void sample_unit(std::span<const Prompt> prompts, std::span<const DrawnSamples> drawn, Database& ledger) {
    const int32_t wanted = flags_.samples_per_prompt;
    for (const DrawnSamples& there : drawn) result_.already_present += there.responses;
    if (std::ranges::all_of(drawn, [&](const DrawnSamples& there) { return there.samples >= wanted; }))
      return;
    const std::vector<GeneratedResponse> generated = generate_timed(prompts);
    std::vector<AnsweredPrompt> answered;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      answered.push_back({prompts[i], {}});
      for (int32_t sample = drawn[i].samples; sample < wanted; ++sample) {
        const auto& response =
            generated[i * static_cast<std::size_t>(wanted) + static_cast<std::size_t>(sample)];
        answered.back().responses.push_back({encoder_.tokenizer().decode(response.token_ids),
                                             response.token_ids, response.finish_reason, sample});
      }
    }
    const std::vector<StoredResponses> stored = store_responses(ledger, record_, answered);
    for (std::size_t i = 0; i < stored.size(); ++i) {
      result_.responses += stored[i].added;
      result_.repeated += static_cast<int64_t>(answered[i].responses.size()) - stored[i].added;
    }
  }

  std::vector<GeneratedResponse> generate_timed(std::span<const Prompt> prompts) {
    GeneratorOptions options;
    options.sampling = flags_.sampling;
    options.eos_token_ids = encoder_.tokenizer().eos_ids();
    options.seed = flags_.seed;
    options.max_batch_size = flags_.batch_size;
    const auto begin = std::chrono::steady_clock::now();
    std::vector<GeneratedResponse> generated =
        generate(model_, requests_for(prompts, encoder_, flags_.samples_per_prompt), options);
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    require_finite(generated);
    for (const GeneratedResponse& response : generated)
      tokens_ += static_cast<int64_t>(response.token_ids.size());
    return generated;
  }

  const SampleFlags& flags_;
  const ModelFiles files_;
  const SequenceEncoder encoder_;
  LanguageModel model_;
  const ModelRecord known_as_;
  const SamplingRecord record_;
  SampleResult result_;
  int64_t tokens_ = 0;
  double seconds_ = 0;
};

void run_sample(const SampleFlags& flags) {
  flags.compute.apply_threads();
  std::optional<Database> ledger;
  std::vector<Prompt> prompts;
  if (flags.dataset.empty()) {
    ledger.emplace(flags.db, IfAbsent::kRefuse);
    LedgerSelection selection;
    selection.split = flags.split;
    LedgerPrompts source(*ledger, selection);
    prompts = wanted_prompts(flags, source);
  } else {
    PromptFiles source({flags.dataset, "", false});
    prompts = wanted_prompts(flags, source);
  }
  Sampler sampler(flags);
  sampler.check(prompts);
  if (!ledger) ledger.emplace(flags.db);  // made only when nothing is wrong with what it is for
  const SampleResult result = sampler.run(prompts, *ledger);
  std::cout << nlohmann::ordered_json{{"prompts", prompts.size()},
                                      {"responses", result.responses},
                                      {"already_present", result.already_present},
                                      {"repeated", result.repeated},
                                      {"model_hash", sampler.model_hash()},
                                      {"tokens_per_second", sampler.tokens_per_second()}}
                   .dump()
            << std::endl;
}

}  // namespace

void add_sample_command(CLI::App& data) {
  auto flags = std::make_shared<SampleFlags>();
  CLI::App* command =
      data.add_subcommand("sample", "Let a model answer prompts, into the ledger, to be ranked");
  command->add_option("--db", flags->db, "The ledger; made when absent and --dataset is given")->required();
  command->add_option("--model", flags->model, "a folder or grpc://HOST:PORT/NAME")->required();
  command->add_option("--dataset", flags->dataset,
                      "files with prompts; without them the prompts of the ledger are answered");
  command->add_option("--split", flags->split, "prompts of this split only: train, valid, test or all")
      ->capture_default_str()
      ->check(CLI::IsMember({"train", "valid", "test", "all"}));
  command->add_option("--limit", flags->limit, "prompts answered at most; 0 = all")->capture_default_str();
  add_sampling_flags(*command, flags->sampling);
  command->add_option("--samples_per_prompt", flags->samples_per_prompt, "responses drawn to each prompt")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--seed", flags->seed, "the same seed gives the same samples")->capture_default_str();
  command->add_option("--batch_size", flags->batch_size, "sequences decoded at once")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command
      ->add_option("--unit_size", flags->unit_size,
                   "prompts answered and committed at once: what a kill loses at most")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  add_compute_flags(*command, flags->compute, "auto");
  command->callback([flags] { run_sample(*flags); });
}

}  // namespace rlhf
