#include "contract/checkpoint.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "contract/sha256.h"

namespace rlhf {

bool is_checkpoint_file_name(const std::string& name) {
  return !name.empty() && name.size() <= 255 && name.front() != '.' && name != kManifestName &&
         name.find_first_of(std::string("/\\\0", 3)) == std::string::npos;
}

bool is_model_file(const std::string& name) {
  static constexpr std::array<std::string_view, 12> kNames = {
      "config.json",         "generation_config.json", "model.safetensors.index.json",
      "tokenizer.json",      "tokenizer_config.json",  "special_tokens_map.json",
      "chat_template.jinja", "added_tokens.json",      "vocab.json",
      "merges.txt",          "model.safetensors",      "reward_normalizer.json"};
  if (std::find(kNames.begin(), kNames.end(), name) != kNames.end()) return true;
  return name.starts_with("model-") && name.ends_with(".safetensors");
}

std::string model_hash(std::vector<ManifestEntry> files) {
  std::erase_if(files, [](const ManifestEntry& file) { return !is_model_file(file.name); });
  std::sort(files.begin(), files.end(),
            [](const ManifestEntry& a, const ManifestEntry& b) { return a.name < b.name; });
  Sha256 hash;
  for (const ManifestEntry& file : files)
    hash.update(file.name + " " + std::to_string(file.size) + " " + file.sha256 + "\n");
  return hash.hex_digest();
}

const CheckpointFile* CheckpointBytes::find(const std::string& name) const {
  for (const CheckpointFile& file : files)
    if (file.name == name) return &file;
  return nullptr;
}

}  // namespace rlhf
