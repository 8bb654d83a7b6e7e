#include "cli/model_reference.h"

#include <map>

#include "contract/error.h"
#include "rpc/model_address.h"
#include "text/tokenizer.h"

namespace rlhf {

ModelFiles open_model(const std::string& reference, const std::string& flag) {
  if (reference.empty())
    throw UserError(flag + " is needed: a model folder, or grpc://HOST:PORT/NAME[@VERSION]");
  if (is_model_address(reference)) return ModelFiles::in_memory(fetch_model(reference));
  return ModelFiles::in_folder(reference);
}

Tokenizer load_tokenizer(const ModelFiles& files) {
  std::map<std::string, std::string> tokenizer_files;
  for (const std::string& name : files.names())
    if (is_model_file(name) && !name.ends_with(".safetensors")) tokenizer_files[name] = files.read(name);
  return Tokenizer::from_files(tokenizer_files, files.where("tokenizer.json"));
}

void require_same_tokenizer(const Tokenizer& first, const std::string& first_flag, const Tokenizer& second,
                            const std::string& second_flag) {
  if (first.hash() == second.hash()) return;
  throw UserError("the tokenizers of " + first_flag + " (hash " + first.hash().substr(0, 12) + ") and " +
                  second_flag + " (hash " + second.hash().substr(0, 12) +
                  ") differ: models of one run must share one, since sampled ids are never tokenised again");
}

}  // namespace rlhf
