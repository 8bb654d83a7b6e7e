#include "curves/run_reader.h"

#include <cmath>
#include <limits>
#include <set>

#include "contract/error.h"
#include "curves/metric_catalog.h"
#include "curves/metrics_file.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace rlhf;
namespace fs = std::filesystem;

namespace {

void make_run(const fs::path& folder, const std::string& configuration = "") {
  MetricsFile file(folder);
  file.log(1, {{"loss", 2}});
  if (configuration.empty()) return;
  test::write_file(folder / "run.json",
                   R"({"identity": {"stage": "ppo", "configuration": )" + configuration + "}}");
}

std::string error_of(const std::vector<fs::path>& paths) {
  try {
    read_runs(paths);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("A run reads back what was logged, half-written last lines left out") {
  test::TemporaryFolder folder;
  {
    MetricsFile file(folder / "ppo");
    file.log(1, {{"loss", 2}, {"eval_loss", std::nan("")}});
    file.log(5, {{"loss", 1.5}, {"new", -1}});
    file.log_sample(1, "p", "r<", 0.5);
  }
  const std::string whole = test::read_file(folder / "ppo/metrics.jsonl");
  test::write_file(folder / "ppo/metrics.jsonl", whole + "{\"step\": 6, \"lo");
  test::write_file(folder / "summary.json", R"({"rm_accuracy": 0.75})");
  const auto runs = read_runs({folder / "ppo"});
  REQUIRE(runs.size() == 1);
  const Run& run = runs[0];
  CHECK(run.name == "ppo");
  CHECK(run.metrics.at("loss").steps == std::vector<int64_t>{1, 5});
  CHECK(run.metrics.at("loss").values == std::vector<double>{2, 1.5});
  CHECK(run.metrics.at("new").steps == std::vector<int64_t>{5});
  CHECK(std::isnan(run.metrics.at("eval_loss").values.at(0)));
  CHECK(run.metrics.at("time").steps.size() == 2);
  REQUIRE(run.samples.size() == 1);
  CHECK(run.samples[0].response == "r<");
  CHECK(run.samples[0].score == 0.5);
  CHECK(run.summary["rm_accuracy"] == 0.75);
  CHECK(run.configuration.empty());
}

TEST_CASE("A folder of runs gives all of them, once, with names that differ") {
  test::TemporaryFolder folder;
  make_run(folder / "a/ppo");
  make_run(folder / "b/ppo");
  make_run(folder / "b/sft");
  fs::create_directories(folder / "b/empty");
  const auto runs = read_runs({folder / "a", folder / "b", folder / "b/sft/metrics.jsonl"});
  REQUIRE(runs.size() == 3);
  CHECK(runs[0].name == "a/ppo");
  CHECK(runs[1].name == "b/ppo");
  CHECK(runs[2].name == "b/sft");
}

TEST_CASE("A Hugging Face trainer's folder is read from its newest log history") {
  test::TemporaryFolder folder;
  fs::create_directories(folder / "checkpoint-9");
  fs::create_directories(folder / "checkpoint-10");
  test::write_file(folder / "checkpoint-9/trainer_state.json", R"({"log_history": []})");
  test::write_file(
      folder / "checkpoint-10/trainer_state.json",
      R"({"log_history": [{"loss": 3.5, "epoch": 0.1, "step": 5}, {"loss": NaN, "note": "NaN \" Infinity", "grad_norm": -Infinity, "step": 7},)"
      R"({"eval_loss": 3, "step": 10}]})");
  const auto runs = read_runs({folder.path()});
  REQUIRE(runs.size() == 1);
  const std::vector<double>& losses = runs[0].metrics.at("loss").values;
  REQUIRE(losses.size() == 2);
  CHECK(losses[0] == 3.5);
  CHECK(std::isnan(losses[1]));
  CHECK(runs[0].metrics.at("grad_norm").values ==
        std::vector<double>{-std::numeric_limits<double>::infinity()});
  CHECK(runs[0].metrics.at("eval_loss").steps == std::vector<int64_t>{10});
}

TEST_CASE("A path without a run is refused, and what was looked for is named") {
  test::TemporaryFolder folder;
  CHECK(error_of({folder / "absent"}).find("absent: no run here") != std::string::npos);
  CHECK(error_of({folder.path()}).find("metrics.jsonl") != std::string::npos);
  test::write_file(folder / "metrics.jsonl", "{\"step\": 1}\n[1]\n{\"step\": 2}\n");
  CHECK(error_of({folder.path()}).find("metrics.jsonl:2") != std::string::npos);
  test::write_file(folder / "metrics.jsonl", "{\"step\": 1}\n");
  test::write_file(folder / "run.json", "{");
  CHECK(error_of({folder.path()}).find("run.json") != std::string::npos);
}

TEST_CASE("The moving mean looks back, leaves out what is not finite, and forgets outliers") {
  const double nan = std::nan("");
  const auto means = moving_mean({1, 2, nan, 6, 10}, 3);
  CHECK(means[0] == 1);
  CHECK(means[1] == 1.5);
  CHECK(std::isnan(means[2]));
  CHECK(means[3] == 4);
  CHECK(means[4] == 8);
  CHECK(moving_mean({3, 1}, 1) == std::vector<double>{3, 1});
  std::vector<double> spiked(40, 1.0);
  spiked[3] = 1e30;
  CHECK(moving_mean(spiked, 4).back() == 1.0);

  std::vector<double> wave;  // against the plain definition
  for (int i = 0; i < 50; ++i) wave.push_back(std::sin(i));
  const auto smooth = moving_mean(wave, 7);
  for (std::size_t i = 0; i < wave.size(); ++i) {
    double sum = 0;
    const std::size_t from = i < 6 ? 0 : i - 6;
    for (std::size_t j = from; j <= i; ++j) sum += wave[j];
    CHECK(smooth[i] == Approx(sum / static_cast<double>(i - from + 1)).margin(1e-12));
  }
}

TEST_CASE("Runs that differ in seeds and in whose pipeline they stand share a group") {
  test::TemporaryFolder folder;
  const auto model = [&](const std::string& name) { return (folder / (name + "/sft/final")).string(); };
  make_run(folder / "a/ppo", R"({"seed": 1, "kl_coef": 0.1, "model": ")" + model("a") + "\"}");
  make_run(folder / "b/ppo", R"({"seed": 2, "kl_coef": 0.1, "model": ")" + model("b") + "\"}");
  make_run(folder / "c/ppo", R"({"seed": 1, "kl_coef": 0.2, "model": ")" + model("c") + "\"}");
  make_run(folder / "d/ppo", R"({"seed": 3, "kl_coef": 0.1, "model": "/elsewhere/sft/final"})");
  make_run(folder / "e");
  make_run(folder / "f");
  const auto runs =
      read_runs({folder / "a", folder / "b", folder / "c", folder / "d", folder / "e", folder / "f"});
  CHECK(seed_groups(runs) == std::vector<std::size_t>{0, 0, 1, 2, 3, 4});
}

TEST_CASE("Every metric of the catalog is in docs/metrics.md, once in the catalog") {
  const std::string document = test::read_file("docs/metrics.md");
  std::set<std::string> names;
  for (const auto& card : metric_catalog()) {
    CAPTURE(card.name);
    CHECK((document.find("`" + card.name + "`") != std::string::npos ||
           document.find("`eval_" + card.name + "`") != std::string::npos));
    CHECK(names.insert(card.name).second);
  }
  CHECK(metric_card("my/own").title == "my/own");
  CHECK(metric_card("my/own").section == "Other");
}
