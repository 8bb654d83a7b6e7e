#include <algorithm>

#include "contract/error.h"
#include "tests/formats/reading.h"
#include "tests/support/catch.h"

namespace rlhf {

using test::contains;
using test::ranking;
using test::read_text;
using test::reason_of;

TEST_CASE("an implicit prompt is what both texts share, a trailing space going to the answers") {
  const auto reading = read_text(R"({"chosen": "The sky is blue.", "rejected": "The sky is green."})");
  REQUIRE(reading.records.size() == 1);
  CHECK(reading.summary.format == "trl-preference-implicit");
  CHECK(ranking(reading).prompt.text == "The sky is");
  CHECK(ranking(reading).responses == std::vector<std::string>{" blue.", " green."});
}

TEST_CASE("an implicit prompt never cuts a character in two") {
  // U+20AC and U+20AD differ in their last byte only.
  const auto reading =
      read_text("{\"chosen\": \"costs \xE2\x82\xAC\", \"rejected\": \"costs \xE2\x82\xAD\"}");
  REQUIRE(reading.records.size() == 1);
  CHECK(ranking(reading).prompt.text == "costs");
  CHECK(ranking(reading).responses[0] == " \xE2\x82\xAC");
}

TEST_CASE("when one text begins with the other both answers keep their last shared word") {
  const auto reading = read_text(R"({"chosen": "Is it far? No", "rejected": "Is it far? No it is not"})");
  REQUIRE(reading.records.size() == 1);
  CHECK(ranking(reading).prompt.text == "Is it far?");
  CHECK(ranking(reading).responses == std::vector<std::string>{" No", " No it is not"});
}

TEST_CASE("texts without a shared start are answers to an empty prompt") {
  const auto reading = read_text(R"({"chosen": "Yes", "rejected": "No"})");
  REQUIRE(reading.records.size() == 1);
  CHECK(ranking(reading).prompt.text.empty());
  CHECK(ranking(reading).responses == std::vector<std::string>{"Yes", "No"});
}

TEST_CASE("an implicit conversation shares its longest run of whole turns") {
  const auto reading = read_text(
      R"({"chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}],
          "rejected": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hell"}]})",
      "", "data.json");
  // A pretty-printed object is not JSON lines: the message says so line by line.
  CHECK(reading.records.empty());
  const auto good = read_text(
      R"({"chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}], )"
      R"("rejected": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hell"}]})");
  REQUIRE(good.records.size() == 1);
  CHECK(ranking(good).prompt.messages == Conversation{{"user", "Hi"}});
  CHECK(ranking(good).responses == std::vector<std::string>{"Hello", "Hell"});
}

TEST_CASE("conversations that part before the answer have no pair of answers") {
  const std::string reason = reason_of(
      R"({"chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}], )"
      R"("rejected": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "c"}]})");
  CHECK(contains(reason, "field 'chosen' must hold one message of the assistant"));
  CHECK(contains(
      reason_of(
          R"({"chosen": [{"role": "user", "content": "a"}], "rejected": [{"role": "user", "content": "b"}]})"),
      "share no first message"));
}

TEST_CASE("a chat prompt takes answers as messages, as text, or repeated behind the prompt") {
  const std::string prompt = R"("prompt": [{"role": "user", "content": "Hi"}])";
  for (
      const std::string answers :
      {R"("chosen": [{"role": "assistant", "content": "a"}], "rejected": [{"role": "assistant", "content": "b"}])",
       R"("chosen": "a", "rejected": "b")",
       R"("chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "a"}], "rejected": "b")"}) {
    const auto reading = read_text("{" + prompt + ", " + answers + "}");
    REQUIRE(reading.records.size() == 1);
    CHECK(ranking(reading).prompt.messages == Conversation{{"user", "Hi"}});
    CHECK(ranking(reading).responses == std::vector<std::string>{"a", "b"});
  }
  CHECK(contains(
      reason_of(R"({"prompt": "Hi", "chosen": [{"role": "assistant", "content": "a"}], "rejected": "b"})"),
      "the prompt is plain text"));
}

TEST_CASE("Anthropic HH is cut at the last answer both dialogues share") {
  const auto reading =
      read_text(R"({"chosen": "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Why?\n\nAssistant: Because.", )"
                R"("rejected": "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Why?\n\nAssistant: Be gone."})");
  REQUIRE(reading.records.size() == 1);
  CHECK(reading.summary.format == "hh");
  CHECK(ranking(reading).prompt.messages ==
        Conversation{{"user", "Hi"}, {"assistant", "Yes?"}, {"user", "Why?"}});
  CHECK(ranking(reading).responses == std::vector<std::string>{"Because.", "Be gone."});
}

TEST_CASE("HH says what is wrong with a dialogue") {
  CHECK(contains(reason_of(R"({"chosen": "Hi", "rejected": "\n\nHuman: Hi"})", "hh"),
                 "field 'chosen' does not start with"));
  CHECK(contains(
      reason_of(R"({"chosen": "\n\nHuman: a\n\nAssistant: ", "rejected": "\n\nHuman: a\n\nAssistant: b"})"),
      "field 'chosen' is empty"));
  CHECK(contains(
      reason_of(R"({"chosen": "\n\nHuman: a\n\nAssistant: c", "rejected": "\n\nHuman: b\n\nAssistant: c"})"),
      "there is no prompt"));
  CHECK(contains(
      reason_of(R"({"chosen": "\n\nHuman: a\n\nAssistant: c", "rejected": "\n\nHuman: a\n\nAssistant: c"})"),
      "identical"));
}

TEST_CASE("1,800 real HH lines give 1,796 pairs; the other four have an empty answer") {
  const auto path = test::shared_data("hh_harmless_1800.jsonl.gz");
  if (path.empty()) return;
  const auto reading = test::read_all(path.string());
  CHECK(reading.summary.format == "hh");
  CHECK(reading.records.size() == 1796);
  std::vector<int64_t> lines;
  for (const auto& rejected : reading.rejected) {
    lines.push_back(rejected.line);
    CHECK(contains(rejected.reason, "field 'chosen' is empty"));
  }
  CHECK(lines == std::vector<int64_t>{87, 517, 926, 1104});
}

TEST_CASE("100 real Open-Assistant trees give 211 fully ranked groups and 751 pairs") {
  const auto path = test::shared_data("oasst_en_100_tree.jsonl.gz");
  if (path.empty()) return;
  const auto reading = test::read_all(path.string());
  CHECK(reading.summary.format == "oasst");
  CHECK(reading.records.size() == 211);
  std::size_t pairs = 0;
  std::size_t most = 0;
  for (std::size_t i = 0; i < reading.records.size(); ++i) {
    const std::size_t k = ranking(reading, i).responses.size();
    pairs += k * (k - 1) / 2;
    most = std::max(most, k);
    CHECK(ranking(reading, i).prompt.messages.back().role == "user");
  }
  CHECK(pairs == 751);
  CHECK(most == 9);
  REQUIRE(reading.rejected.size() == 1);
  CHECK(contains(reading.rejected[0].reason, "answers have no rank"));
}

TEST_CASE("Open-Assistant trees give one ranking per answered message, deleted answers left out") {
  const auto reading = read_text(
      R"({"message_tree_id": "t", "tree_state": "ready_for_export", "prompt": {"message_id": "m", "text": "Q", "role": "prompter", "replies": [)"
      R"({"message_id": "a", "text": "A", "role": "assistant", "rank": 1, "model_name": "x", "replies": []},)"
      R"({"message_id": "b", "text": "B", "role": "assistant", "rank": 0, "replies": [{"message_id": "q", "text": "Q2", "role": "prompter", "replies": [)"
      R"({"message_id": "e", "text": "E", "role": "assistant", "rank": 0}, {"message_id": "f", "text": "F", "role": "assistant", "rank": null}]}]},)"
      R"({"message_id": "c", "text": "C", "role": "assistant", "rank": null, "deleted": true, "replies": []}]}})");
  REQUIRE(reading.records.size() == 1);
  CHECK(ranking(reading).prompt.messages == Conversation{{"user", "Q"}});
  CHECK(ranking(reading).ranks == std::vector<int>{2, 1});
  CHECK(reading.records[0].provenance.source_id == "m");
  CHECK(reading.records[0].provenance.response_ids == std::vector<std::string>{"a", "b"});
  CHECK(reading.records[0].provenance.response_models == std::vector<std::string>{"x", ""});
  REQUIRE(reading.rejected.size() == 1);
  CHECK(contains(reading.rejected[0].reason, "message q: 1 of 2 answers have no rank"));
}

TEST_CASE("K-wise ranks are made dense, whichever way they are given") {
  const std::string start = R"({"prompt": "p", "responses": ["a", "b", "c", "d"], )";
  const std::vector<int> expected = {1, 2, 2, 3};
  CHECK(ranking(read_text(start + R"("ranks": [1, 2, 2, 4]})")).ranks == expected);
  CHECK(ranking(read_text(start + R"("ranks": [0, 3, 3, 7]})")).ranks == expected);
  CHECK(ranking(read_text(start + R"("ranking": [0, [1, 2], 3]})")).ranks == expected);
  CHECK(ranking(read_text(start + R"("scores": [9.5, 2, 2.0, -1]})")).ranks == expected);
}

TEST_CASE("K-wise: one chosen text against a list of rejected ones ties the rejected") {
  const auto reading = read_text(R"({"prompt": "p", "chosen": "a", "rejected": ["b", "c"]})");
  REQUIRE(reading.records.size() == 1);
  CHECK(reading.summary.format == "kwise");
  CHECK(ranking(reading).ranks == std::vector<int>{1, 2, 2});
}

TEST_CASE("K-wise says what is wrong with ranks and responses") {
  const std::string start = R"({"prompt": "p", "responses": ["a", "b", "c"], )";
  CHECK(contains(reason_of(start + R"("ranks": [1, 2]})"), "field 'ranks' has 2 entries for 3 responses"));
  CHECK(contains(reason_of(start + R"("ranks": [1, 2, 2.5]})"), "must be a whole number"));
  CHECK(contains(reason_of(start + R"("ranks": [1, -2, 3]})"), "negative"));
  CHECK(contains(reason_of(start + R"("ranking": [0, 0, 1]})"), "names response 0 twice"));
  CHECK(contains(reason_of(start + R"("ranking": [0, 3, 1]})"), "names response 3, there are 3"));
  CHECK(contains(reason_of(start + R"("ranking": [0, 1]})"), "leaves out response 2"));
  CHECK(contains(reason_of(R"({"prompt": "p", "responses": ["a", "b"]})"), "field 'ranks' is missing"));
  CHECK(
      contains(reason_of(R"({"prompt": "p", "responses": ["a"], "ranks": [1]})"), "at least two responses"));
  CHECK(contains(reason_of(R"({"prompt": "p", "responses": ["a", ""], "ranks": [1, 2]})"),
                 "response 1 is empty"));
  CHECK(contains(reason_of(R"({"prompt": "p", "responses": ["a", "b", "a"], "ranks": [1, 2, 3]})"),
                 "response 0 and response 2 are identical but ranked differently"));
}

TEST_CASE("identical responses that are tied are one response, what is known of the rest stays with it") {
  const auto reading = read_text(
      R"({"prompt": "p", "responses": ["a", {"text": "a", "model": "m1"}, {"text": "b", "model": "m2", "ratings": {"h": 4}}], "ranks": [1, 1, 2]})");
  REQUIRE(reading.records.size() == 1);
  CHECK(ranking(reading).responses == std::vector<std::string>{"a", "b"});
  CHECK(ranking(reading).ranks == std::vector<int>{1, 2});
  CHECK(reading.records[0].provenance.response_models == std::vector<std::string>{"", "m2"});
  CHECK(reading.records[0].provenance.ratings == std::vector<ResponseRating>{{1, "h", 4.0}});
}

}  // namespace rlhf
