#include "label_quality/known_answer.h"

#include <compare>

namespace rlhf {

CheckResult check_answer(const RankedAnswer& answer, const KnownRanks& known) {
  CheckResult result;
  for (auto x = answer.items.begin(); x != answer.items.end(); ++x) {
    for (auto y = x + 1; y != answer.items.end(); ++y) {
      const auto known_x = known.find(x->response_id), known_y = known.find(y->response_id);
      if (known_x == known.end() || known_y == known.end()) continue;
      ++result.pairs;
      if ((x->rank <=> y->rank) == (known_x->second <=> known_y->second)) ++result.right;
    }
  }
  return result;
}

}  // namespace rlhf
