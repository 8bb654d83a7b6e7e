#pragma once
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

#include "model/model_folder.h"
#include "model/reward_ensemble.h"

namespace rlhf {

/// The models that `reference` names wherever a reward model is asked for: a folder or an address, or several
/// with commas between them, which score together as an ensemble. A folder that is there under the whole of
/// the text is one model. UserError when there is nothing between two commas.
std::vector<std::string> reward_members(const std::string& reference);

/// The files of each member, in the order named. `flag` is named in the UserError thrown when one is not
/// there, when two are the same model, or when their tokenizers differ.
std::vector<ModelFiles> open_reward_models(const std::string& reference, const std::string& flag);

/// UserError when one of them is a language model.
std::unique_ptr<RewardEnsemble> load_reward_models(const std::vector<ModelFiles>& members,
                                                   torch::ScalarType dtype, torch::Device device,
                                                   const std::string& flag);

/// Tokens that every member takes.
int64_t reward_context(const std::vector<ModelFiles>& members);

/// What identifies them together: the hash of the one model, or SHA-256 over the members' hashes, one a line.
std::string reward_hash(const std::vector<ModelFiles>& members);

}  // namespace rlhf
