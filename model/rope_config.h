#pragma once
#include <nlohmann/json.hpp>

#include "model/config_reader.h"
#include "model/model_config.h"

namespace rlhf {

/// Where a family's older configs keep what transformers 5 keeps in rope_parameters.
struct RopeKeys {
  std::string theta = "rope_theta";
  std::string partial;  ///< key of the rotated fraction of a head; empty when the family rotates all of it
  double default_partial = 1;  ///< when neither spelling gives it
};

/// Reads both spellings: rope_parameters (transformers 5) and rope_theta with rope_scaling (4). UserError for
/// a rope type other than default, linear and llama3.
Rope read_rope(const ConfigReader& reader, const RopeKeys& keys, int64_t head_dim);

/// Writes both spellings, so that old and new readers agree.
void write_rope(const Rope& rope, const RopeKeys& keys, int64_t head_dim, nlohmann::ordered_json& json);

}  // namespace rlhf
