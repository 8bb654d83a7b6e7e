// The report card as a page, as JSON and as text.
#include "evaluate/reward_card.h"

#include "contract/error.h"
#include "evaluate/one_line.h"
#include "evaluate/reward_card_json.h"
#include "evaluate/reward_card_page.h"
#include "evaluate/reward_card_text.h"
#include "tests/evaluate/scored.h"
#include "tests/support/catch.h"

using namespace rlhf;
using nlohmann::json;
using test::scored;

namespace {

const std::string kAttack = "</script><script>alert('x')</script><!-- & \xe2\x80\xa8 /*DATA*/ \x1b[2J \xff";
const std::string kAsShown =
    "</script><script>alert('x')</script><!-- & \xe2\x80\xa8 /*DATA*/ \x1b[2J \xef\xbf\xbd";

/// Two people on one prompt, who disagree, and the model with Ann; everything is called by the attack.
class Example {
 public:
  Example() {
    rankings = {scored({2, 1}, {1, 0.5}, 0, kAttack), scored({1, 2}, {1, 0.5}, 0, "ann")};
    for (auto& ranking : rankings) {
      ranking.ranking.prompt.messages = {{"user", kAttack}};
      ranking.ranking.responses = {kAttack, "it was \xc3\xa9"};
      ranking.provenance.source = kAttack;
    }
    card = reward_card(rankings, rankings, 20);
    card.model = kAttack;
    card.data = kAttack;
  }
  std::vector<ScoredRanking> rankings;
  RewardCard card;
};

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

json data_in(const std::string& page) {
  const std::string opening = "<script id=\"data\" type=\"application/json\">";
  const auto from = page.find(opening) + opening.size();
  return json::parse(page.substr(from, page.find("</script>", from) - from));
}

}  // namespace

TEST_CASE("texts of the data cannot leave their place in the card's page") {
  const std::string page = reward_card_page(Example().card);
  CHECK(page.find("<script>alert") == std::string::npos);
  CHECK(count(page, "<script") == 3);  // data, Chart.js, ours
  CHECK(count(page, "</script>") == 3);
  const json mistake = data_in(page)["mistakes"][0];
  for (const char* key : {"rejected", "annotator", "source"}) CHECK(mistake[key] == kAsShown);
  CHECK(mistake["prompt"][0]["content"] == kAsShown);
}

TEST_CASE("the page is whole: it loads nothing, and holds style, charts and pieces") {
  const std::string page = reward_card_page(Example().card);
  CHECK(page.find("src=") == std::string::npos);
  CHECK(page.find("<link") == std::string::npos);
  CHECK(page.find("default-src 'none'") != std::string::npos);
  for (const char* mark : {"/*STYLE*/", "/*CARD_STYLE*/", "/*CHARTJS*/", "/*PIECES*/", "/*SCRIPT*/"})
    CHECK(page.find(mark) == std::string::npos);
  for (const char* part : {"Chart.js v", "function chartCard", "function mistakesSection", ".groups"})
    CHECK(page.find(part) != std::string::npos);
}

TEST_CASE("the JSON begins with the contract, and says what the data do not tell") {
  const auto found = reward_card_json(Example().card);
  std::vector<std::string> first;
  for (const auto& [key, value] : found.items())
    if (first.size() < 6) first.push_back(key);
  CHECK(first == std::vector<std::string>{"accuracy", "accuracy_low", "accuracy_high", "pairs", "prompts",
                                          "rankings"});
  CHECK(found["accuracy"] == 0.5);
  CHECK(found["pairs"] == 2);
  CHECK(found["prompts"] == 1);
  CHECK(found["by"]["annotator"].size() == 2);
  CHECK(found["ceiling"]["pairs"] == 1);
  CHECK(found["ceiling"]["model_person"] == 0.5);
  CHECK(found["ceiling"]["person_person"] == 0.0);
  CHECK(found["calibration"]["bins"].size() == 1);
  CHECK(found["length"]["pairs"] == 2);
  CHECK(found["scores"]["chosen"]["counts"].size() == found["scores"]["rejected"]["counts"].size());
  CHECK(found["left_out"].contains("split"));
  CHECK(!found["by"].contains("split"));

  const std::vector<ScoredRanking> nameless{scored({1, 2}, {1, 0})};
  const auto bare = reward_card_json(reward_card(nameless, nameless, 20));
  CHECK(!bare.contains("ceiling"));
  CHECK(bare["left_out"]["ceiling"] == "no ranking names its annotator");
  CHECK(bare["mistakes"].empty());
}

TEST_CASE("the card in a terminal has the figures, and no text of the data steers the terminal") {
  const std::string text = reward_card_text(Example().card, {80, false, true, 0, {}});
  for (const char* part : {"2 pairs of 2 rankings, 1 prompts", "all pairs", "0.500 (0.500 to 0.500)", "ECE",
                           "another person", "Worst mistakes", "given a probability of 0.2689",
                           "by split: no record names its split", "it was \xc3\xa9"}) {
    INFO(part);
    CHECK(text.find(part) != std::string::npos);
  }
  CHECK(text.find('\x1b') == std::string::npos);
}

TEST_CASE("rankings without an untied pair have no card") {
  const std::vector<ScoredRanking> tied{scored({1, 1}, {1, 0})};
  CHECK_THROWS_WITH(reward_card(tied, tied, 20), test::contains("no untied pair"));
}

TEST_CASE("one line is what is left of a text without its controls, cut at whole characters") {
  CHECK(one_line(" a\n\n b\tc\x1b[31m\x7f d\xc2\x9b"
                 "e",
                 80) == "a b c [31m d e");
  CHECK(one_line("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 5) ==
        "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9");
  CHECK(one_line("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 5) == "\xc3\xa9\xc3\xa9...");
  CHECK(one_line("", 10).empty());
}
