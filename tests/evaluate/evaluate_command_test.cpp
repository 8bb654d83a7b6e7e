// The evaluate command against its figures worked out from the model's logits.
#include <cmath>

#include <torch/utils.h>

#include "contract/error.h"
#include "rollout/generator.h"
#include "tests/evaluate/workplace.h"
#include "tests/support/catch.h"

using namespace rlhf;
using test::kContext;
using test::Workplace;

namespace {

/// -sum log p of all tokens but the first of each window of the model's context.
std::pair<double, int64_t> plain_nats(const LanguageModel& model, const std::vector<TokenId>& ids) {
  const torch::NoGradGuard no_grad;
  std::pair<double, int64_t> sum{0.0, 0};
  for (size_t begin = 0; begin < ids.size(); begin += kContext) {
    const std::vector<TokenId> window(
        ids.begin() + static_cast<std::ptrdiff_t>(begin),
        ids.begin() + static_cast<std::ptrdiff_t>(std::min(begin + kContext, ids.size())));
    const torch::Tensor logits = model.logits(model.decoder().forward(TokenBatch::pack({window})));
    const torch::Tensor logprobs = torch::log_softmax(logits.to(torch::kFloat64), -1);
    for (size_t i = 1; i < window.size(); ++i) {
      sum.first -= logprobs[static_cast<int64_t>(i) - 1][window[i]].item<double>();
      ++sum.second;
    }
  }
  return sum;
}

std::vector<std::string> long_and_short_texts() {
  std::string long_text = "a film";
  for (int i = 0; i < 70; ++i) long_text += i % 3 ? " very" : " good";
  return {"The film was good, and é too.", long_text, "x"};
}

}  // namespace

TEST_CASE("perplexity and bits per byte are those of the logits, over windows of the context") {
  Workplace place;
  const LanguageModel model = place.model("first");
  const SequenceEncoder encoder = place.encoder();
  std::string lines;
  double nats = 0;
  int64_t tokens = 0, bytes = 0;
  for (const std::string& text : long_and_short_texts()) {
    lines += nlohmann::json{{"text", text}}.dump() + "\n";
    const std::vector<TokenId> ids = encoder.tokenizer().encode(text);
    const auto [text_nats, text_tokens] = plain_nats(model, ids);
    nats += text_nats;
    tokens += text_tokens;
    bytes += static_cast<int64_t>(text.size());
    for (size_t first = 0; first < ids.size(); first += kContext)  // nothing predicts these
      bytes -= static_cast<int64_t>(encoder.tokenizer().token_bytes(ids[first]).size());
  }
  test::write_file(place.folder / "texts.jsonl", lines);
  const auto found =
      place.evaluate("perplexity --model " + place.at("first") + " --dataset " + place.at("texts.jsonl"));
  CHECK(found["tokens"] == tokens);
  CHECK(found["bytes"] == bytes);
  const double loss = nats / static_cast<double>(tokens);
  CHECK(found["loss"].get<double>() == Approx(loss).epsilon(1e-6));
  CHECK(found["perplexity"].get<double>() == Approx(std::exp(loss)).epsilon(1e-5));
  CHECK(found["bits_per_byte"].get<double>() ==
        Approx(nats / std::log(2.0) / static_cast<double>(bytes)).epsilon(1e-6));

  test::write_file(place.folder / "short.jsonl", R"({"text": "x"})"
                                                 "\n");
  CHECK_THROWS_AS(
      place.evaluate("perplexity --model " + place.at("first") + " --dataset " + place.at("short.jsonl")),
      UserError);
}

TEST_CASE("perplexity of conversations is refused, not taken for that of no text") {
  Workplace place;
  test::write_file(
      place.folder / "chats.jsonl",
      R"({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]})"
      "\n");
  const std::string arguments =
      "perplexity --model " + place.at("first") + " --dataset " + place.at("chats.jsonl");
  CHECK_THROWS_WITH(place.evaluate(arguments),
                    test::contains("chats.jsonl:1: evaluate perplexity reads text"));
}

TEST_CASE("a model wins half the time against itself, and wins what the other loses") {
  Workplace place;
  const std::string rest = " --reward_model " + place.at("judge") + " --dataset " +
                           place.at("prompts.jsonl") + " --max_new_tokens 6";
  const auto match = [&](const std::string& ours, const std::string& theirs, const std::string& more = "") {
    return place.evaluate("win_rate --model " + place.at(ours) + " --against " + place.at(theirs) + rest +
                          more);
  };
  const auto self = match("first", "first");
  CHECK(self["win_rate"] == 0.5);
  CHECK((self["win_rate_low"] == 0.5 && self["win_rate_high"] == 0.5));
  CHECK(self["score"] == self["score_against"]);
  CHECK(self["prompts"] == 12);

  const auto there = match("first", "second"), back = match("second", "first");
  CHECK(there["win_rate"].get<double>() + back["win_rate"].get<double>() == Approx(1));
  CHECK(there["score"] == back["score_against"]);
  CHECK(there["length"] == back["length_against"]);
  CHECK(there["win_rate_low"] <= there["win_rate"]);
  CHECK(there["win_rate_high"] >= there["win_rate"]);
  CHECK(match("first", "second", " --limit 5")["prompts"] == 5);
}

TEST_CASE("lengths, ends, scores and wins are those of the answers to the prompts") {
  Workplace place;
  const SequenceEncoder encoder = place.encoder();
  GeneratorOptions options;
  options.sampling.max_new_tokens = 6;
  options.eos_token_ids = encoder.tokenizer().eos_ids();
  options.seed = 4;
  std::vector<GenerationRequest> requests;
  std::vector<Prompt> prompts;
  for (int i = 0; i < 12; ++i) {
    prompts.push_back({"the film number " + std::to_string(i), {}});
    requests.push_back({encoder.prompt(prompts.back()), i, 1});
  }
  const LoadedScalarModel judge =
      load_scalar_model(ModelFiles::in_folder(place.folder / "judge"), torch::kFloat32, torch::kCPU, false);
  const torch::NoGradGuard no_grad;
  const auto score_of = [&](const Prompt& prompt, const GeneratedResponse& answer) {
    const auto ids = encoder.prompt_and_response(prompt, encoder.tokenizer().decode(answer.token_ids));
    const torch::Tensor hidden = judge.model.decoder().forward(TokenBatch::pack({ids}));
    return (judge.model.values(hidden.narrow(0, hidden.size(0) - 1, 1)).item<double>() - 0.5) / 2;
  };
  double length = 0, score = 0, wins = 0;
  const auto answers = generate(place.model("first"), requests, options);
  const auto others = generate(place.model("second"), requests, options);
  for (size_t i = 0; i < answers.size(); ++i) {
    length += static_cast<double>(answers[i].token_ids.size());
    const double ours = score_of(prompts[i], answers[i]);
    score += ours;
    wins += ours > score_of(prompts[i], others[i]) ? 1 : 0;
  }
  REQUIRE(wins != 6);  // else a comparison the other way round would pass
  const auto found = place.evaluate(
      "win_rate --model " + place.at("first") + " --against " + place.at("second") + " --reward_model " +
      place.at("judge") + " --dataset " + place.at("prompts.jsonl") + " --max_new_tokens 6 --seed 4");
  CHECK(found["length"].get<double>() == Approx(length / 12));
  CHECK(found["score"].get<double>() == Approx(score / 12).epsilon(1e-4));
  CHECK(found["win_rate"].get<double>() == Approx(wins / 12));
}
