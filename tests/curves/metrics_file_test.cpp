#include "curves/metrics_file.h"

#include <cmath>
#include <limits>
#include <sstream>

#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "curves/fanout_sink.h"
#include "curves/json_lines.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace rlhf;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::istringstream text(test::read_file(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

/// The line up to its time stamp, which differs from run to run.
std::string untimed(const std::string& line) {
  return line.substr(0, line.find(", \"time\""));
}

}  // namespace

TEST_CASE("A line has step first, metrics in order, time last") {
  test::TemporaryFolder folder;
  MetricsFile file(folder / "run");
  file.log(3, {{"objective/kl", 0.1}, {"loss", 2}, {"a", 1e-300}});
  const auto lines = lines_of(folder / "run/metrics.jsonl");
  REQUIRE(lines.size() == 1);
  CHECK(untimed(lines[0]) == R"({"step": 3, "objective/kl": 0.1, "loss": 2, "a": 1e-300)");
  const auto json = nlohmann::ordered_json::parse(lines[0]);
  CHECK(std::prev(json.end()).key() == "time");
  CHECK(json["time"].get<double>() > 1.6e9);
  CHECK_THROWS_AS(file.log(4, {{"step", 1}}), std::invalid_argument);
}

TEST_CASE("Every double reads back to the same bits, and what is not finite by name") {
  for (const double value : {0.1, 1.0 / 3.0, 5e-324, 1.7976931348623157e308, -0.0, 123456789012345680.0}) {
    double back = 1;
    REQUIRE(read_json_number(nlohmann::json::parse(json_number(value)), back));
    CHECK(back == value);
    CHECK(std::signbit(back) == std::signbit(value));
  }
  CHECK(json_number(std::nan("")) == "\"NaN\"");
  CHECK(json_number(-kInfinity) == "\"-Infinity\"");
  double back = 0;
  CHECK((read_json_number("NaN", back) && std::isnan(back)));
  CHECK((read_json_number("Infinity", back) && back == kInfinity));
  CHECK_FALSE(read_json_number("nan", back));
}

TEST_CASE("Samples keep any text, and bytes that are not UTF-8 become replacement characters") {
  test::TemporaryFolder folder;
  MetricsFile file(folder.path());
  file.log_sample(1, "a \"quoted\"\nline", "</script>\xff", -1.5);
  const auto json = nlohmann::json::parse(lines_of(folder / "samples.jsonl").at(0));
  CHECK(json["prompt"] == "a \"quoted\"\nline");
  CHECK(json["response"] == "</script>\xef\xbf\xbd");
  CHECK(json["score"] == -1.5);
}

TEST_CASE("Truncation keeps lines up to the step byte for byte and nothing is doubled") {
  test::TemporaryFolder folder;
  MetricsFile file(folder.path());
  for (int64_t step = 1; step <= 5; ++step) {
    file.log(step, {{"loss", 1.0 / static_cast<double>(step)}});
    file.log_sample(step, "p", "r", 0);
  }
  const auto before = lines_of(folder / "metrics.jsonl");
  file.truncate_after(3);
  auto after = lines_of(folder / "metrics.jsonl");
  CHECK(after == std::vector<std::string>(before.begin(), before.begin() + 3));
  CHECK(lines_of(folder / "samples.jsonl").size() == 3);

  file.log(4, {{"loss", 9}});  // the sink goes on in the new file
  file.flush();
  after = lines_of(folder / "metrics.jsonl");
  REQUIRE(after.size() == 4);
  CHECK(untimed(after[3]) == R"({"step": 4, "loss": 9)");

  file.truncate_after(-1);
  CHECK(test::read_file(folder / "metrics.jsonl").empty());
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    CHECK_FALSE(entry.path().filename().string().starts_with(".partial"));
}

TEST_CASE("Half a line left by a crash is dropped when the file is opened again") {
  test::TemporaryFolder folder;
  const std::string whole = "{\"step\": 1, \"loss\": 2}\n";
  const std::string torn = GENERATE(as<std::string>{}, "{\"step\": 2, \"lo", "{\"step\": 2}", "\1\1\n");
  test::write_file(folder / "metrics.jsonl", whole + torn);
  MetricsFile file(folder.path());
  CHECK(test::read_file(folder / "metrics.jsonl") == whole);
  file.log(2, {});
  CHECK(lines_of(folder / "metrics.jsonl").size() == 2);
}

TEST_CASE("A file that is not a log is refused with its line, and left as it is") {
  test::TemporaryFolder folder;
  const std::string foreign = "{\"step\": 1}\nhello\n{\"step\": 2}\n";
  test::write_file(folder / "metrics.jsonl", foreign);
  std::string message;
  try {
    MetricsFile refused(folder.path());
  } catch (const UserError& error) {
    message = error.what();
  }
  CHECK(message.find("metrics.jsonl:2: not a JSON object") != std::string::npos);
  CHECK(message.find("hello") != std::string::npos);
  CHECK(test::read_file(folder / "metrics.jsonl") == foreign);
}

TEST_CASE("A disk that cannot be written is a WorldError") {
  if (!std::filesystem::exists("/dev/full")) return;
  AppendFile full("/dev/full");
  CHECK_THROWS_AS(full.append("x"), WorldError);
}

TEST_CASE("Fan-out reaches every sink in order") {
  test::TemporaryFolder folder;
  std::vector<std::unique_ptr<MetricSink>> sinks;
  sinks.push_back(std::make_unique<MetricsFile>(folder / "a"));
  sinks.push_back(std::make_unique<MetricsFile>(folder / "b"));
  FanoutSink both(std::move(sinks));
  both.log(1, {{"loss", 1}});
  both.log(2, {{"loss", 1}});
  both.log_sample(2, "p", "r", 0);
  both.truncate_after(1);
  both.flush();
  for (const std::string name : {"a", "b"}) {
    CHECK(lines_of(folder / (name + "/metrics.jsonl")).size() == 1);
    CHECK(lines_of(folder / (name + "/samples.jsonl")).empty());
  }
}
