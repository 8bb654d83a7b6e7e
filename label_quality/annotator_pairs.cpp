#include "label_quality/annotator_pairs.h"

namespace rlhf {

void AnnotatorPairs::add(const std::vector<Vote>& votes) {
  if (votes.size() > kMostVotes) {
    ++left_out_;
    return;
  }
  for (auto one = votes.begin(); one != votes.end(); ++one) {
    for (auto other = one + 1; other != votes.end(); ++other) {
      if (only_ != 0 && one->annotator_id != only_ && other->annotator_id != only_) continue;
      tables_[{one->annotator_id, other->annotator_id}].add(one->verdict, other->verdict);
    }
  }
}

}  // namespace rlhf
