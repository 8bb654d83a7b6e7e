#include "train/supervised_sequence.h"

#include <algorithm>
#include <numeric>

namespace rlhf {

int64_t SupervisedSequence::supervised_tokens() const {
  return std::accumulate(supervised.begin(), supervised.end(), int64_t{0});
}

int64_t supervised_tokens(const SupervisedSample& sample) {
  int64_t count = 0;
  for (const SupervisedSequence& sequence : sample) count += sequence.supervised_tokens();
  return count;
}

SupervisedBatch make_supervised_batch(const std::vector<const SupervisedSample*>& samples,
                                      torch::Device device) {
  std::vector<std::vector<TokenId>> sequences;
  std::vector<int64_t> rows, targets;
  int64_t offset = 0;
  for (const SupervisedSample* sample : samples) {
    for (const SupervisedSequence& sequence : *sample) {
      for (size_t i = 1; i < sequence.token_ids.size(); ++i) {
        if (!sequence.supervised[i]) continue;
        rows.push_back(offset + static_cast<int64_t>(i) - 1);
        targets.push_back(sequence.token_ids[i]);
      }
      offset += static_cast<int64_t>(sequence.token_ids.size());
      sequences.push_back(sequence.token_ids);
    }
  }
  return {TokenBatch::pack(sequences, device), torch::tensor(rows, torch::kInt64).to(device),
          torch::tensor(targets, torch::kInt64).to(device)};
}

std::vector<SupervisedSample> pack_sequences(std::vector<SupervisedSequence> sequences, int64_t max_tokens) {
  std::stable_sort(sequences.begin(), sequences.end(),
                   [](const SupervisedSequence& a, const SupervisedSequence& b) {
                     return a.token_ids.size() > b.token_ids.size();
                   });
  // Samples by the room they have left: the fullest that still fits takes the sequence.
  std::vector<SupervisedSample> samples;
  std::vector<std::vector<size_t>> by_room(static_cast<size_t>(max_tokens) + 1);
  for (SupervisedSequence& sequence : sequences) {
    const size_t length = sequence.token_ids.size();
    size_t room = length;
    while (room < by_room.size() && by_room[room].empty()) ++room;
    if (room >= by_room.size()) {
      samples.emplace_back();
      room = std::max(static_cast<size_t>(max_tokens), length);
      if (length >= by_room.size()) {
        samples.back().push_back(std::move(sequence));
        continue;
      }
      by_room[room].push_back(samples.size() - 1);
    }
    const size_t chosen = by_room[room].back();
    by_room[room].pop_back();
    samples[chosen].push_back(std::move(sequence));
    by_room[room - length].push_back(chosen);
  }
  return samples;
}

}  // namespace rlhf
