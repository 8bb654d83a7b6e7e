#include "label_quality/vote_table.h"

namespace rlhf {

void VoteTable::add(Verdict one, Verdict other, int64_t times) {
  counts[static_cast<std::size_t>(one)][static_cast<std::size_t>(other)] += times;
}

VoteTable& VoteTable::operator+=(const VoteTable& other) {
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j) counts[i][j] += other.counts[i][j];
  return *this;
}

int64_t VoteTable::compared() const {
  int64_t sum = 0;
  for (const auto& row : counts)
    for (const int64_t count : row) sum += count;
  return sum;
}

int64_t VoteTable::alike() const {
  return counts[0][0] + counts[1][1] + counts[2][2];
}

int64_t VoteTable::told_alike() const {
  return counts[0][0] + counts[2][2];
}

int64_t VoteTable::told_apart() const {
  return told_alike() + counts[0][2] + counts[2][0];
}

double VoteTable::disagreement() const {
  const auto all = static_cast<double>(compared());
  if (all == 0) return 0;
  const auto opposite = static_cast<double>(counts[0][2] + counts[2][0]);
  return (opposite + (all - opposite - static_cast<double>(alike())) / 2) / all;
}

std::optional<double> VoteTable::kappa(KappaWeights weights) const {
  ContingencyTable both(3, std::vector<double>(3));
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j) both[i][j] = static_cast<double>(counts[i][j] + counts[2 - i][2 - j]);
  return cohen_kappa(both, weights);
}

}  // namespace rlhf
