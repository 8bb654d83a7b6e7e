#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "contract/sources.h"

namespace rlhf {

/// The reward models a server offers, by name. A scorer is asked by one thread at a time.
class RewardBoard {
 public:
  struct Model {
    std::shared_ptr<RewardScorer> scorer;
    std::string model_hash;
    std::string tokenizer_hash;
  };

  /// Before the server starts. Throws UserError for a bad name or one that is taken.
  void add(const std::string& name, Model model);
  bool empty() const { return seats_.empty(); }

  /// Throws UserError when there is no such model.
  const Model& find(const std::string& name) const;
  std::vector<Score> score(const std::string& name, const std::vector<ScoreInput>& inputs) const;

 private:
  struct Seat {
    Model model;
    std::mutex busy;
  };
  Seat& seat(const std::string& name) const;

  std::map<std::string, std::unique_ptr<Seat>> seats_;
};

}  // namespace rlhf
