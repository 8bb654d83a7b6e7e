#include "text/parallel_map.h"

#include <stdexcept>
#include <string>

#include <nlohmann/json.hpp>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "text/sequence_encoder.h"

namespace rlhf {

TEST_CASE("a parallel map gives what a loop gives, in its order, whatever the number of threads") {
  for (const int threads : {0, 1, 2, 7}) {
    for (const size_t count : {0, 1, 5, 1000}) {
      std::vector<std::string> expected;
      for (size_t i = 0; i < count; ++i) expected.push_back(std::to_string(i * i));
      CHECK(parallel_map(count, threads, [](size_t i) { return std::to_string(i * i); }) == expected);
    }
  }
}

TEST_CASE("a parallel map throws the first error in order") {
  for (const int threads : {1, 4}) {
    CHECK_THROWS_WITH(parallel_map(100, threads,
                                   [](size_t i) -> int {
                                     if (i == 70 || i == 30) throw std::runtime_error(std::to_string(i));
                                     return 0;
                                   }),
                      "30");
  }
}

TEST_CASE("threads share a tokenizer and a chat template") {
  const nlohmann::json config{
      {"eos_token", "<|im_end|>"},
      {"chat_template", "{% for m in messages %}{{ '<|im_start|>' + m.role + m.content }}{% endfor %}"}};
  const SequenceEncoder encoder(
      Tokenizer::from_files({{"tokenizer.json", test::read_file(test::fixture("text/qwen2.json"))},
                             {"tokenizer_config.json", config.dump()}}));
  const auto prompt = [&](size_t i) {
    return encoder.prompt({"", {{"user", "Question " + std::to_string(i) + ": what is it?"}}});
  };
  constexpr size_t kCount = 200;
  CHECK(parallel_map(kCount, 4, prompt) == parallel_map(kCount, 1, prompt));
}

}  // namespace rlhf
