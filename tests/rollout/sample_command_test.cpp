#include "rollout/sample_command.h"

#include <iostream>
#include <set>
#include <sstream>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "annotate/simulate.h"
#include "contract/error.h"
#include "model/model_folder.h"
#include "storage/ledger_records.h"
#include "storage/model_store.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "text/tokenizer.h"

using namespace rlhf;
namespace fs = std::filesystem;

namespace {

/// A folder with a one-layer model of random weights, a tokenizer, prompts and a place for a ledger.
class Workplace {
 public:
  Workplace() {
    fs::create_directory(folder / "model");
    fs::copy(test::fixture("text/smollm.json"), folder / "model" / "tokenizer.json");
    const Tokenizer tokenizer = Tokenizer::load(folder / "model");
    nlohmann::json config =
        nlohmann::json::parse(R"({"model_type": "llama", "architectures": ["LlamaForCausalLM"],
      "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2,
      "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
      "tie_word_embeddings": false, "initializer_range": 0.3})");
    config["vocab_size"] = tokenizer.vocab_size();
    config["eos_token_id"] = 0;
    save_language_model(LanguageModel::initialise(ModelConfig::parse(config.dump(), "test"), 7),
                        folder / "model");
    std::string lines;
    for (int i = 0; i < 10; ++i) lines += R"({"prompt": "the film number )" + std::to_string(i) + "\"}\n";
    test::write_file(folder / "prompts.jsonl", lines + R"({"prompt": "the film number 3"})" + "\n");
  }

  /// What `rlhf data sample` prints; the ledger and the model are given.
  nlohmann::json sample(const std::string& arguments) {
    CLI::App app;
    add_sample_command(app);
    std::ostringstream out;
    std::streambuf* before = std::cout.rdbuf(out.rdbuf());
    try {
      app.parse("sample --db " + ledger().string() + " --model " + (folder / "model").string() +
                " --threads 1 --max_new_tokens 6 " + arguments);
    } catch (...) {
      std::cout.rdbuf(before);
      throw;
    }
    std::cout.rdbuf(before);
    return nlohmann::json::parse(out.str());
  }

  fs::path ledger() const { return folder / "ledger.db"; }
  std::string prompts() const { return "--dataset " + (folder / "prompts.jsonl").string() + " "; }

  test::TemporaryFolder folder;
};

Campaign campaign_of_four() {
  Campaign campaign;
  campaign.name = "c";
  return campaign;
}

LedgerSelection all_of(const std::string& campaign) {
  LedgerSelection selection;
  selection.split = "all";
  selection.campaign = campaign;
  return selection;
}

/// Every response of the ledger: prompt, place among its prompt's samples, text.
std::set<std::string> responses_in(const fs::path& ledger) {
  Database database(ledger, IfAbsent::kRefuse);
  AnnotationStore store(database);
  std::set<std::string> responses;
  const Campaign campaign = store.open_campaign(campaign_of_four());
  store.add_tasks(campaign.id, store.tasks_from_samples(campaign, "all", ""));
  const int64_t reader = store.annotator("reader", "human");
  while (const auto task = store.next_task(campaign.id, reader)) {
    for (const auto& item : task->items)
      responses.insert(task->prompt.text + "|" + std::to_string(item.response_id) + "|" + item.text);
    store.skip(reader, task->annotation_id);
  }
  return responses;
}

}  // namespace

TEST_CASE("data sample writes different responses of a model to each prompt, once") {
  Workplace place;
  const auto first = place.sample(place.prompts() + "--samples_per_prompt 4 --unit_size 4");
  CHECK(first["prompts"] == 10);  // one of the eleven lines is there twice
  CHECK(first["already_present"] == 0);
  CHECK(first["responses"].get<int>() + first["repeated"].get<int>() == 40);
  const auto again = place.sample(place.prompts() + "--samples_per_prompt 4 --unit_size 4");
  CHECK(again["responses"] == 0);
  CHECK(again["already_present"] == first["responses"]);
  const auto other_seed = place.sample(place.prompts() + "--seed 1 --limit 3");
  CHECK(other_seed["prompts"] == 3);
  CHECK(other_seed["responses"].get<int>() > 0);
  Database database(place.ledger(), IfAbsent::kRefuse);
  CHECK(find_model(database, first["model_hash"])->name == "model");
}

TEST_CASE("data sample goes on where it was cut off, with the bits it would have had") {
  Workplace whole, cut;
  whole.sample(whole.prompts() + "--unit_size 4");
  cut.sample(cut.prompts() + "--unit_size 4 --limit 4");
  const auto rest = cut.sample(cut.prompts() + "--unit_size 4");
  CHECK(rest["already_present"].get<int>() > 0);
  CHECK(rest["responses"].get<int>() > 0);
  const auto responses = responses_in(whole.ledger());
  CHECK(responses.size() >= 4);
  CHECK(responses == responses_in(cut.ledger()));
}

TEST_CASE("data sample draws further samples when more are asked for") {
  Workplace place;
  const auto two = place.sample(place.prompts() + "--samples_per_prompt 2");
  const auto four = place.sample(place.prompts() + "--samples_per_prompt 4");
  CHECK(four["already_present"] == two["responses"]);
  CHECK(four["responses"].get<int>() + four["repeated"].get<int>() == 20);
}

TEST_CASE("greedy samples are all the same text, which is kept once") {
  Workplace place;
  const auto greedy = place.sample(place.prompts() + "--temperature 0");
  CHECK(greedy["responses"] == 10);
  CHECK(greedy["repeated"] == 30);
  CHECK(place.sample(place.prompts() + "--temperature 0")["already_present"] == 10);
}

TEST_CASE("prompts come from the ledger, of one split, when no file is given") {
  Workplace place;
  CHECK_THROWS_AS(place.sample(""), UserError);  // there is no ledger yet
  place.sample(place.prompts() + "--samples_per_prompt 1");
  const auto train = place.sample("--samples_per_prompt 2 --split train");
  CHECK(train["prompts"].get<int>() < 10);
  CHECK(place.sample("--samples_per_prompt 2")["prompts"] == 10);
}

TEST_CASE("a prompt that the model cannot answer is named before anything is written") {
  Workplace place;
  std::string words;
  for (int i = 0; i < 80; ++i) words += "film ";
  test::write_file(place.folder / "prompts.jsonl", R"({"prompt": "short"})"
                                                   "\n"
                                                   R"({"prompt": ")" +
                                                       words + "\"}\n");
  CHECK_THROWS_WITH(place.sample(place.prompts()), test::contains("prompt 2 has"));
  CHECK_FALSE(fs::exists(place.ledger()));
}

TEST_CASE("simulated raters rank what was sampled, and the ledger gives it to the reward trainer") {
  Workplace place;
  place.sample(place.prompts() + "--samples_per_prompt 6");
  test::write_file(place.folder / "lexicon.txt",
                   "film\t1.0\t0.5\t[1, 1, 2, 1, 1, 0, 1, 1, 1, 1]\nbad\t-2.0\t0.5\t[-2, -2, -2, -2, -2, -2, "
                   "-2, -2, -2, -2]\n");
  const Lexicon lexicon(place.folder / "lexicon.txt");
  Database database(place.ledger(), IfAbsent::kRefuse);
  AnnotationStore store(database);
  const Campaign campaign = store.open_campaign(campaign_of_four());
  const int64_t tasks = store.add_tasks(campaign.id, store.tasks_from_samples(campaign, "all", ""));
  REQUIRE(tasks > 0);
  const SimulationResult result = simulate_raters(store, lexicon, {campaign, 10, "0123456789"});
  CHECK(result.submitted == tasks);
  const auto rankings = LedgerPreferences(database, all_of("c")).rankings();
  CHECK(static_cast<int64_t>(rankings.size()) == tasks);
  for (const Ranking& ranking : rankings) {
    CHECK(ranking.responses.size() == 4);
    CHECK(std::set<std::string>(ranking.responses.begin(), ranking.responses.end()).size() == 4);
  }
}
