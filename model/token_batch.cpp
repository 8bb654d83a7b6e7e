#include "model/token_batch.h"

#include <stdexcept>
#include <string>

namespace rlhf {

TokenBatch TokenBatch::pack(const std::vector<std::vector<TokenId>>& sequences, torch::Device device) {
  TokenBatch batch;
  batch.offsets.reserve(sequences.size() + 1);
  batch.offsets.push_back(0);
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    if (sequences[s].empty()) throw std::invalid_argument("sequence " + std::to_string(s) + " has no token");
    batch.offsets.push_back(batch.offsets.back() + static_cast<int64_t>(sequences[s].size()));
  }
  batch.token_ids = torch::empty({batch.tokens()}, torch::kInt64);
  batch.positions = torch::empty({batch.tokens()}, torch::kInt64);
  int64_t* id = batch.token_ids.data_ptr<int64_t>();
  int64_t* position = batch.positions.data_ptr<int64_t>();
  for (const std::vector<TokenId>& sequence : sequences) {
    for (std::size_t t = 0; t < sequence.size(); ++t) {
      *id++ = sequence[t];
      *position++ = static_cast<int64_t>(t);
    }
  }
  if (!device.is_cpu()) {
    batch.token_ids = batch.token_ids.to(device);
    batch.positions = batch.positions.to(device);
  }
  return batch;
}

torch::Tensor TokenBatch::last_token_rows() const {
  torch::Tensor rows = torch::empty({sequences()}, torch::kInt64);
  int64_t* row = rows.data_ptr<int64_t>();
  for (int64_t s = 0; s < sequences(); ++s) row[s] = offsets[static_cast<std::size_t>(s) + 1] - 1;
  return rows.to(token_ids.device());
}

}  // namespace rlhf
