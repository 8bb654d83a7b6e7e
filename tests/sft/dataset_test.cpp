#include "sft/dataset.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace rlhf;

namespace {

SequenceEncoder plain_encoder() {
  return SequenceEncoder(
      Tokenizer::from_files({{"tokenizer.json", test::read_file(test::fixture("text/smollm.json"))},
                             {"tokenizer_config.json", R"({"eos_token": "<|endoftext|>"})"}}));
}

SequenceEncoder chat_encoder() {
  const nlohmann::json config{{"eos_token", "<|im_end|>"},
                              {"chat_template",
                               "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + "
                               "'<|im_end|>' + '\n' }}{% endfor %}"
                               "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"}};
  return SequenceEncoder(
      Tokenizer::from_files({{"tokenizer.json", test::read_file(test::fixture("text/qwen2.json"))},
                             {"tokenizer_config.json", config.dump()}}));
}

Demonstration completion(const std::string& prompt, const std::string& text) {
  Demonstration d;
  d.form = Demonstration::Form::kPromptCompletion;
  d.prompt.text = prompt;
  d.completion = text;
  return d;
}

Demonstration text(const std::string& whole) {
  Demonstration d;
  d.completion = whole;
  return d;
}

Demonstration conversation(Conversation messages, size_t first_supervised = 0) {
  Demonstration d;
  d.form = Demonstration::Form::kConversation;
  d.prompt.messages = std::move(messages);
  d.first_supervised_message = first_supervised;
  return d;
}

/// The text of each run of supervised tokens, special tokens written out.
std::vector<std::string> learnt(const SupervisedSequence& sequence, const Tokenizer& tokenizer) {
  std::vector<std::string> runs;
  for (size_t i = 0; i < sequence.token_ids.size(); ++i) {
    if (!sequence.supervised[i]) continue;
    if (i == 0 || !sequence.supervised[i - 1]) runs.emplace_back();
    runs.back() += tokenizer.decode({sequence.token_ids[i]}, /*skip_special_tokens=*/false);
  }
  return runs;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("of a prompt and its completion the completion is learnt, and the end after it") {
  const SequenceEncoder encoder = plain_encoder();
  SftDatasetReport report;
  const auto samples =
      make_sft_samples({completion("The film was", " very good."), completion("Say:", " no<|endoftext|>")},
                       encoder, {.max_length = 64}, report);
  REQUIRE(samples.size() == 2);
  CHECK(learnt(samples[0][0], encoder.tokenizer()) == Strings{" very good.<|endoftext|>"});
  CHECK(encoder.tokenizer().decode(samples[0][0].token_ids) == "The film was very good.");
  // An end that is written out is not doubled.
  CHECK(learnt(samples[1][0], encoder.tokenizer()) == Strings{" no<|endoftext|>"});
  CHECK(report.demonstrations == 2);
  CHECK(report.truncated + report.unsupervised + report.straddling == 0);
  int64_t tokens = 0, supervised = 0;
  for (const auto& sample : samples) {
    tokens += static_cast<int64_t>(sample[0].token_ids.size());
    supervised += supervised_tokens(sample);
  }
  CHECK(report.tokens == tokens);
  CHECK(report.supervised_tokens == supervised);
}

TEST_CASE("of a text everything is learnt but the first token, which nothing predicts") {
  const SequenceEncoder encoder = plain_encoder();
  SftDatasetReport report;
  const auto samples = make_sft_samples({text("The film was good.")}, encoder, {}, report);
  const SupervisedSequence& sequence = samples.at(0).at(0);
  CHECK(sequence.supervised[0] == 0);
  CHECK(sequence.supervised_tokens() == static_cast<int64_t>(sequence.token_ids.size()) - 1);
  CHECK(sequence.token_ids.back() == encoder.tokenizer().eos_id());
}

TEST_CASE(
    "of a conversation the assistant's turns are learnt, their end included, from where they are wanted") {
  const SequenceEncoder encoder = chat_encoder();
  const Conversation turns{{"system", "be nice"},
                           {"user", "hi"},
                           {"assistant", "hello there"},
                           {"user", "bye"},
                           {"assistant", "ciao"}};
  SftDatasetReport report;
  const auto samples = make_sft_samples({conversation(turns), conversation(turns, 3)}, encoder, {}, report);
  const Tokenizer& tokenizer = encoder.tokenizer();
  // A span begins where the model begins to write, behind the generation prompt.
  CHECK(learnt(samples.at(0)[0], tokenizer) == Strings{"hello there<|im_end|>\n", "ciao<|im_end|>\n"});
  CHECK(learnt(samples.at(1)[0], tokenizer) == Strings{"ciao<|im_end|>\n"});
  CHECK(samples[0][0].token_ids == samples[1][0].token_ids);
}

TEST_CASE("what is too long loses its end; what then has nothing to learn is left out and counted") {
  const SequenceEncoder encoder = plain_encoder();
  const Demonstration short_one = completion("Say:", " yes"),
                      long_one = completion("Say:", " yes yes yes yes yes yes"),
                      long_prompt =
                          completion("Say something very long about the film that was shown:", " no");
  const size_t room = encoder.demonstration(short_one).token_ids.size();  // the short one fits to the token
  REQUIRE(encoder.prompt(long_prompt.prompt).size() >= room);
  SftDatasetOptions options;
  options.max_length = static_cast<int64_t>(room);
  SftDatasetReport report;
  const auto samples = make_sft_samples({short_one, long_one, long_prompt}, encoder, options, report);
  CHECK(report.truncated == 2);
  CHECK(report.unsupervised == 1);
  REQUIRE(samples.size() == 2);
  const SupervisedSequence& cut = samples[1][0];
  CHECK(cut.token_ids.size() == room);
  CHECK(cut.supervised.size() == room);
  CHECK(cut.token_ids.back() != *encoder.tokenizer().eos_id());
  const auto whole = encoder.demonstration(long_one).token_ids;
  CHECK(std::equal(cut.token_ids.begin(), cut.token_ids.end(), whole.begin()));

  SftDatasetOptions by_context;  // what the model has no position for goes the same way
  by_context.context = options.max_length;
  SftDatasetReport same;
  CHECK(make_sft_samples({short_one, long_one, long_prompt}, encoder, by_context, same)[1][0].token_ids ==
        cut.token_ids);
  CHECK(same.truncated == 2);

  SftDatasetReport none;
  CHECK_THROWS_WITH(make_sft_samples({long_prompt}, encoder, options, none),
                    test::contains("--max_length " + std::to_string(room)));
  CHECK_THROWS_AS(make_sft_samples({long_prompt}, encoder, options, none), UserError);
}

TEST_CASE("a token across the border is learnt and counted; by the prompt's own length it is not") {
  const SequenceEncoder encoder = plain_encoder();
  const Demonstration split = completion("I saw t", "he film");  // " the" is one token
  const auto alone = encoder.prompt(split.prompt).size();
  SftDatasetReport report, by_length;
  const auto samples = make_sft_samples({split}, encoder, {}, report);
  CHECK(report.straddling == 1);
  CHECK(learnt(samples[0][0], encoder.tokenizer()) == Strings{" the film<|endoftext|>"});
  const auto as_trl = make_sft_samples({split}, encoder, {.border_by_prompt_length = true}, by_length);
  const auto& supervised = as_trl[0][0].supervised;
  CHECK(static_cast<size_t>(std::find(supervised.begin(), supervised.end(), 1) - supervised.begin()) ==
        alone);
  CHECK(supervised_tokens(as_trl[0]) == static_cast<int64_t>(supervised.size() - alone));
}

TEST_CASE("packing joins demonstrations up to the length and keeps their borders") {
  const SequenceEncoder encoder = plain_encoder();
  std::vector<Demonstration> demonstrations;
  for (int i = 0; i < 12; ++i)
    demonstrations.push_back(completion("Say:", std::string(1 + static_cast<size_t>(i % 4), 'x')));
  SftDatasetReport apart, packed;
  const auto single = make_sft_samples(demonstrations, encoder, {.max_length = 30}, apart);
  const auto joined = make_sft_samples(demonstrations, encoder, {.max_length = 30, .packing = true}, packed);
  CHECK(single.size() == 12);
  CHECK(joined.size() < 6);
  CHECK(packed.tokens == apart.tokens);
  size_t sequences = 0;
  for (const SupervisedSample& sample : joined) {
    size_t length = 0;
    for (const SupervisedSequence& sequence : sample) {
      length += sequence.token_ids.size();
      CHECK(sequence.token_ids.back() == encoder.tokenizer().eos_id());
      CHECK(sequence.supervised[0] == 0);
    }
    CHECK(length <= 30);
    sequences += sample.size();
  }
  CHECK(sequences == 12);
}
