#include "text/command.h"

#include <fstream>
#include <iostream>
#include <memory>
#include <thread>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/model_reference.h"
#include "contract/error.h"
#include "formats/output_file.h"
#include "formats/raw_record.h"
#include "formats/text_file.h"
#include "log/log.h"
#include "storage/atomic_folder.h"
#include "text/bpe_trainer.h"
#include "text/token_lines.h"

namespace rlhf {

namespace {

struct LinesFlags {
  std::string model, output;
  TokenLinesOptions lines;
};

struct TrainFlags {
  std::vector<std::string> files, special_tokens;
  std::string output_dir;
  SpecialRoles roles{"<|bos|>", "<|endoftext|>", "<|pad|>"};
  BpeTrainingOptions training;
};

int machine_threads() {
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

void encode(const LinesFlags& flags) {
  const Tokenizer tokenizer = open_tokenizer(flags.model);
  OutputFile output(flags.output);
  const uint64_t dropped = encode_lines(tokenizer, std::cin, output.stream(), flags.lines);
  output.close();
  if (dropped > 0) {
    log::warn(std::to_string(dropped) + " bytes have no token in " + flags.model + " and were dropped");
  }
}

void decode(const LinesFlags& flags) {
  const Tokenizer tokenizer = open_tokenizer(flags.model);
  OutputFile output(flags.output);
  decode_lines(tokenizer, std::cin, output.stream(), flags.lines);
  output.close();
}

/// Lines keep their newline, which then is a word like any other.
void add_lines(BpeTrainer& trainer, std::string_view text) {
  while (!text.empty()) {
    const size_t newline = text.find('\n');
    const size_t length = newline == std::string_view::npos ? text.size() : newline + 1;
    trainer.add(text.substr(0, length));
    text.remove_prefix(length);
  }
}

/// The "text" of each record of a JSONL, JSON or CSV file, or the lines of any other.
void add_file(BpeTrainer& trainer, const std::string& path) {
  const std::string extension = data_extension(path);
  if (extension != ".jsonl" && extension != ".json" && extension != ".csv" && extension != ".tsv") {
    std::string text;
    if (const std::string problem = read_text_file(path, text); !problem.empty()) {
      throw UserError(path + ": " + problem);
    }
    return add_lines(trainer, text);
  }
  const auto records = open_raw_records(path);
  for (RawRecord record; records->next(record);) {
    const std::string where = path + ":" + std::to_string(record.line) + ": ";
    if (!record.problem.empty()) throw UserError(where + record.problem);
    const bool has_text =
        record.value.is_object() && record.value.contains("text") && record.value["text"].is_string();
    if (!has_text) throw UserError(where + "lacks a string \"text\"");
    trainer.add(record.value["text"].get_ref<const std::string&>());
  }
}

/// The tokens with a role come first (pad, bos, eos), then the others; a token may have two roles.
std::vector<std::string> all_special_tokens(const TrainFlags& flags) {
  std::vector<std::string> all;
  for (const std::string& token : {flags.roles.pad, flags.roles.bos, flags.roles.eos}) {
    if (!token.empty() && std::find(all.begin(), all.end(), token) == all.end()) all.push_back(token);
  }
  for (const std::string& token : flags.special_tokens) {
    if (std::find(all.begin(), all.end(), token) == all.end()) all.push_back(token);
  }
  return all;
}

void train(TrainFlags flags) {
  flags.training.special_tokens = all_special_tokens(flags);
  BpeTrainer trainer(flags.training);
  for (const std::string& path : flags.files) add_file(trainer, path);
  const TokenizerDefinition definition = trainer.train();
  const auto files = tokenizer_files(definition, flags.roles);
  write_folder_atomically(flags.output_dir, [&](const std::filesystem::path& folder) {
    for (const auto& [name, bytes] : files) write_file_durably(folder / name, bytes);
  });
  const auto size = definition.vocab.size();
  if (size < static_cast<size_t>(flags.training.vocab_size)) {
    log::warn("the vocabulary has " + std::to_string(size) + " tokens: no other pair occurs " +
              std::to_string(flags.training.min_frequency) + " times");
  }
  const nlohmann::ordered_json summary = {{"output_dir", flags.output_dir},
                                          {"vocab_size", size},
                                          {"merges", definition.merges.size()},
                                          {"tokenizer_hash", hash_of(definition)}};
  std::cout << summary.dump() << std::endl;
}

std::shared_ptr<LinesFlags> add_lines_flags(CLI::App& command) {
  auto flags = std::make_shared<LinesFlags>();
  flags->lines.threads = machine_threads();
  command
      .add_option("--model", flags->model,
                  "A folder with tokenizer.json, with or without a model, or grpc://HOST:PORT/NAME")
      ->required();
  command.add_option("--output", flags->output, "Write here instead of to stdout");
  command.add_flag("--jsonl", flags->lines.jsonl,
                   "Text is a JSON string per line, so that it may hold newlines");
  return flags;
}

void add_encode(CLI::App& tokenizer) {
  CLI::App* command =
      tokenizer.add_subcommand("encode", "Lines of text on stdin to JSON arrays of ids on stdout");
  auto flags = add_lines_flags(*command);
  command->add_flag("--no_special_tokens", flags->lines.no_special_tokens,
                    "Leave out what the post-processor puts around a text (a BOS, say)");
  command->add_option("--threads", flags->lines.threads, "Lines encoded at a time")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  command->callback([flags] { encode(*flags); });
}

void add_decode(CLI::App& tokenizer) {
  CLI::App* command =
      tokenizer.add_subcommand("decode", "JSON arrays of ids on stdin to lines of text on stdout");
  auto flags = add_lines_flags(*command);
  command->add_flag("--no_special_tokens", flags->lines.no_special_tokens,
                    "The ids were encoded with this flag: nothing stands around the text");
  command->add_flag("--skip_special_tokens", flags->lines.skip_special_tokens,
                    "Leave out every special token, inside the text too");
  command->callback([flags] { decode(*flags); });
}

void add_train(CLI::App& tokenizer) {
  CLI::App* command = tokenizer.add_subcommand("train", "Learn a byte-level BPE from text");
  auto flags = std::make_shared<TrainFlags>();
  command->add_option("--files", flags->files, "Text files, or JSONL with \"text\"; .gz read directly")
      ->required();
  command->add_option("--output_dir", flags->output_dir, "A folder that does not exist yet, or is empty")
      ->required();
  command
      ->add_option("--vocab_size", flags->training.vocab_size,
                   "Tokens, special ones and the 256 bytes included")
      ->capture_default_str();
  command
      ->add_option("--min_frequency", flags->training.min_frequency, "A pair seen less often is not merged")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_flag("--digits", flags->training.digits, "Each digit is a token of its own");
  command->add_option("--pad_token", flags->roles.pad, "Pads batches; \"\" for none")->capture_default_str();
  command->add_option("--bos_token", flags->roles.bos, "Begins a text; \"\" for none")->capture_default_str();
  command->add_option("--eos_token", flags->roles.eos, "Ends a text; \"\" for none")->capture_default_str();
  command->add_option("--special_tokens", flags->special_tokens, "Further special tokens, comma-separated")
      ->delimiter(',');
  command->callback([flags] { train(*flags); });
}

}  // namespace

void add_tokenizer_command(CLI::App& app) {
  CLI::App* tokenizer = app.add_subcommand("tokenizer", "Encode, decode, and train tokenizers");
  tokenizer->require_subcommand(1);
  add_encode(*tokenizer);
  add_decode(*tokenizer);
  add_train(*tokenizer);
}

}  // namespace rlhf
