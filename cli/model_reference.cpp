#include "cli/model_reference.h"

#include <fstream>
#include <map>

#include "contract/error.h"
#include "rpc/model_address.h"
#include "storage/manifest.h"
#include "text/tokenizer.h"

namespace rlhf {

ModelFiles open_model(const std::string& reference, const std::string& flag) {
  if (reference.empty())
    throw UserError(flag + " is needed: a model folder, or grpc://HOST:PORT/NAME[@VERSION]");
  if (is_model_address(reference)) return ModelFiles::in_memory(fetch_model(reference));
  if (!has_manifest(reference)) return ModelFiles::in_folder(reference);
  try {
    return ModelFiles::in_folder(reference, verify(reference));
  } catch (const UserError& error) {
    throw UserError(std::string(error.what()) +
                    "; if the folder was changed on purpose, remove its manifest.json");
  }
}

Tokenizer load_tokenizer(const ModelFiles& files) {
  std::map<std::string, std::string> tokenizer_files;
  for (const std::string& name : files.names())
    if (is_model_file(name) && !name.ends_with(".safetensors")) tokenizer_files[name] = files.read(name);
  return Tokenizer::from_files(tokenizer_files, files.where("tokenizer.json"));
}

Tokenizer open_tokenizer(const std::string& reference) {
  return is_model_address(reference) ? load_tokenizer(open_model(reference)) : Tokenizer::load(reference);
}

void save_tokenizer(const Tokenizer& tokenizer, const std::filesystem::path& folder) {
  for (const auto& [name, bytes] : tokenizer.to_files()) {
    // The model writes its own configuration.
    if (name == "config.json" || name == "generation_config.json") continue;
    std::ofstream file(folder / name, std::ios::binary);
    file << bytes;
    file.close();
    if (!file) throw WorldError("writing " + (folder / name).string() + " failed: is the disk full?");
  }
}

void require_same_tokenizer(const Tokenizer& first, const std::string& first_flag, const Tokenizer& second,
                            const std::string& second_flag) {
  if (first.hash() == second.hash()) return;
  throw UserError("the tokenizers of " + first_flag + " (hash " + first.hash().substr(0, 12) + ") and " +
                  second_flag + " (hash " + second.hash().substr(0, 12) +
                  ") differ: models of one run must share one, since sampled ids are never tokenised again");
}

}  // namespace rlhf
