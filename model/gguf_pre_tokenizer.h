#pragma once
#include <string>
#include <vector>

#include "text/tokenizer_definition.h"

namespace rlhf {

/// What a name in tokenizer.ggml.pre stands for.
struct GgufPreTokenizer {
  std::string name;
  bool nfc = false;
  std::vector<SplitStep> splits = {};
  bool gpt2_words = true;
  bool ignore_merges = false;
  bool add_bos = false;  ///< when tokenizer.ggml.add_bos_token says nothing
};

/// nullptr for a name we do not know. Synonyms and the empty name, GPT-2's, are known too.
const GgufPreTokenizer* find_pre_tokenizer(const std::string& name);
/// The one that cuts text as `definition` does; nullptr when llama.cpp has none.
const GgufPreTokenizer* match_pre_tokenizer(const TokenizerDefinition& definition);
/// "gpt-2, smollm, ...", for messages.
std::string known_pre_tokenizers();

}  // namespace rlhf
