#include "tests/end_to_end/tiny_world.h"

#include <random>

#include "tests/end_to_end/run_program.h"

namespace rlhf::test {
namespace {

using nlohmann::json;

/// Sentences over a small vocabulary, the same in every run of the tests.
class Sentences {
 public:
  std::string words(int count) {
    static const std::vector<std::string> kWords = {"the",   "film",   "was",   "good", "bad",
                                                    "funny", "slow",   "plot",  "and",  "actor",
                                                    "scene", "boring", "great", "not"};
    std::string text;
    for (int i = 0; i < count; ++i) text += " " + kWords[random_() % kWords.size()];
    return text;
  }

 private:
  std::mt19937 random_{7};
};

}  // namespace

json tiny_config() {
  return {{"model_type", "llama"},
          {"architectures", {"LlamaForCausalLM"}},
          {"vocab_size", 300},
          {"hidden_size", 16},
          {"intermediate_size", 24},
          {"num_hidden_layers", 1},
          {"num_attention_heads", 2},
          {"num_key_value_heads", 1},
          {"max_position_embeddings", 64},
          {"rms_norm_eps", 1e-5},
          {"tie_word_embeddings", true}};
}

TinyWorld::TinyWorld() {
  Sentences sentences;
  std::string lines;
  std::vector<json> demonstrations_, rankings_, prompts_;
  for (int i = 0; i < 60; ++i) {
    lines += sentences.words(9) + ".\n";
    demonstrations_.push_back(
        {{"prompt", "The film" + sentences.words(2)}, {"completion", sentences.words(4) + "."}});
    rankings_.push_back({{"prompt", "The plot" + sentences.words(1)},
                         {"chosen", " good" + sentences.words(2)},
                         {"rejected", " bad" + sentences.words(3)}});
    prompts_.push_back({{"prompt", "The scene" + sentences.words(2)}});
  }
  texts = file("texts.txt", lines);
  demonstrations = json_lines("demonstrations.jsonl", demonstrations_);
  rankings = json_lines("rankings.jsonl", rankings_);
  prompts = json_lines("prompts.jsonl", prompts_);
  model_config = file("model_config.json", tiny_config().dump());
  tokenizer = folder_ / "tokenizer";
  run_well({"tokenizer", "train", "--files", texts, "--vocab_size", "300", "--output_dir", tokenizer});

  const Flags quick = {"--max_steps", "4", "--learning_rate", "1e-2", "--threads", "1", "--dtype", "float32"};
  policy = folder_ / "pretrained" / "final";
  run_well(Flags{"pretrain", "--model_config", model_config, "--tokenizer", tokenizer, "--dataset", texts} +
           quick + Flags{"--block_size", "32", "--output_dir", folder_ / "pretrained"});
  reward_model = folder_ / "reward" / "final";
  run_well(Flags{"reward", "--model", policy, "--dataset", rankings} + quick +
           Flags{"--output_dir", folder_ / "reward"});
}

std::string TinyWorld::file(const std::string& name, const std::string& text) const {
  write_file(folder_ / name, text);
  return folder_ / name;
}

std::string TinyWorld::json_lines(const std::string& name, const std::vector<json>& objects) const {
  std::string text;
  for (const json& object : objects) text += object.dump() + "\n";
  return file(name, text);
}

const TinyWorld& tiny() {
  static const TinyWorld world;
  return world;
}

const std::vector<std::string>& trainers() {
  static const std::vector<std::string> kTrainers = {"pretrain", "sft", "reward", "ppo"};
  return kTrainers;
}

Flags train_flags(const std::string& stage) {
  Flags flags{stage, "--threads", "1", "--dtype", "float32", "--learning_rate", "1e-3"};
  if (stage == "pretrain")
    return flags + Flags{"--model_config", tiny().model_config, "--tokenizer",
                         tiny().tokenizer, "--block_size",      "32"};
  flags = flags + Flags{"--model", tiny().policy};
  if (stage != "ppo") return flags;
  return flags + Flags{"--reward_model",       tiny().reward_model,
                       "--rollout_batch_size", "12",
                       "--rollout_unit_size",  "3",
                       "--response_length",    "6",
                       "--num_mini_batches",   "2"};
}

Flags train_on_tiny(const std::string& stage) {
  const std::string data = stage == "pretrain" ? tiny().texts
                           : stage == "sft"    ? tiny().demonstrations
                           : stage == "reward" ? tiny().rankings
                                               : tiny().prompts;
  return train_flags(stage) + Flags{"--dataset", data};
}

}  // namespace rlhf::test
