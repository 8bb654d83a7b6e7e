#include "pretrain/command.h"

#include <fstream>
#include <iostream>
#include <iterator>
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
#include "contract/error.h"
#include "contract/sha256.h"
#include "pretrain/dataset.h"
#include "train/next_token_trainer.h"

namespace rlhf {
namespace {

struct PretrainFlags {
  std::string model, model_config, tokenizer;
  DatasetFlags data;
  RunFlags run;
  ComputeFlags compute;
  TrainingOptions training;
  std::string memory_limit;
  int64_t block_size = 1024;
};

std::string read_file(const std::string& path, const std::string& flag) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UserError("cannot read " + path + ", which " + flag + " names");
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> texts_of(const std::vector<Demonstration>& demonstrations) {
  std::vector<std::string> texts;
  for (const Demonstration& d : demonstrations) {
    if (d.form != Demonstration::Form::kText)
      throw UserError(d.origin + ": pretrain takes text files or {\"text\"}");
    texts.push_back(d.completion);
  }
  return texts;
}

/// A model to go on from, or the recipe for a fresh one.
class Start {
 public:
  explicit Start(const PretrainFlags& flags) : flags_(flags) {
    if (flags.model.empty() == flags.model_config.empty())
      throw UserError(
          "pretrain starts from --model DIR, or from nothing with --model_config FILE.json --tokenizer DIR");
    if (flags.model.empty() && flags.tokenizer.empty())
      throw UserError("--model_config needs --tokenizer DIR");
    if (!flags.model.empty()) files_ = open_model(flags.model);
  }

  Tokenizer tokenizer() const { return files_ ? load_tokenizer(*files_) : open_tokenizer(flags_.tokenizer); }

  /// A fresh model is known by its configuration.
  ModelRecord record() const {
    if (files_) return model_record(*files_, flags_.model);
    const std::string config = read_file(flags_.model_config, "--model_config");
    const std::filesystem::path path = std::filesystem::absolute(flags_.model_config).lexically_normal();
    return {sha256_hex(config), path.filename().string(), "config", {}, config, path.string(), {}};
  }

  ModelConfig config(const Tokenizer& tokenizer) const {
    if (files_) return load_config(*files_);
    ModelConfig config =
        ModelConfig::parse(read_file(flags_.model_config, "--model_config"), flags_.model_config);
    if (config.vocab_size < tokenizer.vocab_size())
      throw UserError(flags_.model_config + ": vocab_size " + std::to_string(config.vocab_size) +
                      " is below the tokenizer's " + std::to_string(tokenizer.vocab_size()));
    config.bos_token_id = tokenizer.bos_id();
    config.pad_token_id = tokenizer.pad_id();
    config.eos_token_ids = tokenizer.eos_ids();
    return config;
  }

  LanguageModel model(const Tokenizer& tokenizer, torch::Device device) const {
    if (files_) return load_language_model(*files_, torch::kFloat32, device, /*trainable=*/true);
    return LanguageModel::initialise(config(tokenizer), flags_.training.seed, device);
  }

 private:
  const PretrainFlags& flags_;
  std::optional<ModelFiles> files_;
};

void run_pretrain(const CLI::App& command, PretrainFlags flags) {
  check_training_flags(flags.training);
  flags.compute.apply_threads();
  const torch::Device device = flags.compute.torch_device();
  const torch::ScalarType dtype = flags.compute.training_dtype();
  const Start start(flags);
  const Tokenizer tokenizer = start.tokenizer();
  const ModelConfig config = start.config(tokenizer);
  const PretrainBlocks blocks{flags.block_size, config.max_position_embeddings, flags.training.seed};
  const std::unique_ptr<Collective> collective = Collective::from_environment(device);
  TrainingData data(flags.data, flags.run, *collective);
  const std::vector<std::string> texts = texts_of(data.demonstrations());
  const std::vector<std::string> eval_texts = texts_of(data.eval_demonstrations());

  if (flags.run.ledger.empty()) flags.run.ledger = flags.data.db;
  TrainingSession session(
      flags.run,
      {"pretrain",
       run_configuration(command),
       {{"initial", start.record()}},
       data_hash(texts),
       {{"eval_data", eval_texts.empty() ? "" : data_hash(eval_texts)},
        {"eos_token", data_hash(std::vector{std::to_string(tokenizer.eos_id().value_or(-1))})}},
       tokenizer.hash(),
       flags.training.save_total_limit,
       data.parts()},
      *collective);
  if (session.finished()) return;
  PretrainDataset train = make_pretrain_blocks(texts, tokenizer, blocks);
  PretrainDataset eval;
  if (!eval_texts.empty()) eval = make_pretrain_blocks(eval_texts, tokenizer, blocks);
  if (collective->is_first())
    std::cerr << "train: " << texts.size() << " documents, " << train.tokens << " tokens in "
              << train.blocks.size() << " blocks of " << flags.block_size << "\n";

  const PassOptions pass = planned_pass(flags.training, device, dtype);
  const MemoryFit memory(
      {flags.memory_limit, "blocks", flags.training.per_device_train_batch_size, session.resume_from(),
       [&](int64_t size) {
         return plan_next_token_training(config, pass, train.blocks, eval.blocks, flags.training, size);
       }},
      device, *collective);
  flags.training.micro_batch_size = memory.micro_batch_size();

  LanguageModel model =
      session.resume_from()
          ? load_language_model(ModelFiles::in_folder(*session.resume_from()), torch::kFloat32, device, true)
          : start.model(tokenizer, device);
  model.decoder().set_compute_dtype(dtype);
  model.decoder().set_gradient_checkpointing(flags.training.gradient_checkpointing);
  model.require_grad(true);
  NextTokenTrainer trainer(model, std::move(train.blocks), std::move(eval.blocks), flags.training,
                           *collective);
  if (eval.bytes > 0) trainer.set_eval_bytes(eval.bytes);
  TrainerState state = session.start();
  if (session.resume_from()) trainer.resume(*session.resume_from(), state);
  const auto save_model = [&](const std::filesystem::path& folder) {
    save_language_model(model, folder);
    save_tokenizer(tokenizer, folder);
  };
  trainer.train(state, session.surroundings(), save_model);
  session.finish(state, save_model);
  memory.report_peak();
}

}  // namespace

void add_pretrain_command(CLI::App& app) {
  auto flags = std::make_shared<PretrainFlags>();
  flags->training.learning_rate = 5e-4;
  CLI::App* command = app.add_subcommand("pretrain", "next-token prediction on plain text");
  command->add_option("--model", flags->model, "model to go on from: a folder or grpc://HOST:PORT/NAME");
  command->add_option("--model_config", flags->model_config, "config.json of a fresh model");
  command->add_option("--tokenizer", flags->tokenizer,
                      "folder with tokenizer.json, or grpc://HOST:PORT/NAME, for a fresh model");
  add_dataset_flags(*command, flags->data);
  add_run_flags(*command, flags->run);
  add_training_flags(*command, flags->training);
  add_memory_flags(*command, flags->memory_limit);
  add_compute_flags(*command, flags->compute, "auto");
  command->add_option("--block_size", flags->block_size, "tokens of one sample: documents are packed into it")
      ->capture_default_str()
      ->check(CLI::Range(2, 1 << 24));
  command->callback([flags, command] { run_pretrain(*command, *flags); });
}

}  // namespace rlhf
