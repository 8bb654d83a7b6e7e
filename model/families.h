#pragma once
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/config_reader.h"
#include "model/model_config.h"

namespace rlhf {

/// How a family stores query, key and value.
enum class QkvLayout {
  kSeparate,      ///< three matrices
  kFused,         ///< one: all of q, then k, then v
  kFusedPerHead,  ///< one: q, k and v of head 0, then of head 1, ... (GPT-NeoX)
};

/// Names of a family's tensors without ".weight" and ".bias", those of a layer without "<prefix><layers>.N.".
struct WeightNames {
  std::string prefix;  ///< of everything but the heads; absent in files of the bare decoder
  std::string embedding, position_embedding, final_norm, layers;
  std::string attention_norm, q, k, v, qkv, q_norm, k_norm, attention_out;
  std::string mlp_norm, gate, up, mlp_out;    ///< `up` alone when the MLP has no gate
  std::vector<std::string> heads;             ///< names of the language-model head; the first is written
  std::vector<std::string> ignored_suffixes;  ///< buffers that old files hold and no one needs
  QkvLayout qkv_layout = QkvLayout::kSeparate;
  bool transposed = false;  ///< matrices of the layers are stored [in, out] (GPT-2's Conv1D)
};

/// Everything the project knows of one model family. To add a family, add a row to the table in families.cpp.
struct Family {
  std::string model_type;                      ///< as in config.json
  std::string causal_class, classifier_class;  ///< as in "architectures"
  WeightNames names;
  /// Fills what config.json says; sizes are checked against each other by the caller.
  void (*read)(const ConfigReader& reader, ModelConfig& config);
  /// Writes the same keys back.
  void (*write)(const ModelConfig& config, nlohmann::ordered_json& json);
};

const std::vector<Family>& families();

/// UserError, naming `where` and the families there are, for a model_type that is not in the table.
const Family& find_family(const std::string& model_type, const std::string& where);

}  // namespace rlhf
