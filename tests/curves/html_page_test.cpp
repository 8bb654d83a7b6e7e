#include "curves/html_page.h"

#include <cmath>

#include "contract/error.h"
#include "tests/support/catch.h"

using namespace rlhf;

namespace {

Run sample_run() {
  Run run;
  run.name = "</script><b>run";
  run.folder = "runs/ppo";
  run.metrics["objective/kl"] = {{1, 2, 3}, {0, std::nan(""), 6.123456789}};
  run.metrics["eval_loss"] = {{3}, {2}};
  run.metrics["mine"] = {{1}, {2}};
  run.metrics["time"] = {{1, 2, 3}, {1700000000.125, 1700000001, 1700000002}};
  run.samples.push_back({1, "p", "<script>alert('x')</script><!-- & \xe2\x80\xa8 /*DATA*/ \xff", 0.5});
  run.configuration = {{"kl_coef", 0.1}};
  run.summary = {{"rm_accuracy", 0.75}};
  return run;
}

std::string data_text(const std::string& page) {
  const std::string opening = "<script id=\"data\" type=\"application/json\">";
  const auto from = page.find(opening) + opening.size();
  return page.substr(from, page.find("</script>", from) - from);
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("Text from a run cannot leave its place in the page") {
  const std::string page = html_page({sample_run()}, {});
  CHECK(page.find("<script>alert") == std::string::npos);
  CHECK(page.find("<b>run") == std::string::npos);
  CHECK(count(page, "<script") == 3);  // data, Chart.js, ours
  CHECK(count(page, "</script>") == 3);
  const auto data = nlohmann::json::parse(data_text(page));
  CHECK(data["runs"][0]["samples"][0]["response"] ==
        "<script>alert('x')</script><!-- & \xe2\x80\xa8 /*DATA*/ \xef\xbf\xbd");
  CHECK(data["runs"][0]["name"] == "</script><b>run");
}

TEST_CASE("The page needs nothing from outside and says so to the browser") {
  const std::string page = html_page({sample_run()}, {});
  CHECK(page.find("default-src 'none'") != std::string::npos);
  for (const char* loads : {"<script src", "<link", "<img", "<iframe", "@import", "url("}) {
    CAPTURE(loads);
    CHECK(page.find(loads) == std::string::npos);
  }
  CHECK(page.find("Chart.js v") != std::string::npos);
  for (const char* mark : {"/*STYLE*/", "/*CHARTJS*/", "/*CHARTS*/", "/*TABLES*/", "/*SCRIPT*/"}) {
    CHECK(page.find(mark) == std::string::npos);
  }
}

TEST_CASE("The page's data has the curves, with null where a value is not finite") {
  const auto data = nlohmann::json::parse(data_text(html_page({sample_run()}, {})));
  const auto& kl = data["runs"][0]["metrics"]["objective/kl"];
  CHECK(kl["steps"] == nlohmann::json({1, 2, 3}));
  CHECK(kl["values"] == nlohmann::json({0.0, nullptr, 6.12346}));
  CHECK(data["runs"][0]["metrics"]["time"]["values"][0] == 1700000000.125);
  CHECK(data["summaries"] == nlohmann::json::array({{{"rm_accuracy", 0.75}}}));
  std::vector<std::string> cards;
  for (const auto& card : data["cards"]) cards.push_back(card["name"]);
  CHECK(cards == std::vector<std::string>{"objective/kl", "loss", "mine"});
}

TEST_CASE("Metrics can be chosen; one that no run has is refused") {
  PageOptions options;
  options.metrics = {"mine", "eval_loss"};
  const auto data = nlohmann::json::parse(data_text(html_page({sample_run()}, options)));
  REQUIRE(data["cards"].size() == 2);
  CHECK(data["cards"][0]["name"] == "mine");
  CHECK(data["cards"][1]["name"] == "loss");
  options.metrics = {"absent"};
  CHECK_THROWS_AS(html_page({sample_run()}, options), UserError);
}

TEST_CASE("Long curves are thinned to means of neighbours") {
  Run run;
  for (int64_t i = 0; i < 9000; ++i) {
    run.metrics["loss"].steps.push_back(i + 1);
    run.metrics["loss"].values.push_back(static_cast<double>(i));
  }
  const auto data = nlohmann::json::parse(data_text(html_page({run}, {})));
  const auto& loss = data["runs"][0]["metrics"]["loss"];
  CHECK(loss["thinned"] == 3);
  CHECK(loss["steps"].size() == 3000);
  CHECK(loss["steps"][0] == 3);
  CHECK(loss["values"][0] == 1.0);
  CHECK(loss["steps"].back() == 9000);
}
