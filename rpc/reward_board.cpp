#include "rpc/reward_board.h"

#include <stdexcept>

#include "contract/checkpoint_store.h"
#include "contract/error.h"

namespace rlhf {

void RewardBoard::add(const std::string& name, Model model) {
  if (!is_model_name(name)) throw UserError("\"" + name + "\" cannot be the name of a reward model");
  if (!model.scorer) throw std::invalid_argument("a reward model needs a scorer");
  auto seat = std::make_unique<Seat>();
  seat->model = std::move(model);
  if (!seats_.emplace(name, std::move(seat)).second)
    throw UserError("two reward models are named \"" + name + "\"");
}

RewardBoard::Seat& RewardBoard::seat(const std::string& name) const {
  const auto found = seats_.find(name);
  if (found != seats_.end()) return *found->second;
  std::string names;
  for (const auto& entry : seats_) names += (names.empty() ? "" : ", ") + entry.first;
  throw UserError("there is no reward model named \"" + name + "\" here" +
                  (names.empty() ? "" : "; there is " + names));
}

const RewardBoard::Model& RewardBoard::find(const std::string& name) const {
  return seat(name).model;
}

std::vector<Score> RewardBoard::score(const std::string& name, const std::vector<ScoreInput>& inputs) const {
  Seat& asked = seat(name);
  const std::scoped_lock lock(asked.busy);
  std::vector<Score> scores = asked.model.scorer->score(inputs);
  if (scores.size() != inputs.size())
    throw std::logic_error("a scorer gave another number of scores than inputs");
  return scores;
}

}  // namespace rlhf
