// The page over HTTP, used well: tasks, drafts, answers, undo, figures.
#include <chrono>
#include <thread>

#include "annotate/page_texts.h"
#include "contract/error.h"
#include "tests/annotate/page_fixture.h"

using namespace rlhf;
using test::Json;
using test::Page;
using test::ranked;

TEST_CASE("a link opens the page, which loads nothing from elsewhere") {
  Page page;
  const auto html = page.client().Get("/a/" + page.tokens["ann"]);
  REQUIRE(html);
  CHECK(html->status == 200);
  CHECK(html->body.find("http") == std::string::npos);
  const std::string policy = html->get_header_value("Content-Security-Policy");
  CHECK(policy.find("default-src 'none'") != std::string::npos);
  CHECK(policy.find("unsafe") == std::string::npos);
  CHECK(html->get_header_value("Referrer-Policy") == "no-referrer");
  CHECK(html->get_header_value("Cache-Control") == "no-store");
  CHECK(html->get_header_value("X-Content-Type-Options") == "nosniff");
  for (const char* file : {"page.css", "icon.svg", "page.js", "elements.js", "ranking.js", "entry.js",
                           "outbox.js", "texts.js", "cards.js", "board.js", "drag.js", "figures.js"}) {
    const auto part = page.client().Get(std::string("/page/") + file);
    REQUIRE(part);
    CHECK(part->status == 200);
    CHECK(part->body.size() > 100);
    if (std::string(file).ends_with(".js"))
      CHECK(part->get_header_value("Content-Type") == "text/javascript; charset=utf-8");
  }
}

TEST_CASE("the session tells who, what and the guidelines") {
  Page page;
  const auto reply = page.client().Get("/api/session", page.as("bob"));
  REQUIRE(reply);
  const Json session = Json::parse(reply->body);
  CHECK(session["annotator"] == "bob");
  CHECK(session["campaign"] == "c");
  CHECK(session["guidelines"] == "be kind");
}

TEST_CASE("an answer on the page is a label, and the reply has the next task") {
  Page page;
  const Json task = page.next("ann");
  CHECK(task["prompt"][0]["text"] == "prompt 0");
  REQUIRE(task["responses"].size() == 3);
  CHECK_FALSE(task["responses"][0].contains("model"));  // blind
  const Json after = page.posted("ann", "/api/answer", ranked(task, {2, 1, 2}));
  CHECK(after["task"]["annotation"] != task["annotation"]);
  CHECK(after["last_answer"] == task["annotation"]);
  CHECK(after["figures"]["you"]["submitted"] == 1);
  CHECK(after["figures"]["tasks"] == 3);
  LedgerSelection all;
  all.split = "all";
  const auto rankings = LedgerPreferences(page.database, all).rankings();
  REQUIRE(rankings.size() == 1);
  CHECK(rankings[0].ranks == std::vector<int>{2, 1, 2});
  for (std::size_t i = 0; i < 3; ++i) CHECK(rankings[0].responses[i] == task["responses"][i]["text"]);
}

TEST_CASE("a draft is there again on the next visit, of another process too") {
  Page page;
  const Json task = page.next("ann");
  page.posted("ann", "/api/draft",
              {{"annotation", task["annotation"]}, {"ranks", {2, nullptr, 1}}, {"note", "näh \xE2\x98\x83"}});
  page.serve();
  const Json again = page.next("ann");
  CHECK(again["annotation"] == task["annotation"]);
  CHECK(again["note"] == "näh \xE2\x98\x83");
  CHECK(again["responses"][0]["rank"] == 2);
  CHECK(again["responses"][1]["rank"].is_null());
  for (std::size_t i = 0; i < 3; ++i) CHECK(again["responses"][i]["text"] == task["responses"][i]["text"]);
}

TEST_CASE("skip, cannot be ranked and undo, each kept once however often it is sent") {
  Page page;
  const Json first = page.next("ann");
  Json skip = ranked(first, {nullptr, nullptr, nullptr});
  skip["verdict"] = "skipped";
  const Json after = page.posted("ann", "/api/answer", skip);
  CHECK(page.posted("ann", "/api/answer", skip)["task"] == after["task"]);
  Json unrankable = ranked(after["task"], {nullptr, nullptr, nullptr});
  unrankable["verdict"] = "not_rankable";
  const Json then = page.posted("ann", "/api/answer", unrankable);
  CHECK(then["figures"]["you"]["skipped"] == 1);
  const Json undo = {{"answer", then["last_answer"]}};
  const Json back = page.posted("ann", "/api/undo", undo);
  CHECK(page.posted("ann", "/api/undo", undo)["task"] == back["task"]);
  CHECK(back["task"]["prompt"] == after["task"]["prompt"]);
  CHECK(page.labels() == 0);
  CHECK(page.store.progress(page.campaign.id).skipped == 1);
  CHECK(page.store.progress(page.campaign.id).not_rankable == 0);
}

TEST_CASE("two people get different tasks, and the same one when overlap asks for it") {
  for (const int overlap : {1, 2}) {
    Page page({{"good", "bad"}, 4, overlap});
    const Json anns = page.next("ann");
    const Json bobs = page.next("bob");
    CHECK((anns["prompt"] == bobs["prompt"]) == (overlap == 2));
    CHECK(anns["annotation"] != bobs["annotation"]);
  }
}

TEST_CASE("agreement and progress are told live") {
  Page page({{"good", "bad"}, 1, 2});
  for (const char* who : {"ann", "bob"}) {
    const Json task = page.next(who);
    const bool good_first = task["responses"][0]["text"] == "good 0";
    page.posted(who, "/api/answer", ranked(task, good_first ? Json{1, 2} : Json{2, 1}));
  }
  const Json state = page.posted("bob", "/api/next", Json::object());
  CHECK(state["task"].is_null());
  CHECK(state["open"] == true);
  const auto figures = [&] { return Json::parse(page.client().Get("/api/figures", page.as("bob"))->body); };
  // Those that were counted before the last answer stand a little longer.
  for (int i = 0; i < 600 && (figures()["done"] != 1 || figures()["you"]["pairs"] != 1); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK(figures()["done"] == 1);
  CHECK(figures()["you"]["pairs"] == 1);
  CHECK(figures()["you"]["agreed"] == 1);
}

TEST_CASE("many answers at once, from both, count once each") {
  Page page({{"good", "plain", "bad"}, 60, 1});
  const auto work = [&](const std::string& who) {
    httplib::Client client("127.0.0.1", page.server->port());
    const httplib::Headers headers = {{"Authorization", "Bearer " + page.tokens.at(who)}};
    int answered = 0;
    auto reply = client.Post("/api/next", headers, "{}", "application/json");
    while (reply && reply->status == 200) {
      const Json task = Json::parse(reply->body)["task"];
      if (task.is_null()) return answered;
      ++answered;
      reply = client.Post("/api/answer", headers, ranked(task, {1, 2, 3}).dump(), "application/json");
    }
    return -1;
  };
  int of_bob = 0;
  std::thread bob([&] { of_bob = work("bob"); });
  const int of_ann = work("ann");
  bob.join();
  CHECK(of_ann + of_bob == 60);
  CHECK(page.labels() == 60);
}

TEST_CASE("a response of 10 MB is shown in pieces and whole") {
  std::string long_text(10 * 1000 * 1000, 'x');
  for (std::size_t i = 0; i + 1 < long_text.size(); i += 1000) long_text.replace(i, 2, "\xC3\xA9");
  Page page({{long_text, "short"}, 1, 1});
  const Json task = page.next("ann");
  const std::size_t at = task["responses"][0]["bytes"] > 1000 ? 0 : 1;
  const Json& part = task["responses"][at];
  CHECK(task.dump().size() < 3 * kFirstPiece);
  CHECK(part["bytes"] == long_text.size() + 2);
  auto whole = part["text"].get<std::string>();
  Json next = part["next"];
  while (!next.is_null()) {
    const auto reply =
        page.client().Get("/api/text?annotation=" + task["annotation"].dump() +
                              "&part=response&index=" + std::to_string(at) + "&offset=" + next.dump(),
                          page.as("ann"));
    REQUIRE(reply);
    const Json piece = Json::parse(reply->body);
    whole += piece["text"].get<std::string>();
    next = piece["next"];
  }
  CHECK(whole == long_text + " 0");
  CHECK(page.posted("ann", "/api/answer", ranked(task, {1, 2}))["task"].is_null());
}

TEST_CASE("pieces are cut between characters") {
  const std::string text = "a\xE2\x82\xAC\xF0\x9F\x98\x80z";
  const TextPiece first = piece_of(text, 0, 2);
  CHECK(first.text == "a\xE2\x82\xAC");
  CHECK(first.next == 4);
  CHECK(piece_of(text, 5, 100).text == "z");
  CHECK(piece_of(text, 4, 100).text == "\xF0\x9F\x98\x80z");
  CHECK_FALSE(piece_of(text, 0, 100).next);
  CHECK(piece_of(text, 1000, 5).text.empty());
  CHECK(piece_of(text, 0, std::string::npos).text == text);
}

TEST_CASE("a port that is taken is an error, not shared") {
  Page page;
  CHECK_THROWS_AS(
      PageServer(PageOptions{page.folder / "ledger.db", page.campaign, "127.0.0.1", page.server->port()},
                 {{}, {}}),
      WorldError);
}
