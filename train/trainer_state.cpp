#include "train/trainer_state.h"

#include <fstream>
#include <iterator>

#include "contract/error.h"

namespace rlhf {

std::string TrainerState::to_json() const {
  nlohmann::ordered_json json;
  json["global_step"] = global_step;
  json["max_steps"] = max_steps;
  json["epoch"] = epoch;
  json["micro_batch_size"] = micro_batch_size;
  json["log_history"] = log_history;
  json["meters"] = meters;
  json["stage"] = stage;
  return json.dump(1) + "\n";
}

TrainerState TrainerState::parse(const std::string& text, const std::string& where) {
  try {
    const auto json = nlohmann::ordered_json::parse(text);
    TrainerState state;
    state.global_step = json.at("global_step").get<int64_t>();
    state.max_steps = json.at("max_steps").get<int64_t>();
    state.epoch = json.at("epoch").get<double>();
    state.micro_batch_size = json.value("micro_batch_size", int64_t{0});
    state.log_history = json.at("log_history");
    state.meters = json.at("meters");
    state.stage = json.at("stage");
    return state;
  } catch (const nlohmann::json::exception& error) {
    throw UserError(where + " is not the trainer state of this program: " + error.what());
  }
}

TrainerState TrainerState::load(const std::filesystem::path& checkpoint) {
  const std::filesystem::path path = checkpoint / "trainer_state.json";
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw UserError("cannot read " + path.string() +
                    ": --resume_from_checkpoint wants a checkpoint-<step> folder of a run");
  return parse({std::istreambuf_iterator<char>(file), {}}, path.string());
}

}  // namespace rlhf
