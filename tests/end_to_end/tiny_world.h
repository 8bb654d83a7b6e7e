#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/support/temporary_folder.h"

namespace rlhf::test {

using Flags = std::vector<std::string>;

/// Data, a tokenizer and models so small that a run takes a second, made by the program itself.
class TinyWorld {
 public:
  TinyWorld();

  std::string texts, demonstrations, rankings, prompts;  ///< data files
  std::string model_config;                              ///< config.json of a fresh model
  std::string tokenizer, policy, reward_model;           ///< folders

  /// A file of its own in the world's folder, holding `text`.
  std::string file(const std::string& name, const std::string& text) const;
  /// One object a line.
  std::string json_lines(const std::string& name, const std::vector<nlohmann::json>& objects) const;

 private:
  TemporaryFolder folder_;
};

/// The world of this test process: made when first asked for.
const TinyWorld& tiny();

/// "pretrain", "sft", "reward", "ppo"
const std::vector<std::string>& trainers();

/// `rlhf STAGE` on the tiny world without data, folder, length and cadence: one thread, float32.
Flags train_flags(const std::string& stage);
/// The same with its data.
Flags train_on_tiny(const std::string& stage);

/// config.json of a model of one layer and 16 channels.
nlohmann::json tiny_config();

}  // namespace rlhf::test
