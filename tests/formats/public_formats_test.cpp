// Formats of data sets and annotation tools. The records are written to the published schemas, except where a
// test reads a file of the shared data.
#include <algorithm>

#include "contract/error.h"
#include "tests/formats/reading.h"
#include "tests/support/catch.h"

namespace rlhf {

using test::contains;
using test::ranking;
using test::read_text;
using test::reason_of;

TEST_CASE("summarize-from-feedback: a comparison keeps worker, policies and confidence") {
  const auto reading = read_text(
      R"({"info": {"id": "t3_1", "post": "Long story", "title": "Help", "subreddit": "AskReddit"}, "split": "train", )"
      R"("summaries": [{"text": " short", "policy": "sup1"}, {"text": " shorter", "policy": "ref"}], "choice": 1, )"
      R"("worker": "w9", "batch": "b1", "extra": {"confidence": 7}})");
  REQUIRE(reading.records.size() == 1);
  CHECK(reading.summary.format == "summarize-from-feedback");
  CHECK(ranking(reading).prompt.text ==
        "SUBREDDIT: r/AskReddit\n\nTITLE: Help\n\nPOST: Long story\n\nTL;DR:");
  CHECK(ranking(reading).ranks == std::vector<int>{2, 1});
  const Provenance& known = reading.records[0].provenance;
  CHECK(known.annotator == "w9");
  CHECK(known.confidence == 7.0);
  CHECK(known.response_models == std::vector<std::string>{"sup1", "ref"});
  CHECK(contains(
      reason_of(R"({"info": {"post": "p"}, "summaries": [{"text": "a"}, {"text": "b"}], "choice": 2})"),
      "field 'choice' is 2, there are 2 summaries"));
}

TEST_CASE("summarize-from-feedback: axis ratings are a rated response") {
  const auto reading = read_text(
      R"({"info": {"id": "x", "article": "News"}, "summary": {"text": "n", "policy": "p", "axes": {"overall": 6, "accuracy": null}}, "worker": "w"})");
  REQUIRE(reading.records.size() == 1);
  CHECK(std::get<RatedResponse>(reading.records[0].content).response == "n");
  CHECK(reading.records[0].provenance.ratings == std::vector<ResponseRating>{{0, "overall", 6.0}});
}

TEST_CASE("UltraFeedback: the overall score ranks, aspects that are texts or N/A are kept or left out") {
  const auto reading = read_text(
      R"({"source": "flan", "instruction": "Do", "completions": [)"
      R"({"model": "m1", "response": "a", "overall_score": "6.5", "annotations": {"helpfulness": {"Rating": "3"}, "honesty": {"Rating": "N/A"}}},)"
      R"({"model": "m2", "response": "b", "overall_score": 8}, {"model": "m3", "response": "c", "overall_score": 6.5}]})");
  REQUIRE(reading.records.size() == 1);
  CHECK(ranking(reading).ranks == std::vector<int>{2, 1, 2});
  CHECK(ranking(reading).prompt.messages == Conversation{{"user", "Do"}});
  const auto& ratings = reading.records[0].provenance.ratings;
  REQUIRE(ratings.size() == 4);
  CHECK(ratings[1] == ResponseRating{0, "helpfulness", 3.0});
}

TEST_CASE("UltraFeedback binarised is a preference whose prompt is the shared turns") {
  const auto reading = read_text(
      R"({"prompt": "Do", "prompt_id": "h", "chosen": [{"role": "user", "content": "Do"}, {"role": "assistant", "content": "a"}], )"
      R"("rejected": [{"role": "user", "content": "Do"}, {"role": "assistant", "content": "b"}], "messages": [], "score_chosen": 8, "score_rejected": 3})");
  REQUIRE(reading.records.size() == 1);
  CHECK(reading.summary.format == "trl-preference");
  CHECK(ranking(reading).prompt.messages == Conversation{{"user", "Do"}});
  CHECK(reading.records[0].provenance.source_id == "h");
  CHECK(reading.records[0].provenance.ratings.size() == 2);
}

TEST_CASE("Arena votes in CSV: turns are JSON in the cells, two-turn dialogues that parted are rejected") {
  const auto reading = read_text(
      "id,model_a,model_b,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie\n"
      "1,x,y,\"[\"\"Hi\"\"]\",\"[\"\"a, b\"\"]\",\"[\"\"c\nd\"\"]\",0,1,0\n"
      "2,x,y,\"[\"\"Hi\"\",\"\"So\"\"]\",\"[\"\"a\"\",\"\"b\"\"]\",\"[\"\"c\"\",\"\"d\"\"]\",1,0,0\n"
      "3,x,y,\"[\"\"Hi\"\"]\",\"[\"\"a\"\"]\",\"[\"\"b\"\"]\",0,0,1\n"
      "4,x,y,\"[\"\"Hi\"\"]\",\"[\"\"a\"\"]\",\"[\"\"b\"\"]\",0,0,0\n"
      "5,x,y,\"[\"\"Hi\"\"]\",\"[null]\",\"[\"\"b\"\"]\",1,0,0\n",
      "", "arena.csv");
  CHECK(reading.summary.format == "arena");
  // A raw line break inside a JSON text is not JSON: the first record is rejected too.
  REQUIRE(reading.records.size() == 1);
  CHECK(ranking(reading).ranks == std::vector<int>{1, 1});
  CHECK(reading.records[0].provenance.response_models == std::vector<std::string>{"x", "y"});
  REQUIRE(reading.rejected.size() == 4);
  CHECK(contains(reading.rejected[0].reason, "not a JSON list of turns"));
  CHECK(contains(reading.rejected[1].reason, "part before the last answer"));
  CHECK(contains(reading.rejected[2].reason, "exactly one of"));
  CHECK(contains(reading.rejected[3].reason, "must be text, not null"));
}

TEST_CASE("Arena votes in JSON keep the judge and tell the two kinds of ties apart") {
  const auto line = [](const std::string& winner) {
    return R"({"question_id": "q", "model_a": "x", "model_b": "y", "winner": ")" + winner +
           R"(", "judge": "j", "conversation_a": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "a"}], )"
           R"("conversation_b": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "b"}]})";
  };
  CHECK(ranking(read_text(line("model_a"))).ranks == std::vector<int>{1, 2});
  CHECK(ranking(read_text(line("model_b"))).ranks == std::vector<int>{2, 1});
  const auto tie = read_text(line("tie (bothbad)"));
  CHECK(ranking(tie).ranks == std::vector<int>{1, 1});
  CHECK(tie.records[0].provenance.note == "both are bad");
  CHECK(tie.records[0].provenance.annotator == "j");
  CHECK(contains(reason_of(line("nobody")), "field 'winner' is 'nobody'"));
}

TEST_CASE("AlpacaEval: the preference runs from 1 to 2, 1.5 is a tie") {
  const auto ranks = [](const std::string& preference) {
    return ranking(
               read_text(R"([{"instruction": "Do", "output_1": "a", "generator_1": "x", "output_2": "b", )"
                         R"("generator_2": "y", "annotator": "gpt", "preference": )" +
                             preference + "}]",
                         "", "annotations.json"))
        .ranks;
  };
  CHECK(ranks("1.0") == std::vector<int>{1, 2});
  CHECK(ranks("1.49") == std::vector<int>{1, 2});
  CHECK(ranks("1.5") == std::vector<int>{1, 1});
  CHECK(ranks("2") == std::vector<int>{2, 1});
  CHECK(contains(reason_of(R"({"instruction": "Do", "output_1": "a", "output_2": "b", "preference": null})"),
                 "field 'preference' must be a number, not null"));
}

TEST_CASE("Alpaca and GSM8K are conversations of one question and one answer") {
  const auto alpaca =
      read_text(R"([{"instruction": "Add", "input": "1 2", "output": "3"}])", "", "alpaca.json");
  REQUIRE(alpaca.records.size() == 1);
  const auto& first = std::get<Demonstration>(alpaca.records[0].content);
  CHECK(first.prompt.messages == Conversation{{"user", "Add\n\n1 2"}, {"assistant", "3"}});
  CHECK(first.first_supervised_message == 1);
  const auto gsm8k = read_text(R"({"question": "1+2?", "answer": "<<1+2=3>>3\n#### 3"})");
  CHECK(gsm8k.summary.format == "gsm8k");
  CHECK(std::get<Demonstration>(gsm8k.records.at(0).content).prompt.messages[1].content ==
        "<<1+2=3>>3\n#### 3");
}

TEST_CASE("real GSM8K solutions: correct ones tie before wrong ones") {
  const auto path = test::shared_data("gsm8k_model_solutions_1000.jsonl.gz");
  if (path.empty()) return;
  const auto reading = test::read_all(path.string());
  CHECK(reading.summary.format == "gsm8k-solutions");
  CHECK(reading.records.size() + reading.rejected.size() == 1000);
  CHECK(reading.records.size() > 990);
  for (std::size_t i = 0; i < reading.records.size(); ++i) {
    const Ranking& group = ranking(reading, i);
    for (const ResponseRating& rating : reading.records[i].provenance.ratings) {
      const bool best = group.ranks[rating.response] == 1;
      const bool all_tied = *std::max_element(group.ranks.begin(), group.ranks.end()) == 1;
      CHECK((all_tied || best == (rating.value == 1.0)));
    }
  }
}

TEST_CASE("Label Studio: each annotation is a ranking; skipped and broken ones are told") {
  const auto reading = read_text(
      R"([{"id": 12, "data": {"prompt": "p", "items": [{"id": "i1", "title": "t", "body": "a"}, {"id": "i2", "body": "b"}]}, "annotations": [)"
      R"({"id": 1, "completed_by": 3, "was_cancelled": false, "result": [{"type": "ranker", "value": {"ranker": ["i2", "i1"]}}]},)"
      R"({"id": 2, "completed_by": {"email": "e@x"}, "was_cancelled": true, "result": []},)"
      R"({"id": 3, "result": [{"type": "ranker", "value": {"ranker": ["i2"]}}]}]}])",
      "", "tasks.json");
  CHECK(reading.summary.format == "label-studio");
  REQUIRE(reading.records.size() == 1);
  CHECK(ranking(reading).ranks == std::vector<int>{2, 1});
  CHECK(reading.records[0].provenance.annotator == "3");
  CHECK(reading.records[0].provenance.source_id == "12");
  REQUIRE(reading.rejected.size() == 2);
  CHECK(contains(reading.rejected[0].reason, "annotation 1: the annotator skipped it"));
  CHECK(contains(reading.rejected[1].reason, "leaves out item 'i1'"));
}

TEST_CASE("Label Studio: a pairwise choice is a ranking of two") {
  const auto reading = read_text(
      R"({"data": {"prompt": "p", "answer1": "a", "answer2": "b"}, "annotations": [{"result": [{"type": "pairwise", "value": {"selected": "right"}}]}]})");
  REQUIRE(reading.records.size() == 1);
  CHECK(ranking(reading).ranks == std::vector<int>{2, 1});
}

TEST_CASE("Argilla: each submitted ranking of a user is a ranking, options name the fields") {
  const auto reading = read_text(
      R"({"id": "r1", "fields": {"prompt": "p", "response-1": "a", "response-2": "b", "response-3": "c"}, "responses": {)"
      R"("rank": [{"value": [{"value": "response-3", "rank": 1}, {"value": "Response 1", "rank": 2}, {"value": "response-2", "rank": 2}], "user_id": "u1", "status": "submitted"},)"
      R"({"value": [{"value": "response-1"}, {"value": "response-2"}], "user_id": "u2", "status": "draft"},)"
      R"({"value": [{"value": "response-9"}, {"value": "response-2"}], "user_id": "u3"}], "quality": [{"value": 3}]}})");
  CHECK(reading.summary.format == "argilla");
  REQUIRE(reading.records.size() == 1);
  CHECK(ranking(reading).responses == std::vector<std::string>{"c", "a", "b"});
  CHECK(ranking(reading).ranks == std::vector<int>{1, 2, 2});
  CHECK(reading.records[0].provenance.annotator == "u1");
  REQUIRE(reading.rejected.size() == 2);
  CHECK(contains(reading.rejected[0].reason, "status is 'draft'"));
  CHECK(contains(reading.rejected[1].reason, "names 'response-9', and no field is called so"));
}

TEST_CASE("ShareGPT roles become those of a chat") {
  const auto reading = read_text(
      R"({"id": "c", "conversations": [{"from": "system", "value": "s"}, {"from": "human", "value": "h"}, {"from": "gpt", "value": "g"}]})");
  REQUIRE(reading.records.size() == 1);
  CHECK(std::get<Demonstration>(reading.records[0].content).prompt.messages ==
        Conversation{{"system", "s"}, {"user", "h"}, {"assistant", "g"}});
  CHECK(contains(reason_of(R"({"conversations": [{"from": "bing", "value": "h"}]})"), "from 'bing'"));
}

TEST_CASE("CSV columns named as TRL names them are read as TRL's types") {
  const auto pairs = read_text("prompt,chosen,rejected,margin\np,a,b,0.5\n", "", "pairs.csv");
  CHECK(pairs.summary.format == "trl-preference");
  CHECK(ranking(pairs).margin == 0.5);
  const auto labels =
      read_text("prompt\tcompletion\tlabel\np\ta\ttrue\np\tb\t0\np\tb\tmaybe\n", "", "labels.tsv");
  REQUIRE(labels.records.size() == 2);
  CHECK(labels.records[0].provenance.ratings[0].value == 1.0);
  CHECK(labels.records[1].provenance.ratings[0].value == 0.0);
  CHECK(contains(labels.rejected.at(0).message(), "labels.tsv:4: field 'label' must be true or false"));
}

TEST_CASE("messages may hold text parts, but no pictures and no tool calls") {
  const auto reading = read_text(
      R"({"prompt": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]})");
  CHECK(std::get<Prompt>(reading.records.at(0).content).messages == Conversation{{"user", "ab"}});
  CHECK(contains(reason_of(R"({"prompt": [{"role": "user", "content": [{"type": "image", "image": 1}]}]})"),
                 "not text"));
  CHECK(contains(reason_of(R"({"messages": [{"role": "assistant", "content": null, "tool_calls": []}]})"),
                 "tool call"));
  CHECK(contains(reason_of(R"({"messages": [{"content": "a"}]})"),
                 "message 0 of field 'messages' has no role"));
  CHECK(contains(reason_of(R"({"messages": []})"), "field 'messages' is an empty list"));
}

TEST_CASE("a record of no known format tells its fields, an unknown format name tells the names") {
  CHECK(contains(reason_of(R"({"foo": 1, "bar": 2})"), "its fields: bar, foo"));
  try {
    read_text("{}", "nope");
    FAIL("an unknown format was accepted");
  } catch (const UserError& error) {
    CHECK(contains(error.what(), "no data format is called 'nope'"));
    CHECK(contains(error.what(), "kwise"));
  }
}

}  // namespace rlhf
