#include "model/command.h"

#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <variant>

#include <CLI/CLI.hpp>

#include "cli/model_reference.h"
#include "contract/error.h"
#include "contract/sha256.h"
#include "log/log.h"
#include "model/gguf_model.h"
#include "model/model_folder.h"
#include "rpc/model_address.h"
#include "storage/atomic_folder.h"
#include "storage/checkpoint_directory.h"
#include "storage/provenance.h"

namespace rlhf {
namespace {

namespace fs = std::filesystem;

constexpr char kDefaultDtype[] = "float32";

struct ConvertFlags {
  std::string source, destination;
  std::string dtype;  ///< empty: float32, or, of a model that is only sent on, what it has
};

/// A word of --dtype, and what it means for a folder and for a GGUF file.
struct StoredDtype {
  const char* word;
  std::optional<torch::ScalarType> folder;
  std::optional<GgufTensorType> gguf;
};

constexpr StoredDtype kStoredDtypes[] = {{"float32", torch::kFloat32, GgufTensorType::kF32},
                                         {"f32", torch::kFloat32, GgufTensorType::kF32},
                                         {"float16", torch::kFloat16, GgufTensorType::kF16},
                                         {"f16", torch::kFloat16, GgufTensorType::kF16},
                                         {"bfloat16", torch::kBFloat16, GgufTensorType::kBF16},
                                         {"bf16", torch::kBFloat16, GgufTensorType::kBF16},
                                         {"float64", torch::kFloat64, std::nullopt},
                                         {"q8_0", std::nullopt, GgufTensorType::kQ8_0}};

const StoredDtype& stored_dtype(const std::string& given) {
  const std::string word = given.empty() ? kDefaultDtype : given;
  for (const StoredDtype& dtype : kStoredDtypes) {
    if (word == dtype.word) return dtype;
  }
  throw UserError("--dtype " + word + ": use float32, bfloat16 or float16; q8_0 for GGUF files");
}

torch::ScalarType folder_dtype(const std::string& word) {
  const auto dtype = stored_dtype(word).folder;
  if (!dtype)
    throw UserError("--dtype " + word + " is for GGUF files; use float32, bfloat16 or float16 for a folder");
  return *dtype;
}

GgufTensorType gguf_dtype(const std::string& word) {
  const auto dtype = stored_dtype(word).gguf;
  if (!dtype) throw UserError("--dtype " + word + ": a GGUF file takes f32, f16, bf16 or q8_0");
  return *dtype;
}

/// A model in memory with the files of its tokenizer, which a model that is fed ids may lack.
struct OpenedModel {
  std::variant<LanguageModel, LoadedScalarModel> weights;
  std::map<std::string, std::string> tokenizer_files;
  std::string where;
  std::vector<std::string> parents;  ///< hash of the model it was read from, where that has one

  const ModelConfig& config() const {
    if (const auto* model = std::get_if<LanguageModel>(&weights)) return model->decoder().config();
    return std::get<LoadedScalarModel>(weights).model.decoder().config();
  }
};

bool is_classifier(const ModelConfig& config) {
  const auto found = config.source.find("architectures");
  if (found == config.source.end() || !found->is_array() || found->empty() || !found->front().is_string())
    return false;
  return found->front().get<std::string>().ends_with("ForSequenceClassification");
}

OpenedModel open_files(const ModelFiles& files, torch::ScalarType dtype) {
  const auto load = [&]() -> std::variant<LanguageModel, LoadedScalarModel> {
    if (is_classifier(load_config(files))) return load_scalar_model(files, dtype, torch::kCPU, false);
    return load_language_model(files, dtype, torch::kCPU, false);
  };
  OpenedModel model{load(), {}, files.where(""), {}};
  if (files.has(Tokenizer::kTokenizerJson)) model.tokenizer_files = load_tokenizer(files).to_files();
  return model;
}

bool is_gguf(const std::string& reference) {
  return fs::path(reference).extension() == ".gguf" || fs::is_regular_file(reference);
}

OpenedModel open_any(const ConvertFlags& flags) {
  // Weights pass through float32, which holds every stored type but float64.
  const bool wide = stored_dtype(flags.dtype).folder == torch::kFloat64;
  const torch::ScalarType dtype = wide ? torch::kFloat64 : torch::kFloat32;
  if (is_model_address(flags.source)) {
    const ModelFiles files = open_model(flags.source);
    OpenedModel model = open_files(files, dtype);
    model.parents = {files.manifest().model_hash};
    return model;
  }
  if (is_gguf(flags.source)) {
    GgufModel model = load_gguf(GgufFile::open(flags.source), dtype);
    return {std::move(model.model), std::move(model.tokenizer_files), flags.source, {}};
  }
  OpenedModel model = open_files(ModelFiles::in_folder(flags.source), dtype);
  model.parents = {manifest_of(flags.source).model_hash};
  return model;
}

Tokenizer tokenizer_of(const OpenedModel& model, const std::string& reason) {
  if (model.tokenizer_files.empty()) throw UserError(model.where + " has no tokenizer, which " + reason);
  return Tokenizer::from_files(model.tokenizer_files, model.where);
}

/// Fills an empty folder. The tokenizer's files come first: the model's own config is the one that counts.
void write_folder(const OpenedModel& model, torch::ScalarType dtype, const fs::path& folder) {
  for (const auto& [name, bytes] : model.tokenizer_files) {
    if (name != "config.json" && name != "generation_config.json") write_file_durably(folder / name, bytes);
  }
  SaveOptions options;
  options.dtype = dtype;
  if (const auto* language_model = std::get_if<LanguageModel>(&model.weights)) {
    save_language_model(*language_model, folder, options);
  } else {
    const auto& scalar = std::get<LoadedScalarModel>(model.weights);
    save_scalar_model(scalar.model, scalar.normalizer, folder, options);
  }
}

void print_result(const ConvertFlags& flags, const OpenedModel& model, const std::string& hash) {
  nlohmann::ordered_json line = {{"model", flags.destination},
                                 {"model_type", model.config().model_type},
                                 {"parameters", model.config().parameter_count()},
                                 {"dtype", stored_dtype(flags.dtype).word}};
  if (!hash.empty()) line["model_hash"] = hash;
  std::cout << line.dump() << std::endl;
}

/// Text of provenance.json: the file, folder or address it was read from.
std::string provenance(const ConvertFlags& flags, const OpenedModel& model, const std::string& stage) {
  const bool remote = is_model_address(flags.source);
  const std::string hash = model.parents.empty() ? sha256_file(flags.source) : model.parents.front();
  const std::string path = remote ? flags.source : fs::absolute(flags.source).lexically_normal().string();
  return provenance_to_json({stage, {}, {}, {{"initial", hash, path}}, {}});
}

void convert_to_folder(const ConvertFlags& flags, const std::string& stage) {
  const torch::ScalarType dtype = folder_dtype(flags.dtype);
  const OpenedModel model = open_any(flags);
  CheckpointIdentity identity{stage, "", model.parents, provenance(flags, model, stage)};
  if (!model.tokenizer_files.empty())
    identity.tokenizer_hash = Tokenizer::from_files(model.tokenizer_files, model.where).hash();
  write_folder_atomically(flags.destination, [&](const fs::path& folder) {
    write_folder(model, dtype, folder);
    add_manifest(folder, identity);
  });
  print_result(flags, model, read_manifest(flags.destination).model_hash);
}

/// llama.cpp cuts added tokens out of a text by their content alone.
void announce_lost_flags(const Tokenizer& tokenizer) {
  std::string tokens;
  for (const AddedToken& token : tokenizer.added_tokens()) {
    if (token.lstrip || token.rstrip || token.single_word) tokens += " \"" + token.content + "\"";
  }
  if (!tokens.empty())
    log::warn("GGUF cannot say which tokens take white space along or match whole words only; lost for" +
              tokens);
}

void convert_to_gguf(const ConvertFlags& flags) {
  const GgufTensorType type = gguf_dtype(flags.dtype);
  const OpenedModel model = open_any(flags);
  const auto* language_model = std::get_if<LanguageModel>(&model.weights);
  if (!language_model) throw UserError(flags.source + " is a reward model; GGUF files hold language models");
  const Tokenizer tokenizer = tokenizer_of(model, "a GGUF file needs");
  announce_lost_flags(tokenizer);
  write_new_file_atomically(flags.destination,
                            [&](const fs::path& path) { save_gguf(path, *language_model, tokenizer, type); });
  print_result(flags, model, "");
}

CheckpointBytes converted_bytes(const ConvertFlags& flags) {
  SaveOptions options;
  options.dtype = folder_dtype(flags.dtype);
  const OpenedModel model = open_any(flags);
  const Tokenizer tokenizer = tokenizer_of(model, "a published model needs");
  CheckpointBytes bytes;
  if (const auto* language_model = std::get_if<LanguageModel>(&model.weights)) {
    bytes = language_model_bytes(*language_model, tokenizer, options);
  } else {
    const auto& scalar = std::get<LoadedScalarModel>(model.weights);
    bytes = scalar_model_bytes(scalar.model, scalar.normalizer, tokenizer, options);
  }
  bytes.manifest.stage = "export";
  bytes.manifest.parents = model.parents;
  return bytes;
}

/// A model that is already in Hugging Face's layout is sent byte for byte, unless a dtype is asked for.
void publish(const ConvertFlags& flags) {
  parse_model_address(flags.destination);  // before minutes of reading
  const bool as_it_is = flags.dtype.empty();
  CheckpointBytes bytes;
  if (as_it_is && is_model_address(flags.source)) {
    bytes = fetch_model(flags.source);
  } else if (as_it_is && !is_gguf(flags.source)) {
    bytes = read_checkpoint_bytes(flags.source);
  } else {
    bytes = converted_bytes(flags);
  }
  const ModelAddress address = publish_model(flags.destination, bytes);
  nlohmann::ordered_json line = {{"model", address.text()}, {"model_hash", bytes.manifest.model_hash}};
  std::cout << line.dump() << std::endl;
}

void run_export(const ConvertFlags& flags) {
  if (is_model_address(flags.destination)) {
    publish(flags);
  } else if (fs::path(flags.destination).extension() == ".gguf") {
    convert_to_gguf(flags);
  } else {
    convert_to_folder(flags, "export");
  }
}

void add_flags(CLI::App& command, ConvertFlags& flags, const char* destination_help, const char* dtype_help) {
  command
      .add_option("source", flags.source, "A GGUF file, a model folder, or grpc://HOST:PORT/NAME[@VERSION]")
      ->required();
  command.add_option("destination", flags.destination, destination_help)->required();
  command.add_option("--dtype", flags.dtype, dtype_help);
}

}  // namespace

void add_import_command(CLI::App& app) {
  auto flags = std::make_shared<ConvertFlags>();
  CLI::App* command =
      app.add_subcommand("import", "Read a model (GGUF or Hugging Face) into a Hugging Face folder");
  add_flags(*command, *flags, "The folder to make", "float32 (default), bfloat16, float16 or float64");
  command->callback([flags] { convert_to_folder(*flags, "import"); });
}

void add_export_command(CLI::App& app) {
  auto flags = std::make_shared<ConvertFlags>();
  CLI::App* command = app.add_subcommand("export", "Write a model for other programs, or publish it");
  add_flags(
      *command, *flags, "A folder, a file that ends with .gguf, or grpc://HOST:PORT/NAME",
      "float32 (default), bfloat16, float16 or float64 for a folder; f32 (default), f16, bf16 or q8_0 for a "
      ".gguf file; a published model keeps its own unless this is given");
  command->callback([flags] { run_export(*flags); });
}

}  // namespace rlhf
