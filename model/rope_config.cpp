#include "model/rope_config.h"

namespace rlhf {
namespace {

constexpr double kDefaultTheta = 10000.0;

void read_scaling(const ConfigReader& reader, Rope& rope) {
  // "type" is the name that transformers before 4.43 gave it.
  const std::string type = reader.text("rope_type", reader.text("type", "default"));
  const auto positive = [&](const std::string& key) {
    const double value = reader.number(key);
    if (!(value > 0)) reader.fail("\"" + key + "\" must be above 0");
    return value;
  };
  if (type == "default") return;
  if (type == "linear") {
    rope.scaling = Rope::Scaling::kLinear;
    rope.factor = positive("factor");
  } else if (type == "llama3") {
    rope.scaling = Rope::Scaling::kLlama3;
    rope.factor = positive("factor");
    rope.low_freq_factor = positive("low_freq_factor");
    rope.high_freq_factor = positive("high_freq_factor");
    rope.original_max_position = reader.size("original_max_position_embeddings");
    if (rope.high_freq_factor <= rope.low_freq_factor)
      reader.fail("high_freq_factor must exceed low_freq_factor");
  } else {
    reader.fail("rope type \"" + type + "\" is not supported; default, linear and llama3 are");
  }
}

nlohmann::ordered_json scaling_json(const Rope& rope) {
  nlohmann::ordered_json json;
  if (rope.scaling == Rope::Scaling::kDefault) return {{"rope_type", "default"}};
  json["rope_type"] = rope.scaling == Rope::Scaling::kLinear ? "linear" : "llama3";
  json["factor"] = rope.factor;
  if (rope.scaling == Rope::Scaling::kLlama3) {
    json["low_freq_factor"] = rope.low_freq_factor;
    json["high_freq_factor"] = rope.high_freq_factor;
    json["original_max_position_embeddings"] = rope.original_max_position;
  }
  return json;
}

}  // namespace

Rope read_rope(const ConfigReader& reader, const RopeKeys& keys, int64_t head_dim) {
  Rope rope;
  rope.theta = reader.number(keys.theta, kDefaultTheta);
  double partial = keys.partial.empty() ? 1.0 : reader.number(keys.partial, keys.default_partial);
  if (reader.has("rope_scaling")) read_scaling(reader.object("rope_scaling"), rope);
  if (reader.has("rope_parameters")) {
    const ConfigReader parameters = reader.object("rope_parameters");
    rope.scaling = Rope::Scaling::kDefault;
    read_scaling(parameters, rope);
    rope.theta = parameters.number("rope_theta", rope.theta);
    partial = parameters.number("partial_rotary_factor", partial);
  }
  if (!(rope.theta > 0)) reader.fail("\"" + keys.theta + "\" must be above 0");
  if (!(partial > 0 && partial <= 1)) reader.fail("the rotated part of a head must be above 0 and at most 1");
  if (keys.partial.empty() && partial != 1) {
    reader.fail("partial_rotary_factor is not part of this family");
  }
  rope.rotary_dim = static_cast<int64_t>(static_cast<double>(head_dim) * partial);
  if (rope.rotary_dim < 2 || rope.rotary_dim % 2 != 0) {
    reader.fail("the rotated part of a head has " + std::to_string(rope.rotary_dim) +
                " dimensions, but an even number is needed");
  }
  return rope;
}

void write_rope(const Rope& rope, const RopeKeys& keys, int64_t head_dim, nlohmann::ordered_json& json) {
  json[keys.theta] = rope.theta;
  json["rope_scaling"] =
      rope.scaling == Rope::Scaling::kDefault ? nlohmann::ordered_json() : scaling_json(rope);
  nlohmann::ordered_json parameters = scaling_json(rope);
  parameters["rope_theta"] = rope.theta;
  if (!keys.partial.empty()) {
    const double partial = static_cast<double>(rope.rotary_dim) / static_cast<double>(head_dim);
    json[keys.partial] = partial;
    parameters["partial_rotary_factor"] = partial;
  }
  json["rope_parameters"] = parameters;
}

}  // namespace rlhf
