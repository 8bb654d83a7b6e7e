#include "train/supervised_sequence.h"

#include <algorithm>
#include <set>

#include "tests/support/catch.h"

using namespace rlhf;

namespace {

/// Ids that count up from `first`, so that every token of a test tells where it came from.
SupervisedSequence counting(TokenId first, const std::vector<uint8_t>& supervised) {
  SupervisedSequence sequence{{}, supervised};
  for (size_t i = 0; i < supervised.size(); ++i)
    sequence.token_ids.push_back(first + static_cast<TokenId>(i));
  return sequence;
}

std::vector<int64_t> numbers(const torch::Tensor& tensor) {
  return {tensor.data_ptr<int64_t>(), tensor.data_ptr<int64_t>() + tensor.numel()};
}

}  // namespace

TEST_CASE("the row before a supervised token predicts it; a prompt's own tokens are in no loss") {
  // Prompt 10 11 12, completion 13 14; then a sequence of two turns with an unsupervised one between.
  const SupervisedSample first{counting(10, {0, 0, 0, 1, 1})};
  const SupervisedSample second{counting(20, {0, 1, 0, 0, 1})};
  CHECK(supervised_tokens(first) == 2);
  const SupervisedBatch batch = make_supervised_batch({&first, &second}, torch::kCPU);
  CHECK(batch.tokens.offsets == std::vector<int64_t>{0, 5, 10});
  CHECK(numbers(batch.tokens.token_ids) == std::vector<int64_t>{10, 11, 12, 13, 14, 20, 21, 22, 23, 24});
  CHECK(numbers(batch.rows) == std::vector<int64_t>{2, 3, 5, 8});
  CHECK(numbers(batch.targets) == std::vector<int64_t>{13, 14, 21, 24});
}

TEST_CASE("sequences packed into one sample keep their own positions, borders and targets") {
  const SupervisedSample packed{counting(10, {0, 1, 1}), counting(20, {0, 1}), counting(30, {0, 0, 0, 1})};
  const SupervisedBatch batch = make_supervised_batch({&packed}, torch::kCPU);
  CHECK(batch.tokens.offsets == std::vector<int64_t>{0, 3, 5, 9});
  CHECK(numbers(batch.tokens.positions) == std::vector<int64_t>{0, 1, 2, 0, 1, 0, 1, 2, 3});
  CHECK(numbers(batch.rows) == std::vector<int64_t>{0, 1, 3, 7});
  CHECK(numbers(batch.targets) == std::vector<int64_t>{11, 12, 21, 33});
}

TEST_CASE("a first token has nothing before it and is not predicted") {
  const SupervisedSample all{counting(10, {1, 1})}, alone{counting(20, {1})};
  const SupervisedBatch batch = make_supervised_batch({&all, &alone}, torch::kCPU);
  CHECK(numbers(batch.rows) == std::vector<int64_t>{0});
  CHECK(numbers(batch.targets) == std::vector<int64_t>{11});
}

TEST_CASE("packing loses no sequence, overfills no sample, and leaves longer ones alone") {
  std::vector<SupervisedSequence> sequences;
  uint32_t state = 7;
  for (TokenId i = 0; i < 200; ++i) {
    state = state * 1664525u + 1013904223u;
    sequences.push_back(counting(1000 * i, std::vector<uint8_t>(1 + (state >> 16) % 60, 1)));
  }
  const std::vector<SupervisedSample> samples = pack_sequences(sequences, 50);
  std::set<TokenId> firsts;
  size_t tokens = 0;
  for (const SupervisedSample& sample : samples) {
    size_t length = 0;
    for (const SupervisedSequence& sequence : sample) {
      firsts.insert(sequence.token_ids.front());
      length += sequence.token_ids.size();
      CHECK(sequence.supervised.size() == sequence.token_ids.size());
    }
    CHECK((length <= 50 || sample.size() == 1));
    tokens += length;
  }
  size_t expected = 0;
  for (const SupervisedSequence& sequence : sequences) expected += sequence.token_ids.size();
  CHECK(firsts.size() == 200);
  CHECK(tokens == expected);
  // First fit on decreasing length is within 11/9 of the best; the best needs tokens / 50 at least.
  CHECK(samples.size() <= 1 + (expected * 11) / (50 * 9));
}

TEST_CASE("packing fills the fullest sample that still has room, longest sequences first") {
  const auto of_length = [](TokenId first, size_t length) {
    return counting(first, std::vector<uint8_t>(length, 1));
  };
  const auto samples = pack_sequences(
      {of_length(100, 3), of_length(200, 10), of_length(300, 7), of_length(400, 6), of_length(500, 4)}, 10);
  std::vector<std::vector<TokenId>> firsts;
  for (const SupervisedSample& sample : samples) {
    firsts.emplace_back();
    for (const SupervisedSequence& sequence : sample) firsts.back().push_back(sequence.token_ids.front());
  }
  CHECK(firsts == std::vector<std::vector<TokenId>>{{200}, {300, 100}, {400, 500}});
}
