// `rlhf evaluate reward` against figures worked out from the model's scores.
#include <cmath>

#include <torch/utils.h>

#include "contract/error.h"
#include "storage/ledger_import.h"
#include "tests/evaluate/workplace.h"
#include "tests/support/catch.h"

using namespace rlhf;
using nlohmann::json;
using test::Workplace;

namespace {

json ranking(const std::string& prompt, const std::vector<std::string>& responses,
             const std::vector<int>& ranks, const std::string& annotator = "") {
  json line = {{"prompt", prompt}, {"responses", responses}, {"ranks", ranks}};
  if (!annotator.empty()) line["annotator"] = annotator;
  return line;
}

std::string lines_of(const std::vector<json>& objects) {
  std::string lines;
  for (const json& object : objects) lines += object.dump() + "\n";
  return lines;
}

/// Raw score of the judge, straight from its layers.
double raw_score(const Workplace& place, const std::string& prompt, const std::string& response) {
  const torch::NoGradGuard no_grad;
  const LoadedScalarModel judge =
      load_scalar_model(ModelFiles::in_folder(place.folder / "judge"), torch::kFloat32, torch::kCPU, false);
  const auto ids = place.encoder().prompt_and_response({prompt, {}}, response);
  const torch::Tensor hidden = judge.model.decoder().forward(TokenBatch::pack({ids}));
  return judge.model.values(hidden.narrow(0, hidden.size(0) - 1, 1)).item<double>();
}

/// Two people on the same three responses, and one of them on another prompt.
std::vector<json> example() {
  return {ranking("The film", {" was good", " was bad", " was"}, {1, 3, 2}, "ann"),
          ranking("The film", {" was good", " was bad", " was"}, {1, 2, 2}, "bob"),
          ranking("The plot", {" thickens", " is thin and long"}, {2, 1}, "ann")};
}

}  // namespace

TEST_CASE("accuracy, calibration and people are those of the scores, probabilities those of raw ones") {
  Workplace place;
  test::write_file(place.folder / "rankings.jsonl", lines_of(example()));
  double right = 0, brier = 0;
  int pairs = 0;
  for (const json& line : example()) {
    for (std::size_t w = 0; w < line["ranks"].size(); ++w)
      for (std::size_t l = 0; l < line["ranks"].size(); ++l) {
        if (line["ranks"][w] >= line["ranks"][l]) continue;
        const double gap = raw_score(place, line["prompt"], line["responses"][w]) -
                           raw_score(place, line["prompt"], line["responses"][l]);
        right += gap > 0 ? 1 : 0;
        brier += std::pow(1 / (1 + std::exp(gap)), 2);
        ++pairs;
      }
  }
  REQUIRE(pairs == 6);
  const json found =
      place.evaluate("reward --model " + place.at("judge") + " --input " + place.at("rankings.jsonl"));
  CHECK(found["pairs"] == 6);
  CHECK(found["prompts"] == 2);
  CHECK(found["rankings"] == 3);
  CHECK(found["accuracy"].get<double>() == Approx(right / 6));
  CHECK(found["calibration"]["brier"].get<double>() == Approx(brier / 6).epsilon(1e-4));
  CHECK(found["by"]["annotator"][0]["name"] == "ann");
  CHECK(found["by"]["annotator"][0]["pairs"] == 4);
  CHECK(found["left_out"]["source"] == "all pairs are of source " + place.at("rankings.jsonl"));
  CHECK(found["ceiling"]["pairs"] == 3);
  CHECK(found["ceiling"]["annotators"] == 2);
  CHECK(place.words.find("Accuracy, with 95 % intervals") != std::string::npos);
}

TEST_CASE("the ceiling can come from other rankings of the same responses") {
  Workplace place;
  test::write_file(place.folder / "merged.jsonl",
                   lines_of({ranking("p", {"x", "y z"}, {1, 2}, "mean of all")}));
  test::write_file(place.folder / "people.jsonl", lines_of({ranking("p", {"x", "y z"}, {1, 2}, "ann"),
                                                            ranking("p", {"x", "y z"}, {1, 2}, "bob"),
                                                            ranking("p", {"y z", "x"}, {1, 2}, "cy")}));
  const std::string command = "reward --model " + place.at("judge") + " --input " + place.at("merged.jsonl");
  CHECK(place.evaluate(command)["left_out"].contains("ceiling"));
  const json found = place.evaluate(command + " --ceiling_dataset " + place.at("people.jsonl"));
  CHECK(found["pairs"] == 1);
  CHECK(found["ceiling"]["judgements"] == 3);  // the mean is no person
  CHECK(found["ceiling"]["person_person"].get<double>() == Approx(1.0 / 3));
  CHECK(found["ceiling"]["person_majority"] == 0.0);
  CHECK(found["ceiling"]["model_majority"] == found["accuracy"]);
}

TEST_CASE("--output and --html take the card instead of standard output, and hold the same") {
  Workplace place;
  test::write_file(place.folder / "rankings.jsonl", lines_of(example()));
  const std::string command =
      "reward --model " + place.at("judge") + " --input " + place.at("rankings.jsonl");
  const std::string printed = place.run(command);
  CHECK(
      place.run(command + " --output " + place.at("card.json") + " --html " + place.at("card.html")).empty());
  CHECK(test::read_file(place.folder / "card.json") == printed);
  const std::string page = test::read_file(place.folder / "card.html");
  CHECK(page.find("\"accuracy_low\"") != std::string::npos);
  CHECK(page.find("is thin and long") != std::string::npos);
  CHECK_THROWS_WITH(place.run(command + " --html " + place.at("no") + "/card.html"),
                    test::contains("there is no folder"));
  CHECK_THROWS_AS(place.run(command + " --output " + place.at("no") + "/card.json"), UserError);
}

TEST_CASE("rankings of a ledger are told apart by split, source and annotator") {
  Workplace place;
  {
    Database ledger(place.folder / "ledger.db");
    LedgerImport import(ledger, {"file.jsonl", "a", "kwise", "0.1.0", false});
    for (int i = 0; i < 80; ++i) {
      Ranking made{{"prompt " + std::to_string(i), {}}, {"x", "y"}, {1, 2}, {}, 0, ""};
      Provenance known;
      known.source = i % 2 ? "odd" : "even";
      known.annotator = i < 20 ? "ann" : "bob";
      import.add({std::move(made), std::move(known), ""});
    }
    import.finish();
  }
  const std::string command = "reward --model " + place.at("judge") + " --db " + place.at("ledger.db");
  const json all = place.evaluate(command + " --split all");
  CHECK(all["pairs"] == 80);
  REQUIRE(all["by"]["split"].size() == 3);
  CHECK(all["by"]["split"][0]["name"] == "train");
  CHECK(all["by"]["source"][0]["pairs"] == 40);
  CHECK(all["by"]["annotator"][1]["pairs"] == 20);
  CHECK(all["mistakes"].size() <= 20);
  const json valid = place.evaluate(command + " --mistakes 1");
  CHECK(valid["left_out"]["split"] == "all pairs are of split valid");
  CHECK(valid["mistakes"].size() <= 1);
  const auto& splits = all["by"]["split"];
  CHECK(valid["pairs"] == splits[splits[1]["name"] == "valid" ? 1 : 2]["pairs"]);
}
