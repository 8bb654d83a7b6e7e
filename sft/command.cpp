#include "sft/command.h"

#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/compute_flags.h"
#include "cli/dataset_flags.h"
#include "cli/memory_limit.h"
#include "cli/model_record.h"
#include "cli/model_reference.h"
#include "cli/training_data.h"
#include "cli/training_flags.h"
#include "cli/training_session.h"
#include "contract/data_hash.h"
#include "sft/dataset.h"
#include "train/next_token_trainer.h"

namespace rlhf {
namespace {

struct SftFlags {
  std::string model;
  DatasetFlags data;
  RunFlags run;
  ComputeFlags compute;
  TrainingOptions training;
  std::string memory_limit;
  SftDatasetOptions dataset;
};

void print_report(const std::string& name, const SftDatasetReport& r, size_t samples) {
  std::cerr << name << ": " << r.demonstrations << " demonstrations, " << samples << " samples, " << r.tokens
            << " tokens, " << r.supervised_tokens << " supervised";
  if (r.truncated) std::cerr << "; " << r.truncated << " cut to --max_length or the model's context";
  if (r.unsupervised) std::cerr << "; " << r.unsupervised << " left out without a supervised token";
  if (r.straddling) std::cerr << "; " << r.straddling << " tokens straddle the border of the prompt";
  std::cerr << '\n';
}

std::vector<SupervisedSample> samples_of(const std::string& name,
                                         const std::vector<Demonstration>& demonstrations,
                                         const SequenceEncoder& encoder, const SftDatasetOptions& options,
                                         bool say) {
  if (demonstrations.empty()) return {};
  SftDatasetReport report;
  std::vector<SupervisedSample> samples = make_sft_samples(demonstrations, encoder, options, report);
  if (say) print_report(name, report, samples.size());
  return samples;
}

void run_sft(const CLI::App& command, SftFlags flags) {
  check_training_flags(flags.training);
  flags.compute.apply_threads();
  const torch::Device device = flags.compute.torch_device();
  const torch::ScalarType dtype = flags.compute.training_dtype();
  const ModelFiles files = open_model(flags.model);
  flags.dataset.context = load_config(files).max_position_embeddings;
  const SequenceEncoder encoder(load_tokenizer(files));
  const std::unique_ptr<Collective> collective = Collective::from_environment(device);
  TrainingData data(flags.data, flags.run, *collective);
  const std::vector<Demonstration> demonstrations = data.demonstrations();
  const std::vector<Demonstration> eval_demonstrations = data.eval_demonstrations();

  if (flags.run.ledger.empty()) flags.run.ledger = flags.data.db;

  TrainingSession session(flags.run,
                          {"sft",
                           run_configuration(command),
                           {{"initial", model_record(files, flags.model)}},
                           data_hash(demonstrations),
                           {{"eval_data", eval_demonstrations.empty() ? "" : data_hash(eval_demonstrations)}},
                           encoder.tokenizer().hash(),
                           flags.training.save_total_limit,
                           data.parts()},
                          *collective);
  if (session.finished()) return;
  const bool say = collective->is_first();
  std::vector<SupervisedSample> train = samples_of("train", demonstrations, encoder, flags.dataset, say);
  std::vector<SupervisedSample> eval = samples_of("eval", eval_demonstrations, encoder, flags.dataset, say);

  const ModelConfig config = load_config(files);
  const PassOptions pass = planned_pass(flags.training, device, dtype);
  const MemoryFit memory(
      {flags.memory_limit, "samples", flags.training.per_device_train_batch_size, session.resume_from(),
       [&](int64_t size) {
         return plan_next_token_training(config, pass, train, eval, flags.training, size);
       }},
      device, *collective);
  flags.training.micro_batch_size = memory.micro_batch_size();

  const ModelFiles start = session.resume_from() ? ModelFiles::in_folder(*session.resume_from()) : files;
  LanguageModel model = load_language_model(start, torch::kFloat32, device, /*trainable=*/true);
  model.decoder().set_compute_dtype(dtype);
  model.decoder().set_gradient_checkpointing(flags.training.gradient_checkpointing);
  model.require_grad(true);
  NextTokenTrainer trainer(model, std::move(train), std::move(eval), flags.training, *collective);
  TrainerState state = session.start();
  if (session.resume_from()) trainer.resume(*session.resume_from(), state);
  const auto save_model = [&](const std::filesystem::path& folder) {
    save_language_model(model, folder);
    save_tokenizer(encoder.tokenizer(), folder);
  };
  trainer.train(state, session.surroundings(), save_model);
  session.finish(state, save_model);
  memory.report_peak();
}

}  // namespace

void add_sft_command(CLI::App& app) {
  auto flags = std::make_shared<SftFlags>();
  flags->training.learning_rate = 2e-5;
  CLI::App* command = app.add_subcommand("sft", "supervised fine-tuning on demonstrations");
  command->add_option("--model", flags->model, "model to start from: a folder or grpc://HOST:PORT/NAME")
      ->required();
  add_dataset_flags(*command, flags->data);
  add_run_flags(*command, flags->run);
  add_training_flags(*command, flags->training);
  add_memory_flags(*command, flags->memory_limit);
  add_compute_flags(*command, flags->compute, "auto");
  command->add_option("--max_length", flags->dataset.max_length, "tokens; longer samples lose their end")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_flag("--packing", flags->dataset.packing,
                    "several demonstrations a sample, up to --max_length");
  command->add_flag("--border_by_prompt_length", flags->dataset.border_by_prompt_length,
                    "supervise from the length of the prompt tokenised alone, as TRL does");
  command->callback([flags, command] { run_sft(*command, *flags); });
}

}  // namespace rlhf
