#include "text/bpe_trainer.h"

#include "contract/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "text/byte_alphabet.h"
#include "text/tokenizer.h"

namespace rlhf {
namespace {

using Merges = std::vector<std::pair<std::string, std::string>>;

TokenizerDefinition train(const std::vector<std::string>& texts, BpeTrainingOptions options) {
  BpeTrainer trainer(std::move(options));
  for (const std::string& text : texts) trainer.add(text);
  return trainer.train();
}

TEST_CASE("the most frequent pair is merged first, ties go to the smallest ids") {
  BpeTrainingOptions options;
  options.vocab_size = 256 + 3;
  options.min_frequency = 1;
  // "ab" three times; then "abc" twice ties with "de" twice, and d, e have smaller ids than the new "ab".
  const auto trained = train({"abc", "abc", "ab", "de", "de"}, options);
  CHECK(trained.merges == Merges{{"a", "b"}, {"d", "e"}, {"ab", "c"}});
  CHECK(trained.vocab.back() == std::pair<std::string, TokenId>("abc", 258));
}

TEST_CASE("pairs seen too seldom are not merged") {
  BpeTrainingOptions options;
  options.min_frequency = 3;
  CHECK(train({"abc", "abc", "ab", "de", "de"}, options).merges == Merges{{"a", "b"}});
}

TEST_CASE("overlapping pairs of one letter are counted as they are merged") {
  BpeTrainingOptions options;
  options.min_frequency = 1;
  options.vocab_size = 256 + 3;
  CHECK(train({"aaaaa"}, options).merges == Merges{{"a", "a"}, {"aa", "a"}, {"aa", "aaa"}});
}

TEST_CASE("vocabulary and merges equal those of Hugging Face's trainer") {
  BpeTrainingOptions options;
  options.vocab_size = 600;
  options.special_tokens = {"<|pad|>", "the"};
  options.digits = true;
  BpeTrainer trainer(options);
  const std::string corpus = test::read_file(test::fixture("text/train_corpus.txt"));
  for (size_t begin = 0; begin < corpus.size();) {
    const size_t end = corpus.find('\n', begin) + 1;
    trainer.add(std::string_view(corpus).substr(begin, end - begin));
    begin = end;
  }
  const TokenizerDefinition ours = trainer.train();
  const TokenizerDefinition theirs =
      parse_tokenizer_json(test::read_file(test::fixture("text/trained.json")), "trained");
  CHECK(ours.merges == theirs.merges);
  CHECK(ours.vocab == theirs.vocab);
  CHECK(hash_of(ours) == hash_of(theirs));
}

TEST_CASE("a trained tokenizer's files load with their roles and give text back") {
  BpeTrainingOptions options;
  options.vocab_size = 400;
  options.special_tokens = {"<|pad|>", "<|bos|>", "<|eos|>"};
  const std::string corpus = test::read_file(test::fixture("text/train_corpus.txt"));
  const auto files = tokenizer_files(train({corpus}, options), {"<|bos|>", "<|eos|>", "<|pad|>"});
  const Tokenizer tokenizer = Tokenizer::from_files(files);
  CHECK(tokenizer.pad_id() == TokenId{0});
  CHECK(tokenizer.bos_id() == TokenId{1});
  CHECK(tokenizer.eos_id() == TokenId{2});
  CHECK(tokenizer.vocab_size() == 400);
  CHECK(tokenizer.decode(tokenizer.encode(corpus)) == corpus);
  CHECK(tokenizer.encode(corpus).size() < corpus.size() / 2);
  CHECK(tokenizer.encode("<|eos|>") == std::vector<TokenId>{2});
  std::string all_bytes;  // every byte that occurs in UTF-8 has a token
  for (const std::string& character : byte_alphabet()) all_bytes += character;
  CHECK(tokenizer.decode(tokenizer.encode(all_bytes)) == all_bytes);
  CHECK(tokenizer.dropped_bytes() == 0);
}

TEST_CASE("options that cannot be met are refused") {
  const auto refused = [](TokenId vocab_size, std::vector<std::string> special) {
    BpeTrainingOptions options;
    options.vocab_size = vocab_size;
    options.special_tokens = std::move(special);
    CHECK_THROWS_AS(BpeTrainer(options), UserError);
  };
  refused(255, {});
  refused(256, {"<s>"});
  refused(2000000000, {});
  refused(1000, {"<s>", "<s>"});
  refused(1000, {""});
  refused(1000, {"\xFF"});
  BpeTrainer trainer({});
  CHECK_THROWS_AS(trainer.add("a\xFF"), UserError);
}

}  // namespace
}  // namespace rlhf
