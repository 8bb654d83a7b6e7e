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
  CHECK(read_text(line("both_bad")).records.at(0).provenance.note == "both are bad");
  CHECK(contains(reason_of(line("nobody")), "field 'winner' is 'nobody'"));
}

TEST_CASE("Arena: dialogues of different lengths have no two answers to one prompt") {
  const std::string a = R"([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "a"}])";
  const std::string b =
      R"([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}])";
  for (const auto& [first, second] : {std::pair{a, b}, {b, a}}) {
    CHECK(contains(reason_of(R"({"model_a": "x", "model_b": "y", "winner": "tie", "conversation_a": )" +
                             first + R"(, "conversation_b": )" + second + "}"),
                   "part before the last answer"));
  }
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
  // In the order in which they were shown, not that of the ranks: who was shown first must not look as who
  // won.
  CHECK(ranking(reading).responses == std::vector<std::string>{"a", "b", "c"});
  CHECK(ranking(reading).ranks == std::vector<int>{2, 2, 1});
  CHECK(reading.records[0].provenance.annotator == "u1");
  REQUIRE(reading.rejected.size() == 2);
  CHECK(contains(reading.rejected[0].reason, "status is 'draft'"));
  CHECK(contains(reading.rejected[1].reason, "names 'response-9', and no field is called so"));
}

TEST_CASE("Argilla: the SDK gives a ranking as its options alone, and flat records on the hub") {
  const auto nested = read_text(
      R"([{"id": "r1", "fields": {"prompt": "p", "response-2": "b", "response-10": "j"}, "metadata": {}, "suggestions": {}, )"
      R"("responses": {"labels": [{"value": ["long", "short"], "user_id": "u1"}], "rank": [{"value": ["response-10", "response-2"], "user_id": "u1"}]}, )"
      R"("vectors": {}, "status": "pending", "_server_id": null}])",
      "", "records.json");
  REQUIRE(nested.records.size() == 1);
  CHECK(ranking(nested).responses == std::vector<std::string>{"b", "j"});
  CHECK(ranking(nested).ranks == std::vector<int>{2, 1});
  CHECK(nested.records[0].provenance.annotator == "u1");
  const auto flat = read_text(
      R"({"id": "r1", "status": "completed", "_server_id": "x", "prompt": "p", "response-1": "a", "response-2": "b", "source": "s", )"
      R"("rank.responses": [["response-2", "response-1"], ["response-1", "response-2"]], "rank.responses.users": ["u1", "u2"], )"
      R"("rank.responses.status": ["submitted", "draft"], "rank.suggestion": null})");
  CHECK(flat.summary.format == "argilla");
  REQUIRE(flat.records.size() == 1);
  CHECK(ranking(flat).prompt.text == "p");
  CHECK(ranking(flat).ranks == std::vector<int>{2, 1});
  CHECK(flat.records[0].provenance.annotator == "u1");
  CHECK(flat.records[0].provenance.source == "s");
  REQUIRE(flat.rejected.size() == 1);
  CHECK(contains(flat.rejected[0].reason, "status is 'draft'"));
}

TEST_CASE(
    "Label Studio: the order stands under the control's name, buckets and three items for a pair do not do") {
  const auto task = [](const std::string& result) {
    return R"({"data": {"prompt": "p", "items": [{"id": "i1", "body": "a"}, {"id": "i2", "body": "b"}, {"id": "i3", "body": "c"}]}, "annotations": [{"result": [)" +
           result + "]}]}";
  };
  const auto reading =
      read_text(task(R"({"type": "ranker", "value": {"ranker": {"rank": ["i3", "i1", "i2"]}}})"));
  REQUIRE(reading.records.size() == 1);
  CHECK(ranking(reading).ranks == std::vector<int>{2, 3, 1});
  CHECK(contains(
      reason_of(task(R"({"type": "ranker", "value": {"ranker": {"good": ["i3"], "_": ["i1", "i2"]}}})")),
      "sorts into buckets"));
  CHECK(contains(reason_of(task(R"({"type": "pairwise", "value": {"selected": "left"}})")),
                 "needs two items, there are 3"));
}

TEST_CASE("Alpaca and ShareGPT keep the system prompt and the history") {
  const auto alpaca =
      read_text(R"({"instruction": "c", "output": "d", "system": "s", "history": [["a", "b"]]})");
  const auto& turns = std::get<Demonstration>(alpaca.records.at(0).content);
  CHECK(turns.prompt.messages ==
        Conversation{{"system", "s"}, {"user", "a"}, {"assistant", "b"}, {"user", "c"}, {"assistant", "d"}});
  CHECK(turns.first_supervised_message == 4);
  CHECK(contains(reason_of(R"({"instruction": "c", "output": "d", "history": [["a"]]})"),
                 "[question, answer] each"));
  const auto sharegpt = read_text(
      R"({"system": "s", "conversations": [{"from": "human", "value": "h"}, {"from": "gpt", "value": "g"}]})");
  CHECK(std::get<Demonstration>(sharegpt.records.at(0).content).prompt.messages[0] == Message{"system", "s"});
}

TEST_CASE("records that only look like a format are refused rather than read with a part missing") {
  CHECK(contains(reason_of(R"({"system": "s", "question": "q", "chosen": "a", "rejected": "b"})"),
                 "its fields: chosen, question, rejected, system; --columns"));
  CHECK(contains(reason_of(R"({"prompt": "p", "completions": ["a"], "labels": [true]})"),
                 "not a record of any"));
  CHECK(contains(reason_of(R"({"prompt": "p", "output": "a"})"), "--columns"));
  CHECK(
      contains(reason_of(R"({"prompt": "p", "response_1": "a", "response_2": "b"})"), "not a record of any"));
  CHECK(contains(
      reason_of(
          R"({"message_id": "m", "parent_id": null, "text": "t", "role": "prompter", "message_tree_id": "m"})"),
      "take the one of trees"));
}

TEST_CASE("prompt and response are a demonstration, with a label a judged response") {
  const auto demonstration = read_text(R"({"prompt": "p", "response": "a"})");
  CHECK(demonstration.summary.format == "trl-prompt-completion");
  CHECK(std::get<Demonstration>(demonstration.records.at(0).content).completion == "a");
  const auto judged = read_text(R"({"prompt": "p", "response": "a", "label": true})");
  CHECK(std::get<RatedResponse>(judged.records.at(0).content).response == "a");
}

TEST_CASE("pairs under Argilla's names keep models and ratings") {
  const auto reading = read_text(
      R"({"prompt": "p", "chosen": "a", "rejected": "b", "chosen-model": "x", "rejected-model": "y", "chosen-rating": 5, "rejected-rating": 2.5})");
  const Provenance& known = reading.records.at(0).provenance;
  CHECK(known.response_models == std::vector<std::string>{"x", "y"});
  CHECK(known.ratings == std::vector<ResponseRating>{{0, "overall", 5.0}, {1, "overall", 2.5}});
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

TEST_CASE(
    "cells of a spreadsheet: empty optional ones are absent, TRUE and 1.0 are true, numbers are numbers") {
  const auto pairs = read_text(
      "prompt,chosen,rejected,margin,confidence,score_chosen,annotator\r\np,a,b,,3,4.5,\r\np,a,c,x,,,\r\n",
      "", "a.csv");
  REQUIRE(pairs.records.size() == 1);
  CHECK_FALSE(ranking(pairs).margin);
  CHECK(pairs.records[0].provenance.confidence == 3.0);
  CHECK(pairs.records[0].provenance.ratings == std::vector<ResponseRating>{{0, "overall", 4.5}});
  CHECK(contains(pairs.rejected.at(0).message(), "a.csv:3: field 'margin' must be a number, not 'x'"));
  const auto labels = read_text("prompt,completion,label\np,a,TRUE\np,b,False\np,c,1.0\np,d,\n", "", "b.csv");
  REQUIRE(labels.records.size() == 3);
  CHECK(labels.records[1].provenance.ratings[0].value == 0.0);
  CHECK(contains(labels.rejected.at(0).reason, "'label' must be true or false"));
}

TEST_CASE("K responses in columns: a row may have fewer, a rank alone or a text alone is wrong") {
  const auto reading = read_text(
      "prompt,response_1,rank_1,response_2,rank_2,response_3,rank_3,model_2\n"
      "p,a,2,b,1,c,2,m\np,a,1,b,2,,,\np,a,1,b,,,,\np,a,1,,2,,,\n",
      "", "ranked.csv");
  CHECK(reading.summary.format == "kwise-columns");
  REQUIRE(reading.records.size() == 2);
  CHECK(ranking(reading).ranks == std::vector<int>{2, 1, 2});
  CHECK(reading.records[0].provenance.response_models == std::vector<std::string>{"", "m", ""});
  CHECK(ranking(reading, 1).responses == std::vector<std::string>{"a", "b"});
  REQUIRE(reading.rejected.size() == 2);
  CHECK(contains(reading.rejected[0].reason, "field 'rank_2' is empty"));
  CHECK(contains(reading.rejected[1].reason, "field 'response_2' is empty"));
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
