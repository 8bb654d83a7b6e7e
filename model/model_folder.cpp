#include "model/model_folder.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>

#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "contract/sha256.h"
#include "model/config_reader.h"
#include "model/weights.h"
#include "text/tokenizer.h"

namespace rlhf {
namespace {

using nlohmann::ordered_json;

constexpr char kConfig[] = "config.json";
constexpr char kGenerationConfig[] = "generation_config.json";
constexpr char kWeights[] = "model.safetensors";
constexpr char kIndex[] = "model.safetensors.index.json";

/// The tensors of model.safetensors, or of the shards that the index names.
class SafetensorsSource : public TensorSource {
 public:
  explicit SafetensorsSource(const ModelFiles& files) : where_(files.where(kWeights)) {
    if (files.has(kWeights)) {
      shards_.push_back(files.safetensors(kWeights));
      for (const std::string& name : shards_.front().names()) shard_of_[name] = 0;
    } else if (files.has(kIndex)) {
      where_ = files.where(kIndex);
      read_index(files);
    } else {
      throw UserError(where_ + ": no such file, nor " + kIndex +
                      "; this folder holds no safetensors weights");
    }
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> names;
    for (const auto& [name, shard] : shard_of_) names.push_back(name);
    return names;
  }
  torch::Tensor tensor(const std::string& name) const override {
    return shards_[shard_of_.at(name)].tensor(name);
  }
  std::string where() const override { return where_; }

 private:
  void read_index(const ModelFiles& files) {
    const ordered_json index = parse_json_object(files.read(kIndex), where_);
    const ConfigReader reader(index, where_);
    const ConfigReader weight_map = reader.object("weight_map");
    std::map<std::string, std::size_t> place_of_file;
    for (const auto& [name, file] : reader.value("weight_map").items()) {
      const std::string file_name = weight_map.text(name);
      if (file_name.find('/') != std::string::npos || file_name.find('\\') != std::string::npos) {
        reader.fail("the shard \"" + file_name + "\" must be a file beside the index");
      }
      const auto [place, fresh] = place_of_file.emplace(file_name, shards_.size());
      if (fresh) shards_.push_back(files.safetensors(file_name));
      if (!shards_[place->second].has(name)) reader.fail("tensor " + name + " is not in " + file_name);
      shard_of_[name] = place->second;
    }
    std::size_t stored = 0;
    for (const SafetensorsFile& shard : shards_) stored += shard.names().size();
    if (stored != shard_of_.size()) {
      reader.fail("the shards hold " + std::to_string(stored) + " tensors, but the index lists " +
                  std::to_string(shard_of_.size()));
    }
  }

  std::string where_;
  std::vector<SafetensorsFile> shards_;
  std::map<std::string, std::size_t> shard_of_;
};

/// OpenRLHF's keys, so that its users find them.
RewardNormalizer read_normalizer(const ModelFiles& files) {
  const ordered_json json = parse_json_object(files.read(kConfig), files.where(kConfig));
  const ConfigReader reader(json, files.where(kConfig));
  const RewardNormalizer normalizer{reader.number("mean", 0.0), reader.number("std", 1.0)};
  if (!(normalizer.std > 0)) reader.fail("\"std\" of the reward must be above 0");
  return normalizer;
}

/// One file of a model to be written: text, or tensors when there are any.
struct PlannedFile {
  std::string name;
  std::string text;
  std::vector<NamedTensor> tensors;
};

std::string dtype_name(torch::ScalarType dtype) {
  switch (dtype) {
    case torch::kFloat64:
      return "float64";
    case torch::kFloat32:
      return "float32";
    case torch::kBFloat16:
      return "bfloat16";
    case torch::kFloat16:
      return "float16";
    default:
      throw std::invalid_argument("weights cannot be saved in this dtype");
  }
}

std::string shard_name(std::size_t index, std::size_t count) {
  char name[64];
  std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", index + 1, count);
  return name;
}

/// model.safetensors, or shards of at most `limit` bytes with their index.
std::vector<PlannedFile> plan_weights(std::vector<NamedTensor> weights, uint64_t limit) {
  std::vector<std::vector<NamedTensor>> shards(1);
  uint64_t shard_bytes = 0, total = 0;
  for (NamedTensor& weight : weights) {
    const uint64_t bytes = weight.tensor.nbytes();
    if (shard_bytes > 0 && shard_bytes + bytes > limit) {
      shards.emplace_back();
      shard_bytes = 0;
    }
    shard_bytes += bytes;
    total += bytes;
    shards.back().push_back(std::move(weight));
  }
  if (shards.size() == 1) return {{kWeights, {}, std::move(shards.front())}};
  std::vector<PlannedFile> files;
  ordered_json index;
  index["metadata"]["total_size"] = total;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::string name = shard_name(i, shards.size());
    for (const NamedTensor& weight : shards[i]) index["weight_map"][weight.name] = name;
    files.push_back({name, {}, std::move(shards[i])});
  }
  files.push_back({kIndex, index.dump(2) + "\n", {}});
  return files;
}

std::string generation_config(const ModelConfig& config) {
  const ordered_json source = ordered_json::parse(config.to_json(false));
  ordered_json json;
  json["_from_model_config"] = true;
  for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"}) {
    if (!source[key].is_null()) json[key] = source[key];
  }
  return json.dump(2) + "\n";
}

std::vector<PlannedFile> plan(const LanguageModel& model, const SaveOptions& options) {
  const ModelConfig& config = model.decoder().config();
  std::vector<PlannedFile> files =
      plan_weights(hugging_face_weights(model, options.dtype), options.max_shard_bytes);
  files.push_back({kConfig, config.to_json(false, dtype_name(options.dtype)), {}});
  files.push_back({kGenerationConfig, generation_config(config), {}});
  return files;
}

std::vector<PlannedFile> plan(const ScalarModel& model, const RewardNormalizer& normalizer,
                              const SaveOptions& options) {
  const ModelConfig& config = model.decoder().config();
  std::vector<PlannedFile> files =
      plan_weights(hugging_face_weights(model, options.dtype), options.max_shard_bytes);
  ordered_json json = ordered_json::parse(config.to_json(true, dtype_name(options.dtype)));
  json["mean"] = normalizer.mean;
  json["std"] = normalizer.std;
  files.push_back({kConfig, json.dump(2) + "\n", {}});
  return files;
}

void write(const std::vector<PlannedFile>& files, const std::filesystem::path& folder) {
  for (const PlannedFile& file : files) {
    if (!file.tensors.empty()) {
      write_safetensors(folder / file.name, file.tensors);
      continue;
    }
    std::ofstream out(folder / file.name, std::ios::binary | std::ios::trunc);
    out << file.text;
    out.close();
    if (!out) throw WorldError((folder / file.name).string() + ": cannot be written; is the disk full?");
  }
}

CheckpointBytes to_bytes(const std::vector<PlannedFile>& files, const Tokenizer& tokenizer) {
  std::map<std::string, std::string> contents = tokenizer.to_files();
  // The tokenizer's files are as it was loaded; the model's own config is the one that counts.
  for (const PlannedFile& file : files) {
    contents[file.name] = file.tensors.empty() ? file.text : safetensors_bytes(file.tensors);
  }
  CheckpointBytes checkpoint;
  for (auto& [name, bytes] : contents) {
    checkpoint.manifest.files.push_back({name, bytes.size(), sha256_hex(bytes)});
    checkpoint.files.push_back({name, std::make_shared<const std::string>(std::move(bytes))});
  }
  checkpoint.manifest.model_hash = model_hash(checkpoint.manifest.files);
  checkpoint.manifest.tokenizer_hash = tokenizer.hash();
  return checkpoint;
}

}  // namespace

ModelConfig load_config(const ModelFiles& files) {
  ModelConfig config = ModelConfig::parse(files.read(kConfig), files.where(kConfig));
  if (!files.has(kGenerationConfig)) return config;
  const ordered_json json = parse_json_object(files.read(kGenerationConfig), files.where(kGenerationConfig));
  const ConfigReader generation(json, files.where(kGenerationConfig));
  const std::vector<TokenId> eos = generation.token_ids("eos_token_id", config.vocab_size);
  if (!eos.empty()) config.eos_token_ids = eos;
  return config;
}

LanguageModel load_language_model(const ModelFiles& files, torch::ScalarType dtype, torch::Device device,
                                  bool trainable) {
  const ModelConfig config = load_config(files);
  return assemble_language_model(config, SafetensorsSource(files), {dtype, device, trainable});
}

LoadedScalarModel load_scalar_model(const ModelFiles& files, torch::ScalarType dtype, torch::Device device,
                                    bool trainable, uint64_t head_seed) {
  const ModelConfig config = load_config(files);
  AssembledScalarModel parts =
      assemble_scalar_model(config, SafetensorsSource(files), {dtype, device, trainable});
  if (!parts.score_weight.defined()) {
    return {ScalarModel::with_fresh_head(std::move(parts.decoder), head_seed), {}, true};
  }
  return {ScalarModel(std::move(parts.decoder), std::move(parts.score_weight)), read_normalizer(files),
          false};
}

void save_language_model(const LanguageModel& model, const std::filesystem::path& folder,
                         const SaveOptions& options) {
  write(plan(model, options), folder);
}

void save_scalar_model(const ScalarModel& model, const RewardNormalizer& normalizer,
                       const std::filesystem::path& folder, const SaveOptions& options) {
  write(plan(model, normalizer, options), folder);
}

CheckpointBytes language_model_bytes(const LanguageModel& model, const Tokenizer& tokenizer,
                                     const SaveOptions& options) {
  return to_bytes(plan(model, options), tokenizer);
}

CheckpointBytes scalar_model_bytes(const ScalarModel& model, const RewardNormalizer& normalizer,
                                   const Tokenizer& tokenizer, const SaveOptions& options) {
  return to_bytes(plan(model, normalizer, options), tokenizer);
}

}  // namespace rlhf
