#include "pretrain/dataset.h"

#include <algorithm>
#include <set>

#include "contract/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace rlhf;

namespace {

Tokenizer tokenizer(const std::string& config = R"({"eos_token": "<|endoftext|>"})") {
  return Tokenizer::from_files({{"tokenizer.json", test::read_file(test::fixture("text/smollm.json"))},
                                {"tokenizer_config.json", config}});
}

std::vector<std::string> documents() {
  std::vector<std::string> made;
  for (int i = 0; i < 9; ++i) {
    made.push_back("Film " + std::to_string(i) + ":");
    for (int word = 0; word < 3 * i; ++word) made.back() += word % 2 ? " good" : " very";
  }
  return made;
}

size_t tokens_in(const SupervisedSample& block) {
  size_t tokens = 0;
  for (const SupervisedSequence& piece : block) tokens += piece.token_ids.size();
  return tokens;
}

/// All tokens in the order of the blocks.
std::vector<TokenId> laid_out(const PretrainDataset& dataset) {
  std::vector<TokenId> ids;
  for (const SupervisedSample& block : dataset.blocks)
    for (const SupervisedSequence& piece : block)
      ids.insert(ids.end(), piece.token_ids.begin(), piece.token_ids.end());
  return ids;
}

/// Cut behind every end.
std::multiset<std::vector<TokenId>> cut_at_ends(const std::vector<TokenId>& ids, TokenId end) {
  std::multiset<std::vector<TokenId>> found;
  std::vector<TokenId> current;
  for (const TokenId id : ids) {
    current.push_back(id);
    if (id != end) continue;
    found.insert(current);
    current.clear();
  }
  CHECK(current.empty());
  return found;
}

}  // namespace

TEST_CASE("blocks hold every document whole, each with its end, whatever the block size") {
  const Tokenizer tok = tokenizer();
  std::multiset<std::vector<TokenId>> expected;
  int64_t tokens = 0, bytes = 0;
  for (const std::string& document : documents()) {
    std::vector<TokenId> ids = tok.encode(document);
    ids.push_back(*tok.eos_id());
    tokens += static_cast<int64_t>(ids.size());
    bytes += static_cast<int64_t>(document.size());
    expected.insert(std::move(ids));
  }
  for (const int64_t size : {2, 5, 16, 1000}) {
    INFO("blocks of " << size);
    const PretrainDataset dataset = make_pretrain_blocks(documents(), tok, {.block_size = size, .seed = 1});
    CHECK(dataset.tokens == tokens);
    int64_t first_bytes = 0;  // of what nothing predicts
    for (const SupervisedSample& block : dataset.blocks)
      for (const SupervisedSequence& piece : block)
        if (piece.token_ids.front() != *tok.eos_id())
          first_bytes += static_cast<int64_t>(tok.token_bytes(piece.token_ids.front()).size());
    CHECK(first_bytes > 0);
    CHECK(dataset.bytes == bytes - first_bytes);
    if (size > 2) CHECK(cut_at_ends(laid_out(dataset), *tok.eos_id()) == expected);
    for (const SupervisedSample& block : dataset.blocks) CHECK(tokens_in(block) <= static_cast<size_t>(size));
  }
}

TEST_CASE("blocks are full but for a last place that no piece could use") {
  const PretrainDataset dataset =
      make_pretrain_blocks(documents(), tokenizer(), {.block_size = 16, .seed = 1});
  for (size_t i = 0; i + 1 < dataset.blocks.size(); ++i) CHECK(tokens_in(dataset.blocks[i]) >= 15);
  CHECK(dataset.blocks.size() > 3);
}

TEST_CASE("a document longer than the context is cut into pieces that fit it") {
  const Tokenizer tok = tokenizer();
  const PretrainDataset whole = make_pretrain_blocks(documents(), tok, {.block_size = 1000, .seed = 1});
  const PretrainDataset cut =
      make_pretrain_blocks(documents(), tok, {.block_size = 1000, .context = 4, .seed = 1});
  CHECK(cut.tokens == whole.tokens);
  CHECK(laid_out(cut) == laid_out(whole));
  size_t longest = 0;
  for (const SupervisedSample& block : cut.blocks)
    for (const SupervisedSequence& piece : block) longest = std::max(longest, piece.token_ids.size());
  CHECK(longest == 4);
}

TEST_CASE("every token of a piece is learnt but its first; a block attends within its documents only") {
  const Tokenizer tok = tokenizer();
  const PretrainDataset dataset = make_pretrain_blocks(documents(), tok, {.block_size = 16, .seed = 1});
  for (const SupervisedSample& block : dataset.blocks) {
    for (const SupervisedSequence& piece : block) {
      CHECK(piece.supervised.size() == piece.token_ids.size());
      CHECK(piece.supervised[0] == 0);
      CHECK(piece.supervised_tokens() == static_cast<int64_t>(piece.token_ids.size()) - 1);
      // An end is the last token of its piece: the next document is another sequence.
      const auto end = std::find(piece.token_ids.begin(), piece.token_ids.end(), *tok.eos_id());
      CHECK((end == piece.token_ids.end() || end + 1 == piece.token_ids.end()));
    }
  }
}

TEST_CASE("the order of documents is drawn from the seed") {
  const Tokenizer tok = tokenizer();
  const auto with_seed = [&](uint64_t seed) {
    return laid_out(make_pretrain_blocks(documents(), tok, {.block_size = 16, .seed = seed}));
  };
  CHECK(with_seed(1) == with_seed(1));
  CHECK(with_seed(1) != with_seed(2));
}

TEST_CASE("a tokenizer without an end adds none, and text without two tokens in a row is refused") {
  const Tokenizer tok = tokenizer("{}");
  const PretrainDataset dataset = make_pretrain_blocks({"very good"}, tok, {.block_size = 16, .seed = 1});
  CHECK(laid_out(dataset) == tok.encode("very good"));
  CHECK_THROWS_AS(make_pretrain_blocks({""}, tok, {.block_size = 16, .seed = 1}), UserError);
  CHECK_THROWS_AS(make_pretrain_blocks({}, tok, {.block_size = 16, .seed = 1}), UserError);
}
