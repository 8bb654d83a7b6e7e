#include "cli/reward_models.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>

#include "cli/model_reference.h"
#include "contract/error.h"
#include "contract/sha256.h"
#include "model/scorer.h"
#include "text/tokenizer.h"

namespace rlhf {
namespace {

void require_ensemble(const std::vector<ModelFiles>& members, const std::vector<std::string>& names,
                      const std::string& flag) {
  const Tokenizer first = load_tokenizer(members[0]);
  std::map<std::string, std::string> name_by_hash;
  for (std::size_t i = 0; i < members.size(); ++i) {
    require_same_tokenizer(first, flag + " " + names[0], load_tokenizer(members[i]), flag + " " + names[i]);
    const auto [there, is_new] = name_by_hash.emplace(members[i].manifest().model_hash, names[i]);
    if (!is_new)
      throw UserError(flag + ": " + there->second + " and " + names[i] +
                      " are the same model; the members of an ensemble differ, in their seed at least");
  }
}

}  // namespace

std::vector<std::string> reward_members(const std::string& reference) {
  if (reference.find(',') == std::string::npos || std::filesystem::exists(reference)) return {reference};
  std::vector<std::string> members;
  std::istringstream parts(reference + ",");
  for (std::string part; std::getline(parts, part, ',');) {
    if (part.empty())
      throw UserError(reference + ": there is a comma without a model; an ensemble is named MODEL,MODEL,...");
    members.push_back(part);
  }
  return members;
}

std::vector<ModelFiles> open_reward_models(const std::string& reference, const std::string& flag) {
  const std::vector<std::string> names = reward_members(reference);
  std::vector<ModelFiles> members;
  for (const std::string& name : names) members.push_back(open_model(name, flag));
  if (members.size() > 1) require_ensemble(members, names, flag);
  return members;
}

std::unique_ptr<RewardEnsemble> load_reward_models(const std::vector<ModelFiles>& members,
                                                   torch::ScalarType dtype, torch::Device device,
                                                   const std::string& flag) {
  std::vector<std::unique_ptr<RewardScorer>> scorers;
  for (const ModelFiles& files : members) {
    LoadedScalarModel loaded = load_scalar_model(files, dtype, device, /*trainable=*/false);
    if (loaded.fresh_head)
      throw UserError(flag + ": " + files.where("config.json") +
                      " is that of a language model, not a reward model: there is no score.weight");
    scorers.push_back(std::make_unique<ModelScorer>(std::move(loaded.model), loaded.normalizer));
  }
  return std::make_unique<RewardEnsemble>(std::move(scorers));
}

int64_t reward_context(const std::vector<ModelFiles>& members) {
  int64_t least = load_config(members.at(0)).max_position_embeddings;
  for (const ModelFiles& files : members) least = std::min(least, load_config(files).max_position_embeddings);
  return least;
}

std::string reward_hash(const std::vector<ModelFiles>& members) {
  if (members.size() == 1) return members[0].manifest().model_hash;
  std::string hashes;
  for (const ModelFiles& files : members) hashes += files.manifest().model_hash + "\n";
  return sha256_hex(hashes);
}

}  // namespace rlhf
