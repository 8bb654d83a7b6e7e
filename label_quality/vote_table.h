#pragma once
#include <array>
#include <cstdint>
#include <optional>

#include "label_quality/cohen_kappa.h"

namespace rlhf {

/// What a ranking says of two responses, the one of the lower id first.
enum class Verdict : int8_t { kFirst, kTie, kSecond };

/// How often one person said one thing of a pair of responses where another said another.
struct VoteTable {
  std::array<std::array<int64_t, 3>, 3> counts{};  ///< [one][other], by Verdict

  void add(Verdict one, Verdict other, int64_t times = 1);
  VoteTable& operator+=(const VoteTable& other);

  int64_t compared() const;    ///< all of it
  int64_t alike() const;       ///< both said the same, a tie being a third thing to say
  int64_t told_apart() const;  ///< neither said tie
  int64_t told_alike() const;  ///< of these, both gave the same order
  /// Mean disagreement, 0 to 1: opposite orders weigh 1, a tie against an order 1/2. 0 when empty.
  double disagreement() const;
  /// Cohen's kappa of these votes, each counted in both directions: which response is the first means
  /// nothing (where it was the chosen one of a data set, say, it always wins), so nobody can be expected to
  /// favour it.
  std::optional<double> kappa(KappaWeights weights) const;
};

}  // namespace rlhf
