#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

namespace rlhf {

/// Where a run stands: trainer_state.json in a checkpoint, readable by scripts that plot Hugging Face's
/// `log_history`. Everything else a resume needs is a function of the step and the configuration.
struct TrainerState {
  int64_t global_step = 0;
  int64_t max_steps = 0;
  double epoch = 0;
  int64_t micro_batch_size =
      0;  ///< samples of a forward pass; 0 where the run's flag says it (older checkpoints)
  nlohmann::ordered_json log_history = nlohmann::ordered_json::array();  ///< one object a logged row
  nlohmann::ordered_json meters = nlohmann::ordered_json::object();      ///< sums since the last logged row
  nlohmann::ordered_json stage =
      nlohmann::ordered_json::object();  ///< the stage's own, e.g. the KL controller

  std::string to_json() const;
  /// UserError naming the file when it is not such a state.
  static TrainerState parse(const std::string& json, const std::string& where);
  static TrainerState load(const std::filesystem::path& checkpoint);
};

}  // namespace rlhf
