#pragma once
#include <filesystem>
#include <string>

#include "model/model_folder.h"

namespace rlhf {

/// The files of a model named by a folder or by grpc://HOST:PORT/NAME[@VERSION], which is fetched; checked
/// against their manifest, which only a plain Hugging Face folder lacks. `flag` is named in the UserError
/// when there is no such model.
ModelFiles open_model(const std::string& reference, const std::string& flag = "--model");

/// Its tokenizer.
Tokenizer load_tokenizer(const ModelFiles& files);
/// The tokenizer of a model named likewise, or of a folder or tokenizer.json without a model.
Tokenizer open_tokenizer(const std::string& reference);

/// Writes the tokenizer's files into a checkpoint folder. WorldError when the disk fails.
void save_tokenizer(const Tokenizer& tokenizer, const std::filesystem::path& folder);

/// UserError when two models of one run do not share a tokenizer.
void require_same_tokenizer(const Tokenizer& first, const std::string& first_flag, const Tokenizer& second,
                            const std::string& second_flag);

}  // namespace rlhf
