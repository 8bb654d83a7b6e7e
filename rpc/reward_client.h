#pragma once
#include <memory>
#include <string>

#include "contract/sources.h"
#include "rpc/model_address.h"
#include "rpc/protocol.h"

namespace rlhf {

/// A reward model that another process holds. Inputs are sent in requests of bounded size; order is kept.
/// Safe from any thread. The model is looked up once: a server that exchanges it meanwhile is refused.
class RewardClient : public RewardScorer {
 public:
  /// Throws UserError when the server offers no such reward model, WorldError when it does not answer.
  explicit RewardClient(const ModelAddress& model, Deadlines deadlines = {});
  ~RewardClient() override;

  /// Throws UserError for an empty input or a negative id, WorldError when the server fails or answers
  /// nonsense.
  std::vector<Score> score(const std::vector<ScoreInput>& inputs) override;

  const std::string& model_hash() const;
  const std::string& tokenizer_hash() const;  ///< compare with the tokenizer that made the ids

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rlhf
