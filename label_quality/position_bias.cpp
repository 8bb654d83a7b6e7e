#include "label_quality/position_bias.h"

namespace rlhf {

void add_first_wins(const RankedAnswer& answer, ClusteredShare& share) {
  if (answer.task_id == 0) return;
  int first_wins = 0, untied = 0;
  for (auto x = answer.items.begin(); x != answer.items.end(); ++x) {
    for (auto y = x + 1; y != answer.items.end(); ++y) {
      if (x->rank == y->rank) continue;
      ++untied;
      if ((x->rank < y->rank) == (x->position < y->position)) ++first_wins;
    }
  }
  share.add(first_wins, untied);
}

}  // namespace rlhf
