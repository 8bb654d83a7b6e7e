#include "train/dropout_keys.h"

#include "train/sample_order.h"

namespace rlhf {

Dropout training_dropout(const TrainingOptions& options, int64_t step, int64_t first_place, int64_t count) {
  Dropout dropout{options.dropout, options.embedding_dropout, options.token_dropout, {}};
  if (!dropout.active()) return dropout;
  constexpr uint64_t kDropoutStream = 0x64726f70;  // apart from the draws of the data order
  for (int64_t place = first_place; place < first_place + count; ++place)
    dropout.sequence_keys.push_back(keyed_random(options.seed ^ kDropoutStream, static_cast<uint64_t>(step),
                                                 static_cast<uint64_t>(place)));
  return dropout;
}

}  // namespace rlhf
